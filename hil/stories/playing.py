"""Plays one story on a bench: whatever happens, the bench is safe afterwards and a record is made."""

import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

from hil.binding import BoundBench
from hil.capabilities import Factory, Orders, Power
from hil.interrupts import InterruptGate
from hil.record.model import Attachment, StoryRecord, StoryVerdict
from hil.stories.black_box import black_box_of
from hil.stories.interlock import Interlock
from hil.stories.notebook import Notebook
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory
from hil.stories.strategy import BenchState, reach
from hil.stories.wishes import StoryFailedError
from protocols.errors import RelanceError
from protocols.instants import SECOND_MS, UtcMs


@dataclass(frozen=True, slots=True)
class Ended:
    """How a story ended, before it is a record. `trace`: of a mistake in the story or in the bench's code."""

    verdict: StoryVerdict
    why: str
    trace: str = ""


_INTERRUPTED: Final = Ended(StoryVerdict.NOT_RUN, "interrupted by the tester")


class InterruptedStory(KeyboardInterrupt):
    """Ctrl-C in the midst of a story; `record` is what there was of it."""

    def __init__(self, record: StoryRecord) -> None:
        super().__init__()
        self.record = record


def why_not(story: BenchStory, bench: BoundBench) -> str:
    """Why a story is not run on a bench; empty: it can be."""
    missing = bench.missing(story.needs)
    if missing:
        return f"needs {', '.join(missing)}: not on this bench"
    if story.firmware is not None and bench.dut.firmware.partition(" ")[0] != story.firmware:
        return f"for {story.firmware} meters; this one is {bench.dut.firmware}"
    if story.meter is not None and Factory not in bench.drivers:
        return f"needs a meter as of {story.meter.start}: no Factory on this bench"
    energy = story.meter.energy if story.meter is not None else None
    if story.energy is not None and story.energy is not energy and bench.dut.energy != story.energy:
        return f"for {story.energy} meters; this one is of {bench.dut.energy}"
    return ""


def play_story(
    story: BenchStory, bench: BoundBench, interlock: Interlock, gate: InterruptGate | None = None
) -> StoryRecord:
    """Play it, and leave the bench safe. Raises InterruptedStory at Ctrl-C, with what there was.

    `gate`: holds signals back, and is opened while the story is told alone.
    """
    notebook = Notebook(bench.timebase.now_ms)
    watch = _Watch(bench, notebook)
    try:
        with _opened(gate):
            why = why_not(story, bench) or interlock.why_not()
    except KeyboardInterrupt:
        raise InterruptedStory(watch.record(story, _INTERRUPTED)) from None
    if why:
        return watch.record(story, Ended(StoryVerdict.NOT_RUN, why))
    stage = StoryBench(bench, notebook)
    is_interrupted = False
    try:
        with _opened(gate):
            ended = _ending(lambda: _tell(story, stage, interlock))
            if ended.verdict is StoryVerdict.FAILED and (told := black_box_of(stage)) is not None:
                notebook.attach(told)
    except KeyboardInterrupt:
        ended, is_interrupted = _INTERRUPTED, True
    left = interlock.make_safe(stage)
    if left.trouble:
        ended = Ended(StoryVerdict.ERROR, " ".join(filter(None, (ended.why, left.trouble))), ended.trace)
    record = watch.record(story, _near(ended, notebook))
    if is_interrupted or left.is_interrupted:
        raise InterruptedStory(record)
    return record


def _opened(gate: InterruptGate | None) -> AbstractContextManager[None]:
    return nullcontext() if gate is None else gate.opened()


def _near(ended: Ended, notebook: Notebook) -> Ended:
    """What has passed is marginal where a measurement is."""
    names = [each.name for each in notebook.measurements if each.verdict is StoryVerdict.MARGINAL]
    if ended.verdict is not StoryVerdict.PASSED or not names:
        return ended
    return Ended(StoryVerdict.MARGINAL, f"near to a limit: {', '.join(names)}")


class _Watch:
    """When a story began, and the record of all that was noted until it ended."""

    def __init__(self, bench: BoundBench, notebook: Notebook) -> None:
        self._bench = bench
        self._notebook = notebook
        self._began_s, self._began_ms = time.monotonic(), bench.timebase.now_ms()

    def record(self, story: BenchStory, ended: Ended) -> StoryRecord:
        """The story's record, as it has just ended."""
        notebook = self._notebook
        moments = sorted(notebook.moments, key=lambda each: each.at_ms)
        trace = (Attachment("traceback.txt", "text/plain", ended.trace),) if ended.trace else ()
        began_ms = moments[0].at_ms if moments else self._began_ms
        return StoryRecord(
            name=story.name,
            title=story.title,
            requirements=story.requirements,
            needs=tuple(each.__name__ for each in story.needs),
            tags=story.tags,
            verdict=ended.verdict,
            why=ended.why,
            began_ms=began_ms,
            ended_ms=UtcMs(max(self._bench.timebase.now_ms(), moments[-1].at_ms if moments else began_ms)),
            took_ms=int((time.monotonic() - self._began_s) * SECOND_MS),
            measurements=tuple(notebook.measurements),
            timeline=tuple(moments),
            attachments=(*notebook.attachments(), *self._bench.logs(), *trace),
        )


def unplayed(story: BenchStory, bench: BoundBench, ended: Ended) -> StoryRecord:
    """The record of a story that was not begun."""
    return _Watch(bench, Notebook(bench.timebase.now_ms)).record(story, ended)


def _tell(story: BenchStory, stage: StoryBench, interlock: Interlock) -> None:
    interlock.make_ready(stage)
    if story.meter is not None:
        stage.put_meter(story.meter)
    elif stage.has(Factory):
        reach(stage, BenchState.FRESH)
    elif stage.has(Orders):
        # The meter is kept, with what an earlier story has brought; without mains it hears nothing.
        if stage.has(Power):
            stage.power.switch(on=True)
        stage.orders.withdraw()
    reach(stage, BenchState.SUPPLIED)
    story.run(stage)


def _ending(tell: Callable[[], None]) -> Ended:
    try:
        tell()
    except StoryFailedError as failure:
        return Ended(StoryVerdict.FAILED, str(failure))
    except RelanceError as error:
        return Ended(StoryVerdict.ERROR, str(error))
    except Exception as error:  # noqa: BLE001 # a mistake in one story must not take the others' records away
        return Ended(StoryVerdict.ERROR, f"{type(error).__name__}: {error}", traceback.format_exc())
    return Ended(StoryVerdict.PASSED, "")
