"""Who has supply: whoever has credit in use; and a trip on top of a cut takes no way back away."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.firmware.credit import Emergency
from emulator.firmware.events import Button, ButtonName, Overcurrent
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.journal import read_body
from emulator.firmware.profile import EmergencyStart, Profile, Reconnect
from protocols.documents.bodies import (
    CancelCutBody,
    CutOrderBody,
    EmergencyCreditBody,
    LimiterBody,
    ReleaseBody,
)
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS
from protocols.link.records import SupplyChanged
from protocols.reasons import Energy, Supply, SupplyReason
from protocols.units import QUANTA_PER_EUR
from tests.emulator.firmware.guarded.programs import SECOND_Q, Step, balances_q, programs
from tests.emulator.firmware.guarded.workbench import GAS, MONDAY_MS, PROFILE, Workbench

WINDOW = (MONDAY_MS + 8 * HOUR_MS, MONDAY_MS + 15 * HOUR_MS)
# An emergency credit that lasts ten minutes of 1 kW, and a charge that drains it in the dark.
QUICK = replace(
    PROFILE, warning_s=60, emergency_credit_q=600 * SECOND_Q, fixed_ueur_per_day=1_000_000, spread_max_s=0
)
AUTOMATIC = replace(QUICK, emergency_start=EmergencyStart.AUTOMATIC)
ARMS = replace(AUTOMATIC, reconnect=Reconnect.ARM)
GAS_AUTOMATIC = replace(
    GAS,
    emergency_start=EmergencyStart.AUTOMATIC,
    emergency_credit_q=600 * SECOND_Q,
    warning_s=60,
    leak_test_s=120,
)
PROFILES = [QUICK, AUTOMATIC, ARMS, GAS_AUTOMATIC]


def has_credit_in_use(bench: Workbench) -> bool:
    """Read from the purse itself, by the words of the design."""
    credit = bench.meter.point.credit
    if credit.emergency is Emergency.IN_USE:
        return credit.emergency_left_q > 0 or credit.balance_q > 0
    return credit.balance_q > 0


def is_off_for_credit(bench: Workbench) -> bool:
    return bench.meter.point.supply is Supply.OFF and bench.meter.point.reason is SupplyReason.CREDIT


def in_the_dark(profile: Profile, balance_q: int) -> Workbench:
    """A household whose emergency credit is used up, in a window of twenty hours."""
    bench = Workbench(profile=profile, balance_q=balance_q, load_w=1000)
    bench.permit((MONDAY_MS, MONDAY_MS + 20 * HOUR_MS))
    credit = bench.meter.point.credit
    credit.emergency_left_q, credit.emergency = 0, Emergency.USED_UP
    return bench.wait(2 * profile.warning_s * SECOND_MS)


@settings(max_examples=200)
@given(
    profile=st.sampled_from(PROFILES),
    balance_q=balances_q | st.sampled_from([-SECOND_Q, -12 * QUANTA_PER_EUR]),
    program=programs,
)
def test_nobody_with_credit_in_use_is_off_for_credit(
    profile: Profile, balance_q: int, program: list[Step]
) -> None:
    bench = in_the_dark(profile, balance_q)
    for wait_ms, _, act in program:
        bench.wait(wait_ms)
        assert not (is_off_for_credit(bench) and has_credit_in_use(bench))
        act(bench)
        assert not (is_off_for_credit(bench) and has_credit_in_use(bench))


# What a household that owes 5 EUR and has used up 5 EUR of emergency credit pays in the dark, in cents, and
# whether it has supply then. Less than the purse repays it in part; the rest of what it owes stands.
PAID = {
    "nothing that repays the purse": (AUTOMATIC, 499, "off"),
    "the purse to the cent": (AUTOMATIC, 500, "on"),
    "more than the purse, less than all": (AUTOMATIC, 700, "on"),
    "all": (AUTOMATIC, 1_001, "on"),
    "the purse, where a person must press": (ARMS, 500, "armed"),
    "the purse, of gas": (GAS_AUTOMATIC, 500, "armed"),
    "the purse, where it waits for a button": (QUICK, 500, "off"),
    "all, where it waits for a button": (QUICK, 1_001, "on"),
}


@pytest.mark.parametrize("case", PAID)
def test_a_payment_in_the_dark_that_refills_the_emergency_credit_gives_supply(case: str) -> None:
    profile, cents, supply = PAID[case]
    bench = Workbench(profile=replace(profile, emergency_credit_q=5 * QUANTA_PER_EUR, fixed_ueur_per_day=0))
    bench.permit(WINDOW)
    credit = bench.meter.point.credit
    credit.balance_q, credit.emergency_left_q = -5 * QUANTA_PER_EUR, 0
    credit.emergency = Emergency.USED_UP
    bench.wait_until(WINDOW[0] + HOUR_MS)
    assert bench.supply == "off"
    bench.meter.point.credit.balance_q = -5 * QUANTA_PER_EUR
    assert bench.pay(1, cents * 10_000).reason == "credited"
    assert bench.wait(SECOND_MS).supply == supply


# -- a trip on top of a cut --------------------------------------------------------------------------

HELP: dict[str, Callable[[Workbench], object]] = {
    "nothing": lambda _bench: None,
    "a payment": lambda bench: bench.pay(1, 20_000_000),
    "a payment that is too small": lambda bench: bench.pay(1, 10_000),
    "a release": lambda bench: bench.give(Kind.RELEASE, "m1", ReleaseBody()),
    "emergency credit by order": lambda bench: bench.give(Kind.EMERGENCY_CREDIT, "m1", EmergencyCreditBody()),
    "red": lambda bench: bench.do(Button(ButtonName.RED)),
    "a late hold": lambda bench: bench.hold("late", MONDAY_MS, MONDAY_MS + DAY_MS),
    "a cancel": lambda bench: bench.give(Kind.CANCEL_CUT, "c1", CancelCutBody("cut/c1")),
    "the limiter's end": lambda bench: bench.give(Kind.LIMITER, "m1", LimiterBody(engaged=False)),
}
CUT_FOR = ["credit", "cut_order"]
KINDS_OF_METER = {"closes": PROFILE, "arms": replace(PROFILE, reconnect=Reconnect.ARM), "gas": GAS}


def cut_for(reason: str, profile: Profile) -> Workbench:
    """Off for one reason, at ten, in the midst of a window."""
    by_order = reason == "cut_order"
    bench = Workbench(profile=profile, balance_q=QUANTA_PER_EUR if by_order else 0, load_w=0)
    bench.permit(WINDOW)
    if by_order:
        bench.give(Kind.CUT_ORDER, "c1", CutOrderBody())
    bench.wait_until(WINDOW[0] + 2 * HOUR_MS)
    assert (bench.supply, bench.meter.point.reason) == ("off", reason)
    return bench


def clear(bench: Workbench) -> None:
    """What a person does at the meter after a trip."""
    gas = bench.profile.energy is Energy.GAS
    bench.do(Button(ButtonName.BLUE if gas else ButtonName.BREAKER))
    bench.wait(bench.profile.leak_test_s * SECOND_MS + SECOND_MS)


@pytest.mark.parametrize("kind", KINDS_OF_METER)
@pytest.mark.parametrize("reason", CUT_FOR)
@pytest.mark.parametrize("help_name", HELP)
def test_a_trip_on_top_of_a_cut_takes_no_way_back_away(kind: str, reason: str, help_name: str) -> None:
    """Whatever would have given supply back gives it back once a person has cleared the trip."""
    profile = KINDS_OF_METER[kind]
    plain, helped_after, helped_before, cleared_first = (cut_for(reason, profile) for _ in range(4))
    HELP[help_name](plain)
    clear(plain)
    for bench in (helped_after, cleared_first):
        bench.do(Overcurrent())
        assert (bench.supply, bench.meter.point.reason) == ("off", "safety")
    HELP[help_name](helped_after)
    assert helped_after.supply == "off", "nothing from afar closes on a fault"
    clear(helped_after)
    HELP[help_name](helped_before)
    if helped_before.supply == "off":
        helped_before.do(Overcurrent())
        clear(helped_before)
    else:
        clear(helped_before)
    clear(cleared_first)
    HELP[help_name](cleared_first)
    clear(cleared_first)
    for bench in (helped_after, helped_before, cleared_first):
        assert bench.supply == plain.supply


def test_a_trip_on_top_of_a_cut_survives_a_power_cut() -> None:
    bench = cut_for("credit", PROFILE)
    bench.do(Overcurrent())
    old = bench.meter
    bench.meter = GuardedMeter.restore(
        old.identity, old.profile, old.root, old.image(), load_w=0, head=old.journal.head
    )
    bench.do(Button(ButtonName.BREAKER))
    assert (bench.supply, bench.meter.point.reason) == ("off", "credit")
    bench.pay(1, 20_000_000)
    assert bench.supply == "on"


def test_a_trip_on_top_of_a_cut_is_in_the_black_box() -> None:
    bench = cut_for("credit", PROFILE)
    bench.do(Overcurrent())
    logged = read_body(bench.meter.journal.entries[-1].body)
    assert logged.record == SupplyChanged(Supply.OFF, Supply.OFF, SupplyReason.SAFETY)


def test_a_trip_while_there_is_light_ends_the_warning_and_the_breaker_gives_light() -> None:
    bench = Workbench(profile=PROFILE, balance_q=0, load_w=0)
    bench.permit(WINDOW)
    bench.wait_until(WINDOW[0] - SECOND_MS)
    bench.do(Overcurrent())
    bench.do(Button(ButtonName.BREAKER))
    assert bench.wait(HOUR_MS - SECOND_MS).supply == "on"
    assert bench.wait(10 * SECOND_MS).supply == "off"


# -- gas and electricity: the same act, the same help ------------------------------------------------


@pytest.mark.parametrize(("profile", "button"), [(PROFILE, ButtonName.RED), (GAS, ButtonName.BLUE)])
def test_the_household_s_button_starts_the_emergency_credit_before_the_cut(
    profile: Profile, button: ButtonName
) -> None:
    bench = Workbench(profile=profile, balance_q=0, load_w=0)
    bench.permit(WINDOW)
    bench.do(Button(button))
    assert bench.meter.point.credit.emergency is Emergency.IN_USE
    assert bench.wait_until(WINDOW[1]).supply == "on"
    assert bench.supply_changes() == []


@pytest.mark.parametrize(("profile", "button"), [(PROFILE, ButtonName.RED), (GAS, ButtonName.BLUE)])
def test_the_button_starts_nothing_while_there_is_credit(profile: Profile, button: ButtonName) -> None:
    bench = Workbench(profile=profile, load_w=0)
    bench.do(Button(button))
    assert bench.meter.point.credit.emergency is Emergency.READY


# -- the end of the limiter ---------------------------------------------------------------------------


def test_the_order_that_ends_the_limiter_gives_back_what_the_limiter_took() -> None:
    """Also while a cut is ordered for another day: else only a release would end it."""
    bench = Workbench(load_w=0)
    bench.permit(WINDOW)
    bench.give(Kind.LIMITER, "m1", LimiterBody(engaged=True))
    assert bench.wait_until(WINDOW[0] + HOUR_MS).supply == "limited"
    order = bench.order(Kind.CUT_ORDER, "c1", CutOrderBody(), not_before_ms=WINDOW[1] + DAY_MS)
    assert bench.send(order).reason == "stored"
    bench.give(Kind.LIMITER, "m1", LimiterBody(engaged=False))
    assert bench.wait(SECOND_MS).supply == "on"
