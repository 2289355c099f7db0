"""A meter where it hangs: loads arrive as they change, and jumping over time is no different from walking."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.events import Button, ButtonName
from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.ticks import Tick
from emulator.world.crystal import Crystal
from emulator.world.household import Household
from emulator.world.loads import QUARTER_MS
from protocols.instants import HOUR_MS, SECOND_MS, UtcMs
from protocols.units import QUANTA_PER_EUR
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, PROFILE, ROOT

drifts = st.integers(-40, 40)


def stairs_w(true_ms: int) -> int:
    """Another load in every quarter."""
    return true_ms // QUARTER_MS % 7 * 300


def house(drift_ppm: int, began_tick: int = 0) -> Household[GuardedMeter]:
    meter = GuardedMeter(
        Identity("m1", frozenset(), b"k" * 32),
        PROFILE,
        ROOT,
        balance_q=QUANTA_PER_EUR,
        load_w=stairs_w(MONDAY_MS),
        commissioned_ms=MONDAY_MS,
    )
    crystal = Crystal(drift_ppm, MONDAY_MS)
    return Household("m1", meter, crystal, stairs_w, from_ms=MONDAY_MS, began_tick=Tick(began_tick))


@given(drifts, st.lists(st.integers(1, 12 * HOUR_MS), max_size=8))
def test_any_steps_through_time_end_in_the_same_meter(drift_ppm: int, steps_ms: list[int]) -> None:
    walked, jumped, woken = (house(drift_ppm) for _ in range(3))
    end_ms = MONDAY_MS + sum(steps_ms)
    now_ms = MONDAY_MS
    for step_ms in steps_ms:
        now_ms = UtcMs(now_ms + step_ms)
        walked.advance(now_ms)
    while (due_ms := woken.next_due_ms()) <= end_ms:
        woken.advance(due_ms)
    for each in (walked, jumped, woken):
        each.advance(UtcMs(end_ms))
        each.handle(Button(ButtonName.RED), UtcMs(end_ms))
    assert walked.meter.image() == jumped.meter.image() == woken.meter.image()
    assert walked.meter.journal.entries == jumped.meter.journal.entries == woken.meter.journal.entries


@given(drifts)
def test_a_day_of_changing_loads_is_charged_to_within_a_second_of_each_change(drift_ppm: int) -> None:
    changing = house(drift_ppm)
    changing.advance(UtcMs(MONDAY_MS + 24 * HOUR_MS))
    quarters = [stairs_w(MONDAY_MS + number * QUARTER_MS) for number in range(97)]
    drawn_mj = sum(load_w * QUARTER_MS for load_w in quarters[:96])
    per_change_mj = sum(abs(after - before) * SECOND_MS for before, after in pairwise(quarters))
    drift_mj = drawn_mj * 40 // 1_000_000
    energy_mj = changing.meter.point.credit.energy_mj
    assert abs(energy_mj - drawn_mj) <= per_change_mj + drift_mj + max(quarters) * SECOND_MS


@given(drifts, st.integers(0, 10**9))
def test_the_counter_goes_on_from_what_it_read(drift_ppm: int, began_tick: int) -> None:
    resumed = house(drift_ppm, began_tick)
    assert resumed.tick_at(MONDAY_MS) == began_tick
    assert resumed.true_at(Tick(began_tick)) == MONDAY_MS
