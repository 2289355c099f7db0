"""Small stories, told to a virtual bench in tests."""

from dataclasses import replace

from hil.binding import BoundBench
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryRecord
from hil.stories.interlock import Interlock
from hil.stories.playing import play_story
from hil.stories.story import BenchStory, StoryFunction, story


def bench_with(dut: VirtualDut | None = None, /, **drivers: object) -> BoundBench:
    """A virtual bench; `drivers` take the place of those of the same interface's name."""
    bench = virtual_bench(dut or VirtualDut())
    bound = {each: drivers.get(each.__name__, driver) for each, driver in bench.drivers.items()}
    return replace(bench, drivers={each: driver for each, driver in bound.items() if driver is not None})


def a_story(run: StoryFunction, *needs: type) -> BenchStory:
    """A story that asks what `run` asks."""
    return story(
        name="told",
        title="Told in a test",
        requirements=("I1",),
        needs=needs,
        real_duration="1 s",
    )(run)


def told(run: StoryFunction, *needs: type, bench: BoundBench | None = None) -> StoryRecord:
    """What becomes of it."""
    bound = bench or bench_with()
    return play_story(a_story(run, *needs), bound, Interlock(bound))
