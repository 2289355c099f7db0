"""The jump equals the loop that it stands for, effect by effect and tick by tick."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.firmware.events import SetLoad
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.profile import EmergencyStart, Profile, Reconnect
from protocols.documents.bodies import CutOrderBody, ReleaseBody
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS, HOUR_MS
from protocols.reasons import PaymentMode
from tests.emulator.firmware.guarded.programs import SECOND_Q, Step, balances_q, live, programs
from tests.emulator.firmware.guarded.workbench import (
    GAS,
    MINUTE_MS,
    MONDAY_MS,
    PROFILE,
    EverySecond,
    Workbench,
    trace,
)

QUICK = replace(PROFILE, warning_s=60, spread_max_s=90, low_credit_q=10**12, fixed_ueur_per_day=50_000)
PROFILES = [
    QUICK,
    replace(QUICK, emergency_start=EmergencyStart.AUTOMATIC, emergency_credit_q=10**12),
    replace(QUICK, reconnect=Reconnect.ARM, warning_s=0),
    replace(GAS, warning_s=60, leak_test_s=120),
]


@settings(max_examples=200)
@given(
    profile=st.sampled_from(PROFILES),
    balance_q=balances_q,
    drift_ppm=st.sampled_from([0, 0, 20, -50]),
    mode=st.sampled_from([PaymentMode.PREPAID, *PaymentMode]),
    program=programs,
)
def test_the_jump_equals_the_per_second_loop(
    profile: Profile, balance_q: int, drift_ppm: int, mode: PaymentMode, program: list[Step]
) -> None:
    jump, loop = (
        Workbench(profile=profile, balance_q=balance_q, drift_ppm=drift_ppm, mode=mode, meter_class=kind)
        for kind in (GuardedMeter, EverySecond)
    )
    for bench in (jump, loop):
        live(bench, program)
    assert trace(jump.effects) == trace(loop.effects)
    assert jump.meter.image() == loop.meter.image()
    assert jump.meter.journal.head == loop.meter.journal.head


@settings(max_examples=100)
@given(profile=st.sampled_from(PROFILES), balance_q=balances_q, program=programs)
def test_where_one_stops_to_look_changes_nothing(
    profile: Profile, balance_q: int, program: list[Step]
) -> None:
    whole = Workbench(profile=profile, balance_q=balance_q)
    parted = Workbench(profile=profile, balance_q=balance_q)
    live(whole, program)
    live(parted, [piece for step in program for piece in _in_two(step)])
    assert trace(whole.effects) == trace(parted.effects)


@pytest.mark.parametrize("look_at", [None, 499, 500, 501, 999])
@pytest.mark.parametrize("load_w", [0, 1, 1000, 100_000])
def test_a_purse_that_ran_empty_between_two_seconds_is_found_empty_by_the_next(
    look_at: int | None, load_w: int
) -> None:
    """It lasts half a second of 1 kW; whoever looks meanwhile, and whatever load follows."""
    jump, loop = (
        Workbench(profile=QUICK, balance_q=SECOND_Q // 2, meter_class=kind)
        for kind in (GuardedMeter, EverySecond)
    )
    for bench in (jump, loop):
        if look_at is not None:
            bench.wait(look_at)
            bench.do(SetLoad(load_w))
        bench.wait(MINUTE_MS)
    assert trace(jump.effects) == trace(loop.effects)
    assert jump.meter.image() == loop.meter.image()


def _window_ends(bench: Workbench) -> None:
    """With half a second more than the clock leaves open; the next window comes ten minutes later."""
    bench.permit((MONDAY_MS, MONDAY_MS + 60_500), (MONDAY_MS + 10 * MINUTE_MS, MONDAY_MS + HOUR_MS))


def _hold_begins(bench: Workbench) -> None:
    """Within what the clock leaves open, the meter's turn having come; it lasts ten minutes."""
    bench.permit((MONDAY_MS - HOUR_MS, MONDAY_MS + HOUR_MS))
    bench.hold("a", MONDAY_MS + 60_500, MONDAY_MS + 10 * MINUTE_MS)


def _order_begins(bench: Workbench) -> None:
    """Five minutes after its warning is complete; there is credit."""
    bench.permit((MONDAY_MS, MONDAY_MS + HOUR_MS))
    bench.pay(1, 1_000_000)
    begins_ms = MONDAY_MS + 6 * MINUTE_MS
    order = bench.order(
        Kind.CUT_ORDER, "a", CutOrderBody(), not_before_ms=begins_ms, not_after_ms=begins_ms + HOUR_MS
    )
    bench.send(order)


@pytest.mark.parametrize("forbid", [_window_ends, _hold_begins, _order_begins])
def test_a_cut_that_the_gate_forbids_in_the_midst_of_a_window_is_looked_at_again(
    forbid: Callable[[Workbench], None],
) -> None:
    """The warning is complete after a minute; the clock leaves a second on either side open."""
    jump, loop = (
        Workbench(profile=QUICK, balance_q=0, meter_class=kind) for kind in (GuardedMeter, EverySecond)
    )
    for bench in (jump, loop):
        forbid(bench)
        bench.wait(30 * MINUTE_MS)
    assert trace(jump.effects) == trace(loop.effects)
    assert jump.meter.image() == loop.meter.image()
    assert jump.supply == "off"


def test_the_end_of_a_release_is_looked_at_and_the_household_that_still_owes_is_cut() -> None:
    jump, loop = (
        Workbench(profile=QUICK, balance_q=0, meter_class=kind) for kind in (GuardedMeter, EverySecond)
    )
    for bench in (jump, loop):
        bench.give(Kind.RELEASE, "m1", ReleaseBody(24))
        bench.permit((MONDAY_MS, MONDAY_MS + 2 * DAY_MS))
        bench.wait(DAY_MS + MINUTE_MS)
    assert trace(jump.effects) == trace(loop.effects)
    assert jump.meter.image() == loop.meter.image()
    assert jump.supply == "off"


def _in_two(step: Step) -> tuple[Step, Step]:
    wait_ms, name, act = step
    return (wait_ms // 2, "look", lambda _: None), (wait_ms - wait_ms // 2, name, act)
