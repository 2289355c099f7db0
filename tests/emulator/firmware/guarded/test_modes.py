"""A meter on credit counts as one that is prepaid does, and is never cut for credit (design §4.3)."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.firmware.guarded.image import decode_image
from emulator.firmware.profile import EmergencyStart, Profile
from protocols.documents.accounts import differences
from protocols.instants import HOUR_MS
from protocols.reasons import PaymentMode
from protocols.units import QUANTA_PER_EUR
from tests.emulator.firmware.guarded.programs import Step, balances_q, live, programs
from tests.emulator.firmware.guarded.workbench import MINUTE_MS, MONDAY_MS, PROFILE, Workbench

QUICK = replace(PROFILE, warning_s=60, low_credit_q=QUANTA_PER_EUR, fixed_ueur_per_day=50_000)
AUTOMATIC = replace(QUICK, emergency_start=EmergencyStart.AUTOMATIC)


@settings(max_examples=200)
@given(profile=st.sampled_from([QUICK, AUTOMATIC]), balance_q=balances_q, program=programs)
def test_no_life_on_credit_has_a_cut_or_a_word_about_credit(
    profile: Profile, balance_q: int, program: list[Step]
) -> None:
    bench = Workbench(profile=profile, balance_q=balance_q, mode=PaymentMode.CREDIT)
    bench.permit((MONDAY_MS, MONDAY_MS + 24 * HOUR_MS))
    live(bench, [step for step in program if not step[1].startswith("parameters")])
    assert "credit" not in [reason for _, _, reason in bench.supply_changes()]
    assert "credit" not in bench.meter.memory.warned
    assert not bench.meter.memory.low_credit_told
    assert differences(bench.meter.purse.account) == ()


def test_what_was_consumed_on_credit_is_owed_to_the_quantum() -> None:
    """A kilowatt for two hours at 0.30 EUR/kWh, and no emergency credit that would hide a part of it."""
    profile = replace(PROFILE, emergency_start=EmergencyStart.AUTOMATIC)
    bench = Workbench(profile=profile, balance_q=0, mode=PaymentMode.CREDIT).wait(2 * HOUR_MS)
    assert bench.meter.purse.balance_q == -6 * QUANTA_PER_EUR // 10
    assert bench.meter.purse.emergency_left_q == profile.emergency_credit_q


def test_the_mode_survives_a_power_cut() -> None:
    bench = Workbench(balance_q=0, mode=PaymentMode.CREDIT).wait(MINUTE_MS)
    assert decode_image(bench.meter.image()).credit.mode is PaymentMode.CREDIT
