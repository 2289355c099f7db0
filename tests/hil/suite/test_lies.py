"""The stories about lies bite: each sees a meter that believes a lie."""

from dataclasses import replace

import pytest

from emulator.scenario.model import WitnessSpec
from hil.capabilities import Authorities, ClockFault
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryVerdict
from hil.stories.interlock import Interlock
from hil.stories.plans import AUTHORITIES
from hil.stories.playing import play_story
from hil.stories.story import BenchStory
from hil.suite.lies import LIES, late_words_bring_no_cut_before_its_hour, lie_of_both


class Believed:
    """Authorities of a meter that loses its count of time before each lie, and hears it from both of them."""

    def __init__(self, authorities: Authorities, clock: ClockFault) -> None:
        self._authorities, self._clock = authorities, clock

    def tell(self, do: WitnessSpec) -> None:
        if not do.offset_ms:
            self._authorities.tell(do)
            return
        self._clock.lose_ticks()
        for source in AUTHORITIES:
            self._authorities.tell(replace(do, source=source))


class Heeded:
    """Authorities whose every lie is taken for the truth, as by a firmware that has no second witness."""

    def __init__(self, authorities: Authorities, clock: ClockFault) -> None:
        self._authorities, self._clock = authorities, clock

    def tell(self, do: WitnessSpec) -> None:
        if do.offset_ms:
            self._clock.lose_ticks()
        for source in AUTHORITIES:
            self._authorities.tell(replace(do, source=source, fresh=True))


def why_with(story: BenchStory, liars: type[Believed] | type[Heeded]) -> str:
    bench = virtual_bench(VirtualDut())
    driver = liars(bench.driver(Authorities), bench.driver(ClockFault))
    faulty = replace(bench, drivers={**bench.drivers, Authorities: driver})
    record = play_story(story, faulty, Interlock(faulty))
    assert record.verdict is StoryVerdict.FAILED, record.why
    return record.why


@pytest.mark.parametrize("story", LIES, ids=lambda story: story.name)
def test_a_meter_that_believes_a_lie_is_seen(story: BenchStory) -> None:
    """Ahead it cuts too early; back, or beyond the end of the window, it does not cut in its hour."""
    why = why_with(story, Believed)
    if story.name.endswith(("an-hour-ahead", "a-day-ahead")):
        assert "household, by the sensor: supplied expected; found: not supplied" in why
    else:
        assert "the cut that was planned for" in why or "cut after the planned hour" in why


def test_a_meter_that_believes_both_authorities_is_seen() -> None:
    assert "disputed expected; found: trusted" in why_with(lie_of_both, Believed)


def test_a_meter_that_takes_late_words_for_the_time_is_seen() -> None:
    assert "the cut that was planned for" in why_with(late_words_bring_no_cut_before_its_hour, Heeded)
