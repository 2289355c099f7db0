"""The stories about lies bite: a meter that believes a lie is cut before its hour, and each story sees it."""

from dataclasses import replace

import pytest

from emulator.scenario.model import Do, WitnessSpec
from hil.capabilities import ClockFault, Orders
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryVerdict
from hil.stories.interlock import Interlock
from hil.stories.plans import AUTHORITIES
from hil.stories.playing import play_story
from hil.stories.story import BenchStory
from hil.suite.lies import LIES

# Into the interval in which each story plans its cut; sixty days ahead its interval would be over.
A_DAY_AHEAD = [each for each in LIES if each.name.endswith("a-day-ahead")]


class Believing:
    """Orders to a meter that loses its count of time before each lie, and hears it from both authorities."""

    def __init__(self, orders: Orders, clock: ClockFault) -> None:
        self._orders, self._clock = orders, clock

    def bring(self, do: Do) -> None:
        if isinstance(do, WitnessSpec) and do.offset_ms:
            self._clock.lose_ticks()
            for source in AUTHORITIES:
                self._orders.bring(replace(do, source=source))
            return
        self._orders.bring(do)


@pytest.mark.parametrize("story", A_DAY_AHEAD, ids=lambda story: story.name)
def test_a_meter_that_believes_a_lie_is_seen(story: BenchStory) -> None:
    bench = virtual_bench(VirtualDut())
    believing = Believing(bench.driver(Orders), bench.driver(ClockFault))
    faulty = replace(bench, drivers={**bench.drivers, Orders: believing})
    record = play_story(story, faulty, Interlock(faulty))
    assert record.verdict is StoryVerdict.FAILED
    assert "household, by the sensor: supplied expected; found: not supplied" in record.why
