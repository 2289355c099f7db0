"""The jump equals the loop that it stands for, effect by effect and tick by tick."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.meter import STEP_MS
from emulator.firmware.profile import EmergencyStart, Profile, Reconnect
from tests.emulator.firmware.guarded.programs import Step, balances_q, live, programs
from tests.emulator.firmware.guarded.workbench import GAS, PROFILE, Workbench, trace

QUICK = replace(PROFILE, warning_s=60, spread_max_s=90, low_credit_q=10**12, fixed_ueur_per_day=50_000)
PROFILES = [
    QUICK,
    replace(QUICK, emergency_start=EmergencyStart.AUTOMATIC, emergency_credit_q=10**12),
    replace(QUICK, reconnect=Reconnect.ARM, warning_s=0),
    replace(GAS, warning_s=60, leak_test_s=120),
]


class EverySecond(GuardedMeter):
    """The semantics itself: a step every second of the crystal, whether there is anything to do or not."""

    def next_due(self) -> int:
        return self.stepped_at + STEP_MS


@settings(max_examples=200)
@given(
    profile=st.sampled_from(PROFILES),
    balance_q=balances_q,
    drift_ppm=st.sampled_from([0, 0, 20, -50]),
    program=programs,
)
def test_the_jump_equals_the_per_second_loop(
    profile: Profile, balance_q: int, drift_ppm: int, program: list[Step]
) -> None:
    jump = Workbench(profile=profile, balance_q=balance_q, drift_ppm=drift_ppm)
    loop = Workbench(profile=profile, balance_q=balance_q, drift_ppm=drift_ppm, meter_class=EverySecond)
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


def _in_two(step: Step) -> tuple[Step, Step]:
    wait_ms, name, act = step
    return (wait_ms // 2, "look", lambda _: None), (wait_ms - wait_ms // 2, name, act)
