"""Where a caller stops to look, within the second in which something turns, must not lose what turned."""

from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.events import SetLoad
from emulator.firmware.guarded.interval import tick_lower_reaches
from protocols.instants import HOUR_MS, SECOND_MS, UtcMs
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, Workbench


@given(
    offset_ms=st.integers(0, 999),
    stop_ms=st.integers(-SECOND_MS, 2 * SECOND_MS),
    with_load=st.booleans(),
)
def test_a_window_that_begins_between_two_seconds_is_seen_however_one_stops(
    offset_ms: int, stop_ms: int, with_load: bool
) -> None:
    start_ms = MONDAY_MS + 2 * HOUR_MS + offset_ms
    bench = Workbench(balance_q=0)
    bench.permit((start_ms, start_ms + HOUR_MS))
    reached_at = tick_lower_reaches(
        bench.meter.memory.clock.earliest, UtcMs(start_ms), bench.profile.crystal_ppm
    )
    bench.wait_until(MONDAY_MS + reached_at + stop_ms)
    if with_load:
        bench.do(SetLoad(500))
    bench.wait(HOUR_MS // 2)
    assert bench.supply_changes() == [(-(-reached_at // SECOND_MS), "off", "credit")]
