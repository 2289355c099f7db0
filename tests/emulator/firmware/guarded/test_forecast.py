"""The forecast is true: no opening comes before it, and with nothing new the gate is open when it comes."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.firmware.effects import SetSupply
from emulator.firmware.events import MainsOff, MainsOn, TicksLost
from emulator.firmware.guarded.clock import earliest_ms, latest_ms
from emulator.firmware.guarded.gate import judge
from emulator.firmware.guarded.holds import release_holds
from emulator.firmware.guarded.interval import tick_lower_reaches
from emulator.firmware.profile import EmergencyStart
from emulator.firmware.ticks import Tick
from protocols.documents.bodies import FlagBody, LiftBody, Named, ReleaseBody
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS, UtcMs
from protocols.link.question import Evidence, Flags, Interval, Question
from protocols.reasons import FlagName, Source, Supply, SupplyReason
from tests.emulator.firmware.guarded.programs import Step, balances_q, programs
from tests.emulator.firmware.guarded.workbench import MINUTE_MS, MONDAY_MS, PROFILE, Workbench

QUICK = replace(PROFILE, warning_s=60, spread_max_s=90)
EIGHT = MONDAY_MS + 8 * HOUR_MS
WINDOWS = [(EIGHT + day * DAY_MS, EIGHT + day * DAY_MS + 7 * HOUR_MS) for day in range(6)]


def is_gate_open(bench: Workbench) -> bool:
    """What the gate says now to a household without credit, whatever its purse holds."""
    memory, known, tick = bench.meter.memory, bench.meter.known, bench.meter.memory.tick
    interval = Interval(memory.clock.status, earliest_ms(memory.clock, tick), latest_ms(memory.clock, tick))
    flags, evidence = Flags(release_holds(memory)), Evidence(nothing_left=True)
    return judge(Question(SupplyReason.CREDIT, interval, known.permission, known.holds, evidence, flags)).open


def early_ms(bench: Workbench) -> UtcMs:
    return earliest_ms(bench.meter.memory.clock, bench.meter.memory.tick)


def forecast_ms(bench: Workbench) -> int | None:
    return bench.meter.next_possible_ms(bench.tick)


def wait_for_clock(bench: Workbench, instant_ms: int) -> None:
    """Until the meter is sure that an instant has come."""
    clock = bench.meter.memory.clock
    bench.wait(max(0, tick_lower_reaches(clock.earliest, UtcMs(instant_ms), clock.ppm) - bench.tick))


def check(bench: Workbench) -> None:
    """Let nothing arrive any more: the gate is open for the first time when the forecast says so."""
    bench.wait(SECOND_MS)
    expected_ms = forecast_ms(bench)
    if expected_ms is None:
        for _ in range(80):
            assert not is_gate_open(bench)
            bench.wait(3 * HOUR_MS)
        return
    if expected_ms > early_ms(bench) + SECOND_MS:
        assert not is_gate_open(bench)
        wait_for_clock(bench, expected_ms - 2 * SECOND_MS)
        assert not is_gate_open(bench)
    wait_for_clock(bench, expected_ms)
    bench.wait(-bench.tick % SECOND_MS)
    assert is_gate_open(bench)


@settings(max_examples=150)
@given(
    program=programs, days=st.sampled_from([1, 3, 30]), tail_ms=st.sampled_from([0, HOUR_MS, 12 * HOUR_MS])
)
def test_with_nothing_new_the_gate_is_open_at_the_forecast_and_not_before(
    program: list[Step], days: int, tail_ms: int
) -> None:
    bench = Workbench(profile=QUICK)
    bench.permit(*WINDOWS, days=days)
    for wait_ms, _, act in program:
        bench.wait(wait_ms)
        act(bench)
    bench.wait(tail_ms)
    check(bench)


@settings(max_examples=250)
@given(
    balance_q=balances_q,
    program=programs,
    automatic=st.booleans(),
    drift_ppm=st.sampled_from([0, 50, -50]),
    begins_ms=st.sampled_from([0, MINUTE_MS, 10 * MINUTE_MS]),
)
def test_no_opening_comes_before_the_forecast_made_with_the_same_knowledge(
    balance_q: int, program: list[Step], automatic: bool, drift_ppm: int, begins_ms: int
) -> None:
    start = EmergencyStart.AUTOMATIC if automatic else EmergencyStart.BUTTON
    bench = Workbench(profile=replace(QUICK, emergency_start=start), balance_q=balance_q, drift_ppm=drift_ppm)
    begin = bench.now_ms + begins_ms
    bench.permit((begin, begin + HOUR_MS), (begin + 2 * HOUR_MS, begin + 3 * HOUR_MS))
    for wait_ms, _, act in [*program, (15 * MINUTE_MS, "", lambda _: None)]:
        expected_ms = forecast_ms(bench)
        bench.effects.clear()
        bench.wait(wait_ms)
        for opening in openings(bench):
            assert expected_ms is not None
            assert earliest_ms(bench.meter.memory.clock, opening.at_tick) >= expected_ms
        act(bench)


def openings(bench: Workbench) -> list[SetSupply]:
    taken, own = (Supply.OFF, Supply.LIMITED), (SupplyReason.SAFETY, SupplyReason.LEAK)
    return [e for e in bench.effects if isinstance(e, SetSupply) and e.after in taken and e.reason not in own]


# What happens at Monday midnight, and the first instant at which a cut is possible then. A second that
# commissioning left open, and the margins of 50 ppm, come on top where a count of ticks decides.
FIRST, SECOND, THIRD = (window[0] for window in WINDOWS[:3])
NONE_AT_ALL = None


def _hold(bench: Workbench) -> None:
    bench.hold("a", MONDAY_MS, SECOND + HOUR_MS)


def _hold_to_the_end(bench: Workbench) -> None:
    bench.hold("a", MONDAY_MS, MONDAY_MS + 400 * DAY_MS)


def _lifted_hold(bench: Workbench) -> None:
    _hold(bench)
    bench.give(Kind.LIFT_HOLD, "a", LiftBody())


def _flag(bench: Workbench) -> None:
    bench.give(Kind.SET_FLAG, "medical", FlagBody(FlagName.MEDICAL))


def _protected(bench: Workbench) -> None:
    bench.give(Kind.SET_FLAG, "protected", FlagBody(FlagName.PROTECTED))


def _release(bench: Workbench) -> None:
    bench.give(Kind.RELEASE, "m1", ReleaseBody(48))


def _lost(bench: Workbench) -> None:
    bench.do(TicksLost())


def _lost_and_regained_in_a_release(bench: Workbench) -> None:
    _release(bench)
    _lost(bench)
    bench.witness(Source.HEADEND)
    bench.witness(Source.TIMESERVER)


def _disputed(bench: Workbench) -> None:
    bench.witness(Source.HEADEND, DAY_MS)
    bench.witness(Source.TIMESERVER, DAY_MS)


def _names_missing(bench: Workbench) -> None:
    bench.lease(names=(Named("hold/never-came", 0, (1,)),))


def _short_lease(bench: Workbench) -> None:
    bench.hold("a", MONDAY_MS, SECOND)
    bench.lease(1)


def _dark(bench: Workbench) -> None:
    bench.do(MainsOff())
    bench.do(MainsOn())


LEDGER: dict[str, tuple[Callable[[Workbench], object], int | None]] = {
    "nothing": (lambda _bench: None, FIRST),
    "a hold until Tuesday, nine": (_hold, SECOND + HOUR_MS),
    "a hold beyond every window": (_hold_to_the_end, NONE_AT_ALL),
    "a hold that two people lifted": (_lifted_hold, FIRST),
    "a medical flag": (_flag, NONE_AT_ALL),
    "a protected household, which would be limited": (_protected, FIRST),
    "a release of 48 hours": (_release, THIRD),
    "lost ticks": (_lost, NONE_AT_ALL),
    "ticks lost in a release, the clock regained": (_lost_and_regained_in_a_release, THIRD),
    "a dispute": (_disputed, NONE_AT_ALL),
    "a lease that names what never came": (_names_missing, NONE_AT_ALL),
    "a lease that ends before the first possible window": (_short_lease, NONE_AT_ALL),
    "a dip of the mains": (_dark, FIRST),
}


@pytest.mark.parametrize("case", LEDGER)
def test_the_first_instant_at_which_a_cut_is_possible(case: str) -> None:
    act, expected_ms = LEDGER[case]
    bench = Workbench(profile=QUICK)
    bench.permit(*WINDOWS)
    act(bench)
    bench.wait(SECOND_MS)
    assert forecast_ms(bench) == expected_ms
    check(bench)


def test_without_a_calendar_there_is_none() -> None:
    assert forecast_ms(Workbench()) is None


def test_inside_a_release_that_ends_inside_a_window_it_is_the_end_of_its_hours_in_ticks() -> None:
    bench = Workbench(profile=QUICK)
    bench.permit(*WINDOWS)
    bench.wait_until(EIGHT + HOUR_MS)
    bench.give(Kind.RELEASE, "m1", ReleaseBody(24))
    clock = bench.meter.memory.clock
    assert forecast_ms(bench) == earliest_ms(clock, Tick(bench.tick + DAY_MS))
    check(bench)


def test_near_the_end_of_a_window_the_clock_s_width_leaves_no_room() -> None:
    bench = Workbench(profile=QUICK)
    bench.permit(*WINDOWS)
    bench.wait_until(WINDOWS[0][1] - SECOND_MS)
    assert forecast_ms(bench) == SECOND


def test_a_hold_that_may_have_begun_forbids_and_one_that_has_not_does_not() -> None:
    for begins_in_ms, is_possible in ((500, False), (10 * SECOND_MS, True)):
        bench = Workbench(profile=QUICK)
        bench.permit(*WINDOWS)
        bench.wait_until(EIGHT + HOUR_MS)
        bench.hold("a", bench.now_ms + begins_in_ms, SECOND + MINUTE_MS)
        now_ms = min(early_ms(bench), earliest_ms(bench.meter.memory.clock, Tick(bench.tick + 1)))
        assert forecast_ms(bench) == (now_ms if is_possible else SECOND + MINUTE_MS)
