"""The quarters' averages: the highest of each month, by the meter's own clock."""

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from emulator.faces import demand
from emulator.faces.demand import MONTHS_KEPT, QUARTER_MS, Demand, Peak
from protocols.cutting.zones import load_zone
from protocols.instants import DAY_MS, UtcMs, ms_from_iso

ZONE = load_zone("Europe/Brussels")
BEGIN_MS = ms_from_iso("2020-07-02T12:00:00+02:00")


# The one whole quarter that `run([0, 0])` has seen.
NOTHING_DRAWN = Peak(0, UtcMs(BEGIN_MS + 2 * QUARTER_MS))


def run(loads_w: list[int], begin_ms: UtcMs = BEGIN_MS) -> tuple[Demand, int]:
    """Observed at each end of a quarter; and the register after that."""
    state, energy_mj = demand.begin(begin_ms, 0, ZONE), 0
    for number, load_w in enumerate(loads_w, 1):
        energy_mj += load_w * QUARTER_MS
        state = demand.observe(state, UtcMs(begin_ms + number * QUARTER_MS), energy_mj, ZONE)
    return state, energy_mj


@given(st.lists(st.integers(0, 9_200), min_size=2, max_size=40))
def test_the_peak_is_the_highest_of_all_whole_quarters_but_the_first(loads_w: list[int]) -> None:
    state, _ = run(loads_w)
    highest_w = max(loads_w[1:])
    first = loads_w.index(highest_w, 1) + 1
    assert state.peak == Peak(highest_w, UtcMs(BEGIN_MS + first * QUARTER_MS))


@given(st.lists(st.integers(0, 9_200), min_size=1, max_size=10), st.integers(0, QUARTER_MS - 1))
def test_the_running_average_grows_to_the_quarters(loads_w: list[int], into_ms: int) -> None:
    state, energy_mj = run(loads_w)
    shown_w = [state.average_w(energy_mj + 2_000 * ms) for ms in (0, into_ms, QUARTER_MS)]
    assert shown_w == [0, 2_000 * into_ms // QUARTER_MS, 2_000]


@given(st.lists(st.integers(-3 * QUARTER_MS, 90 * DAY_MS), min_size=1, max_size=8))
def test_a_clock_that_is_set_makes_no_peak(steps_ms: list[int]) -> None:
    """A quarter counts only if the clock has gone through all of it."""
    state, _ = run([0, 0])
    assert state.is_whole
    instants = list(accumulate(steps_ms, initial=BEGIN_MS + 2 * QUARTER_MS))
    for before, after in pairwise(instants):
        if after // QUARTER_MS - before // QUARTER_MS in (0, 1):
            continue
        state = demand.observe(state, UtcMs(after), state.began_mj + 10**12, ZONE)
        assert state.peak in (None, NOTHING_DRAWN)
        assert {month.peak for month in state.months} <= {None, NOTHING_DRAWN}


def test_a_month_is_closed_at_its_end_on_the_wall_and_thirteen_are_kept() -> None:
    state = demand.begin(ms_from_iso("2020-06-30T23:30:00+02:00"), 0, ZONE)
    ends = ["23:45:00+02:00", "24:00:00+02:00"]
    state = demand.observe(state, ms_from_iso(f"2020-06-30T{ends[0]}"), 0, ZONE)
    state = demand.observe(state, ms_from_iso("2020-07-01T00:00:00+02:00"), 3_000 * QUARTER_MS, ZONE)
    july_ms = ms_from_iso("2020-07-01T00:00:00+02:00")
    assert [(each.until_ms, each.peak) for each in state.months] == [(july_ms, Peak(3_000, july_ms))]
    assert demand.month_begins_ms(state, ZONE) == july_ms
    for number in range(1, 40):
        state = demand.observe(state, UtcMs(july_ms + number * 31 * DAY_MS), 0, ZONE)
    assert len(state.months) == MONTHS_KEPT


def test_a_clock_that_is_set_back_reopens_no_month() -> None:
    state = demand.begin(ms_from_iso("2020-07-01T12:00:00Z"), 0, ZONE)
    back = demand.observe(state, ms_from_iso("2020-05-01T12:00:00Z"), 0, ZONE)
    assert (back.month, back.months) == (state.month, ())
