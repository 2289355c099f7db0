"""The record of a run on the disk: before its first story, while it runs, and at its end."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from hil.binding import BoundBench
from hil.cli.report import DEFAULT_ZONE, JUNIT_FILE, PAGE_FILE
from hil.record.codec import RECORD_FILE, write_record
from hil.record.files import write_whole
from hil.record.model import RunRecord, StoryVerdict
from hil.reports.junit import junit_of
from hil.reports.page import page_of
from protocols.errors import InputError
from protocols.rim.terminal import complain

BAD: Final = (StoryVerdict.FAILED, StoryVerdict.ERROR)
# On a virtual bench many stories end in a second; a crash costs no more than that one second of them.
EVERY_S: Final = 1


class RecordKeeper:
    """Keeps a run's record in the folder `out`; None: nowhere.

    `last`: the record that is there, of which some stories are told again: all others stay in it.
    """

    def __init__(
        self, out: Path | None, last: RunRecord | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.out = out
        self.last = last
        self._clock = clock
        self._kept_s = clock()

    def begin(self, record: RunRecord) -> None:
        """Before the bench is touched. Raises InputError where nothing can be kept there."""
        if self.out is not None:
            write_record(record if self.last is None else self.last, self.out / RECORD_FILE)

    def after_story(self, record: Callable[[], RunRecord]) -> None:
        """Keep what there is, where the last time is a while ago."""
        if self._clock() - self._kept_s >= EVERY_S:
            self.save(record())

    def save(self, record: RunRecord) -> None:
        """Keep what there is. A disk that is full for a while ends no run: the end tries again."""
        try:
            self._write(record)
        except InputError as error:
            complain(str(error))

    def end(self, record: RunRecord) -> None:
        """Write the whole record, and the reports beside it. Raises InputError where that cannot be done."""
        if self.out is not None:
            self._write(record)
            whole = self.whole(record)
            write_whole(self.out / JUNIT_FILE, junit_of(whole), "--out")
            write_whole(self.out / PAGE_FILE, page_of(whole, DEFAULT_ZONE), "--out")

    def refuse_another(self, bench: BoundBench) -> None:
        """Raise InputError where the last record is of another bench or meter: one record is of one."""
        last = self.last
        if last is not None and (last.bench_sha256, last.dut) != (bench.sha256, bench.dut):
            was, found = (
                f"{dut.name} ({dut.serial}) on {name}"
                for dut, name in ((last.dut, last.bench), (bench.dut, bench.name))
            )
            raise InputError(
                f"--rerun-failed: {self.out}: a record of {was}; allowed: of this meter and bench, {found}"
            )

    def whole(self, record: RunRecord) -> RunRecord:
        """The record with the stories that were not told again, each in its place."""
        last = self.last
        if last is None:
            return record
        again = {each.name: each for each in record.stories}
        note = f"Of run {last.run_id}, but for what was told again: {', '.join(again) or 'nothing yet'}."
        stories = tuple(again.get(each.name, each) for each in last.stories)
        return replace(record, stories=stories, notes=(*record.notes, note))

    def _write(self, record: RunRecord) -> None:
        if self.out is not None:
            write_record(self.whole(record), self.out / RECORD_FILE)
            self._kept_s = self._clock()
