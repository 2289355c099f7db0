"""Plays one story on a bench: whatever happens, the bench is safe afterwards and a record is made."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from hil.binding import BoundBench
from hil.capabilities import Factory
from hil.interlock import Interlock
from hil.record.model import Attachment, StoryRecord, StoryVerdict
from hil.stories.black_box import black_box_of
from hil.stories.notebook import Notebook
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory
from hil.stories.wishes import StoryFailedError
from hil.strategy import BenchState, reach
from protocols.errors import RelanceError
from protocols.instants import SECOND_MS, UtcMs


@dataclass(frozen=True, slots=True)
class Ended:
    """How a story ended, before it is a record. `trace`: of a mistake in the story or in the bench's code."""

    verdict: StoryVerdict
    why: str
    trace: str = ""


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
    if story.firmware is not None and bench.dut.firmware.split()[0] != story.firmware:
        return f"for {story.firmware} meters; this one is {bench.dut.firmware}"
    if story.meter is not None and Factory not in bench.drivers:
        return f"needs a meter as of {story.meter.start}: no Factory on this bench"
    energy = story.meter.energy if story.meter is not None else None
    if story.energy is not None and story.energy is not energy and bench.dut.energy != story.energy:
        return f"for {story.energy} meters; this one is of {bench.dut.energy}"
    return ""


def play_story(story: BenchStory, bench: BoundBench, interlock: Interlock) -> StoryRecord:
    """Play it, and leave the bench safe. Raises InterruptedStory at Ctrl-C, with what there was."""
    timebase = bench.timebase
    notebook = Notebook(timebase.now_ms)
    began_s, began_ms = time.monotonic(), timebase.now_ms()

    def record(ended: Ended) -> StoryRecord:
        moments = sorted(notebook.moments, key=lambda each: each.at_ms)
        trace = (Attachment("traceback.txt", "text/plain", ended.trace),) if ended.trace else ()
        return StoryRecord(
            name=story.name,
            title=story.title,
            requirements=story.requirements,
            needs=tuple(each.__name__ for each in story.needs),
            tags=story.tags,
            verdict=ended.verdict,
            why=ended.why,
            began_ms=moments[0].at_ms if moments else began_ms,
            ended_ms=UtcMs(max(timebase.now_ms(), moments[-1].at_ms if moments else began_ms)),
            took_ms=int((time.monotonic() - began_s) * SECOND_MS),
            measurements=tuple(notebook.measurements),
            timeline=tuple(moments),
            attachments=(*notebook.attachments(), *bench.logs(), *trace),
        )

    why = why_not(story, bench) or interlock.why_not(story)
    if why:
        return record(Ended(StoryVerdict.NOT_RUN, why))
    stage = StoryBench(bench, notebook)
    try:
        ended = _ending(lambda: _tell(story, stage, interlock))
    except KeyboardInterrupt:
        interlock.make_safe(stage)
        raise InterruptedStory(record(Ended(StoryVerdict.NOT_RUN, "interrupted by the tester"))) from None
    if ended.verdict is StoryVerdict.FAILED and (told := black_box_of(stage)) is not None:
        notebook.attach(told)
    trouble = interlock.make_safe(stage)
    if trouble:
        ended = Ended(StoryVerdict.ERROR, " ".join(filter(None, (ended.why, trouble))), ended.trace)
    if ended.verdict is StoryVerdict.PASSED and any(
        each.verdict is StoryVerdict.MARGINAL for each in notebook.measurements
    ):
        names = [each.name for each in notebook.measurements if each.verdict is StoryVerdict.MARGINAL]
        ended = Ended(StoryVerdict.MARGINAL, f"near to a limit: {', '.join(names)}")
    return record(ended)


def _tell(story: BenchStory, stage: StoryBench, interlock: Interlock) -> None:
    interlock.make_ready(stage)
    if story.meter is not None:
        stage.put_meter(story.meter)
    elif stage.has(Factory):
        reach(stage, BenchState.FRESH)
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
