"""Jumping from due second to due second does what the main loop does second by second, whatever the fault."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from emulator.firmware.credit import settle
from emulator.firmware.effects import Effect
from emulator.firmware.events import (
    Button,
    ButtonName,
    CardPass,
    Event,
    MainsOff,
    MainsOn,
    Overcurrent,
    SetLoad,
    TicksLost,
    UnsignedDate,
)
from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.firmware.legacy.meter import LegacyMeter
from emulator.firmware.profile import Profile
from emulator.firmware.ticks import Tick
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS, UtcMs
from protocols.units import QUANTA_PER_UEUR
from tests.emulator.firmware.legacy.card_meter import AUTOMATIC, GAS, WALLONIA, local
from tests.emulator.firmware.legacy.per_second import PerSecond

SPAN_MS = 2 * HOUR_MS
# A story is short as it is, and telling a shorter one second by second takes minutes.
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
# Where something turns: days, hours of grace, kinds of time, years, tokens.
EDGES = [
    local(text)
    for text in (
        "2020-02-29 00:00",
        "2020-03-01 00:00",
        "2020-03-29 03:00",
        "2020-06-30 09:00",
        "2020-07-02 16:00",
        "2020-07-02 23:01",
        "2020-07-03 00:00",
        "2020-07-05 08:00",
        "2020-07-06 08:00",
        "2020-07-06 09:00",
        "2020-08-15 08:00",
        "2020-10-25 02:00",
        "2021-01-01 00:00",
        "2024-11-24 20:16",
    )
]

near_edges = st.builds(
    lambda edge, ms: edge + ms,
    st.sampled_from(EDGES),
    st.one_of(
        st.integers(-HOUR_MS, HOUR_MS),
        st.integers(-40, 40).map(lambda s: s * SECOND_MS),
        st.integers(-90, 90).map(lambda m: m * MINUTE_MS),
    ),
)
ticks = st.one_of(st.integers(0, SPAN_MS), st.integers(0, SPAN_MS // SECOND_MS).map(lambda s: s * SECOND_MS))


def cards() -> st.SearchStrategy[Event]:
    return st.one_of(
        st.builds(CardPass, st.just(1), date_ms=near_edges),
        st.builds(
            CardPass, st.just(1), programmed_cut=st.sampled_from(("a", "b")), programmed_cut_ms=near_edges
        ),
        st.builds(CardPass, st.just(1), suspend_from_ms=near_edges, suspend_until_ms=near_edges),
        st.builds(CardPass, st.just(1), cancel_cut=st.just("a"), restart=st.booleans()),
        st.builds(
            CardPass, st.just(1), payment=st.sampled_from(("p", "q")), top_up_ueur=st.integers(1, 400_000)
        ),
    )


events = st.one_of(
    cards(),
    cards(),
    st.builds(UnsignedDate, near_edges),
    st.builds(SetLoad, st.integers(0, 4_000)),
    st.builds(Button, st.sampled_from(ButtonName)),
    st.sampled_from((MainsOff(), MainsOn(), MainsOn(), TicksLost(), Overcurrent())),
)
profiles = st.sampled_from((WALLONIA, AUTOMATIC, GAS, replace(WALLONIA, fixed_ueur_per_day=500_000)))
plots = st.lists(st.tuples(ticks, events), max_size=8).map(
    lambda plot: sorted(plot, key=lambda item: item[0])
)

Story = tuple[Profile, int, int, list[tuple[int, Event]]]
stories: st.SearchStrategy[Story] = st.tuples(profiles, near_edges, st.integers(-50_000, 400_000), plots)


def told(meter: LegacyMeter, driver: LegacyMeter | PerSecond, plot: list[tuple[int, Event]]) -> list[object]:
    """Everything it did, call by call, and where it stands in the end."""
    calls: list[tuple[Effect, ...]] = [driver.handle(event, Tick(at)) for at, event in plot]
    end = SPAN_MS + 1_234
    calls.append(driver.advance(Tick(end)))
    settle(meter.point.credit, Tick(end))
    return [*calls, meter.point.credit, meter.readout(Tick(end)), meter.point.supply]


def jumps_as_it_steps(story: Story, faults: tuple[str, ...]) -> None:
    profile, start_ms, balance_ueur, plot = story

    def new_meter() -> LegacyMeter:
        credit = {"balance_q": balance_ueur * QUANTA_PER_UEUR, "load_w": 500}
        return LegacyMeter(profile, **credit, set_ms=UtcMs(start_ms), faults=faults, seed=3)

    jumping, stepping = new_meter(), new_meter()
    assert told(jumping, jumping, plot) == told(stepping, PerSecond(stepping), plot)


@settings(max_examples=25, phases=UNSHRUNK)
@given(stories)
def test_a_sound_meter_jumps_as_it_steps(story: Story) -> None:
    jumps_as_it_steps(story, ())


@pytest.mark.parametrize("name", CATALOGUE)
@settings(max_examples=10, phases=UNSHRUNK)
@given(story=stories)
def test_a_faulty_meter_jumps_as_it_steps(name: str, story: Story) -> None:
    jumps_as_it_steps(story, (name,))


@settings(max_examples=40, phases=UNSHRUNK)
@given(stories, st.sampled_from(list(combinations(CATALOGUE, 2))))
def test_a_meter_with_two_faults_jumps_as_it_steps(story: Story, pair: tuple[str, str]) -> None:
    jumps_as_it_steps(story, pair)


@pytest.mark.parametrize("event", [SetLoad(100), UnsignedDate(local("2020-03-05 00:00"))])
def test_a_fault_at_midnight_is_told_in_its_time_whatever_comes_after(event: Event) -> None:
    plot = [(30 * MINUTE_MS, SetLoad(200)), (90 * MINUTE_MS, event)]
    jumps_as_it_steps((WALLONIA, local("2020-02-28 23:00"), 50_000_000, plot), ("leap_skip",))


@given(stories, st.integers(0, SPAN_MS))
def test_nothing_happens_before_it_is_due(story: Story, until: int) -> None:
    profile, start_ms, balance_ueur, plot = story
    meter = LegacyMeter(profile, balance_q=balance_ueur * QUANTA_PER_UEUR, load_w=500, set_ms=UtcMs(start_ms))
    for at, event in plot:
        meter.handle(event, Tick(at))
    meter.advance(Tick(SPAN_MS))
    due = meter.next_due_tick()
    assert due > SPAN_MS
    assert due % SECOND_MS == 0
    assert meter.advance(Tick(min(due - 1, SPAN_MS + until))) == ()
