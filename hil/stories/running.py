"""One run: stories played on one bench, one after the other, and the record of all of them."""

import time
from collections.abc import Callable
from importlib.metadata import version

from hil.binding import BoundBench
from hil.interrupts import InterruptGate
from hil.record.codec import recordable
from hil.record.model import RunRecord, StoryRecord, StoryVerdict
from hil.stories.interlock import Interlock
from hil.stories.playing import Ended, InterruptedStory, play_story, unplayed
from hil.stories.story import BenchStory
from protocols.instants import SECOND_MS, iso_from_ms
from protocols.rim.clocks import checked_now_ms


class StoryRun:
    """A run. `commit`: of relance, empty where not known.

    `on_story` is told of each story that has ended; then `keep` is given the record as far as it has come.
    """

    def __init__(
        self,
        bench: BoundBench,
        commit: str = "",
        on_story: Callable[[StoryRecord], None] = lambda _record: None,
        keep: Callable[[Callable[[], RunRecord]], None] = lambda _record: None,
    ) -> None:
        self.bench = bench
        self.stories: list[StoryRecord] = []
        self.is_interrupted = False
        # Why the bench could not be reached, or not be left as it should be.
        self.trouble = ""
        self._interlock = Interlock(bench)
        self._commit = commit
        self._on_story = on_story
        self._keep_on_disk = keep
        self._began_ms = checked_now_ms()
        self._began_s = time.monotonic()

    def play(self, story: BenchStory) -> StoryRecord:
        """Play one story. Raises KeyboardInterrupt at Ctrl-C, once bench and record are safe."""
        try:
            with InterruptGate() as gate:
                self._keep(self._played(story, gate))
        except KeyboardInterrupt:
            self.is_interrupted = True
            raise
        return self.stories[-1]

    def record(self) -> RunRecord:
        """The run as far as it has come."""
        began = iso_from_ms(self._began_ms)
        notes = self.bench.notes
        if self.is_interrupted:
            notes = (
                *notes,
                "The run was interrupted by the tester: stories behind the last one were not asked.",
            )
        if self.trouble:
            notes = (*notes, f"The bench: {self.trouble}")
        return RunRecord(
            run_id=f"{self.bench.name}-{began.replace(':', '')}",
            bench=self.bench.name,
            bench_sha256=self.bench.sha256,
            dut=self.bench.dut,
            version=version("relance"),
            commit=self._commit,
            began=began,
            took_ms=int((time.monotonic() - self._began_s) * SECOND_MS),
            stories=tuple(self.stories),
            calibrations=self.bench.calibrations,
            notes=notes,
        )

    def give_up(self, story: BenchStory, why: str) -> None:
        """Keep a story that could not be told on this bench as an error, with what was expected and found."""
        self._keep(unplayed(story, self.bench, Ended(StoryVerdict.ERROR, why)))

    def _played(self, story: BenchStory, gate: InterruptGate) -> StoryRecord:
        try:
            return play_story(story, self.bench, self._interlock, gate)
        except InterruptedStory as interrupted:
            self._keep(interrupted.record)
            raise

    def _keep(self, record: StoryRecord) -> None:
        self.stories.append(recordable(record))
        self._on_story(self.stories[-1])
        self._keep_on_disk(self.record)
