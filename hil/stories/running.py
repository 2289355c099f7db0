"""One run: stories played on one bench, one after the other, and the record of all of them."""

import time
from collections.abc import Callable
from importlib.metadata import version

from hil.binding import BoundBench
from hil.interlock import Interlock
from hil.record.model import RunRecord, StoryRecord
from hil.stories.playing import InterruptedStory, play_story
from hil.stories.story import BenchStory
from protocols.instants import SECOND_MS, iso_from_ms
from protocols.rim.clocks import checked_now_ms


class StoryRun:
    """A run. `on_story` is told of each story that has ended. `commit`: of relance, empty where not known."""

    def __init__(
        self,
        bench: BoundBench,
        commit: str = "",
        on_story: Callable[[StoryRecord], None] = lambda _record: None,
    ) -> None:
        self.bench = bench
        self.stories: list[StoryRecord] = []
        self.is_interrupted = False
        self._interlock = Interlock(bench)
        self._commit = commit
        self._on_story = on_story
        self._began_ms = checked_now_ms()
        self._began_s = time.monotonic()

    def play(self, story: BenchStory) -> StoryRecord:
        """Play one story. Raises KeyboardInterrupt at Ctrl-C, once bench and record are safe."""
        try:
            record = play_story(story, self.bench, self._interlock)
        except InterruptedStory as interrupted:
            self.is_interrupted = True
            self._keep(interrupted.record)
            raise
        self._keep(record)
        return record

    def record(self) -> RunRecord:
        """The run as far as it has come."""
        began = iso_from_ms(self._began_ms)
        notes = self.bench.notes
        if self.is_interrupted:
            notes = (
                *notes,
                "The run was interrupted by the tester: stories behind the last one were not asked.",
            )
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

    def _keep(self, record: StoryRecord) -> None:
        self.stories.append(record)
        self._on_story(record)
