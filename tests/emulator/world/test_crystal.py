"""The crystal: true time to ticks and back, exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.ticks import Tick
from emulator.world.crystal import Crystal
from protocols.instants import UtcMs

ORIGIN_MS = UtcMs(1_593_720_000_000)
YEARS_MS = 10 * 366 * 86_400_000

drifts = st.integers(-100_000, 100_000) | st.sampled_from([-50, -1, 0, 1, 20, 50])
spans_ms = st.integers(0, YEARS_MS) | st.integers(0, 3_000)


@st.composite
def crystals(draw: st.DrawFn) -> Crystal:
    """A crystal with any drift that has stood still now and then."""
    crystal = Crystal(draw(drifts), ORIGIN_MS)
    now_ms: int = ORIGIN_MS
    for run_ms, stand_ms in draw(st.lists(st.tuples(spans_ms, spans_ms), max_size=4)):
        now_ms += run_ms
        crystal.stop(UtcMs(now_ms))
        now_ms += stand_ms
        crystal.resume(UtcMs(now_ms))
    return crystal


def last_change_ms(crystal: Crystal) -> int:
    return crystal._stops[-1][1] if crystal._stops else ORIGIN_MS


@given(crystals(), spans_ms, spans_ms)
def test_the_counter_never_goes_back(crystal: Crystal, first_ms: int, more_ms: int) -> None:
    start_ms = last_change_ms(crystal)
    assert crystal.tick_at(UtcMs(start_ms + first_ms)) <= crystal.tick_at(
        UtcMs(start_ms + first_ms + more_ms)
    )


@given(drifts, spans_ms, spans_ms)
def test_ticks_differ_from_true_time_by_the_drift_and_no_more(
    drift_ppm: int, first_ms: int, span_ms: int
) -> None:
    crystal = Crystal(drift_ppm, ORIGIN_MS)
    ticks = crystal.tick_at(UtcMs(ORIGIN_MS + first_ms + span_ms)) - crystal.tick_at(
        UtcMs(ORIGIN_MS + first_ms)
    )
    # |ticks - true| <= ppm of true, and less than a tick of rounding at either end.
    assert abs((ticks - span_ms) * 1_000_000 - span_ms * drift_ppm) < 1_000_000


@given(crystals(), spans_ms)
def test_true_at_is_the_first_instant_at_which_the_counter_reads_a_tick(
    crystal: Crystal, after_ms: int
) -> None:
    true_ms = last_change_ms(crystal) + after_ms
    tick = crystal.tick_at(UtcMs(true_ms))
    first_ms = crystal.true_at(tick)
    assert first_ms <= true_ms
    if first_ms >= last_change_ms(crystal):
        assert crystal.tick_at(first_ms) == tick
    if first_ms > last_change_ms(crystal):
        assert crystal.tick_at(UtcMs(first_ms - 1)) < tick


@given(crystals(), spans_ms)
def test_a_tick_still_to_come_is_reached_at_true_at(crystal: Crystal, ahead: int) -> None:
    tick = crystal.tick_at(UtcMs(last_change_ms(crystal))) + ahead
    true_ms = crystal.true_at(Tick(tick))
    assert crystal.true_at(Tick(tick + 1)) >= true_ms
    if true_ms > last_change_ms(crystal):
        assert crystal.tick_at(true_ms) >= tick > crystal.tick_at(UtcMs(true_ms - 1))


@given(drifts, spans_ms, spans_ms, spans_ms)
def test_a_counter_that_stood_still_is_behind_by_exactly_that_span(
    drift_ppm: int, run_ms: int, stand_ms: int, more_ms: int
) -> None:
    stopped, running = Crystal(drift_ppm, ORIGIN_MS), Crystal(drift_ppm, ORIGIN_MS)
    stopped.stop(UtcMs(ORIGIN_MS + run_ms))
    assert stopped.tick_at(UtcMs(ORIGIN_MS + run_ms + stand_ms)) == running.tick_at(UtcMs(ORIGIN_MS + run_ms))
    stopped.resume(UtcMs(ORIGIN_MS + run_ms + stand_ms))
    later = ORIGIN_MS + run_ms + more_ms
    assert stopped.tick_at(UtcMs(later + stand_ms)) == running.tick_at(UtcMs(later))


@pytest.mark.parametrize(
    ("drift_ppm", "true_ms", "tick"),
    [
        (0, 86_400_000, 86_400_000),
        (20, 86_400_000, 86_401_728),  # 20 ppm of a day are 1.728 s
        (-20, 86_400_000, 86_398_272),
        (1, 999_999, 999_999),
        (1, 1_000_000, 1_000_001),
        (-1, 1, 0),
    ],
)
def test_a_table_of_readings(drift_ppm: int, true_ms: int, tick: int) -> None:
    assert Crystal(drift_ppm, ORIGIN_MS).tick_at(UtcMs(ORIGIN_MS + true_ms)) == tick


def test_stopping_twice_and_resuming_twice_are_as_good_as_once() -> None:
    crystal = Crystal(0, UtcMs(0))
    crystal.stop(UtcMs(1_000))
    crystal.stop(UtcMs(2_000))
    assert crystal.stands_still
    crystal.resume(UtcMs(5_000))
    crystal.resume(UtcMs(6_000))
    assert crystal.tick_at(UtcMs(7_000)) == 3_000
    assert crystal.true_at(Tick(1_000)) == 1_000
    assert crystal.true_at(Tick(1_001)) == 5_001


def test_a_counter_that_stands_still_reaches_no_further_tick() -> None:
    crystal = Crystal(0, UtcMs(0))
    crystal.stop(UtcMs(1_000))
    assert crystal.true_at(Tick(1_000)) == 1_000
    with pytest.raises(ValueError, match="stands still before tick 1001"):
        crystal.true_at(Tick(1_001))
