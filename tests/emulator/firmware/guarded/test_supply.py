"""Who has supply: nobody who has credit in use is off for credit, whatever filled the purse."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.firmware.credit import Emergency
from emulator.firmware.profile import EmergencyStart, Profile, Reconnect
from protocols.instants import HOUR_MS, SECOND_MS
from protocols.reasons import Supply, SupplyReason
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
