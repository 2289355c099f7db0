"""Household loads: seeded, constant over a quarter, plausible."""

from hypothesis import given
from hypothesis import strategies as st

from emulator.world.loads import QUARTER_MS, HouseholdLoad
from protocols.instants import DAY_MS, HOUR_MS, UtcMs, ms_from_iso
from protocols.limits import LOAD_W_MAX

ZONE = "Europe/Brussels"
MONDAY_MS = ms_from_iso("2020-06-29T00:00:00+02:00")

instants_ms = st.integers(MONDAY_MS - 3_000 * DAY_MS, MONDAY_MS + 3_000 * DAY_MS)


@given(st.integers(0, 2**40), st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True), instants_ms)
def test_the_load_of_a_quarter_depends_on_seed_meter_and_quarter_alone(
    seed: int, meter: str, true_ms: int
) -> None:
    load_w = HouseholdLoad(seed, meter, ZONE).load_w(UtcMs(true_ms))
    quarter_ms = true_ms // QUARTER_MS * QUARTER_MS
    assert load_w == HouseholdLoad(seed, meter, ZONE).load_w(UtcMs(quarter_ms))
    assert load_w == HouseholdLoad(seed, meter, ZONE).load_w(UtcMs(quarter_ms + QUARTER_MS - 1))
    assert 0 < load_w < LOAD_W_MAX


@given(instants_ms, st.integers(0, 3 * DAY_MS))
def test_the_changes_lead_from_load_to_load(from_ms: int, span_ms: int) -> None:
    household = HouseholdLoad(7, "m1", ZONE)
    load_w = household.load_w(UtcMs(from_ms))
    changes = dict(household.changes(UtcMs(from_ms), UtcMs(from_ms + span_ms)))
    assert all(from_ms < at_ms <= from_ms + span_ms for at_ms in changes)
    for quarter in range(from_ms // QUARTER_MS + 1, (from_ms + span_ms) // QUARTER_MS + 1):
        at_ms = quarter * QUARTER_MS
        assert (at_ms in changes) == (household.load_w(UtcMs(at_ms)) != load_w)
        load_w = household.load_w(UtcMs(at_ms))


def mean_w(household: HouseholdLoad, hour: int, days: int = 28) -> int:
    quarters = [
        household.load_w(UtcMs(MONDAY_MS + day * DAY_MS + hour * HOUR_MS + quarter * QUARTER_MS))
        for day in range(days)
        for quarter in range(4)
    ]
    return sum(quarters) // len(quarters)


def test_evenings_draw_more_than_mornings_and_nights_least() -> None:
    for seed in range(20):
        household = HouseholdLoad(seed, "m1", ZONE)
        assert mean_w(household, 3) < mean_w(household, 7) < mean_w(household, 19)


def test_a_year_is_that_of_a_household() -> None:
    for seed in range(20):
        household = HouseholdLoad(seed, "m1", ZONE)
        quarters = range(28 * 96)
        four_weeks_wh = sum(household.load_w(UtcMs(MONDAY_MS + q * QUARTER_MS)) for q in quarters) // 4
        assert 1_200 < four_weeks_wh * 365 // 28 // 1_000 < 6_000


def test_two_households_differ() -> None:
    day = [MONDAY_MS + quarter * QUARTER_MS for quarter in range(96)]
    one, other = HouseholdLoad(7, "m1", ZONE), HouseholdLoad(7, "m2", ZONE)
    assert [one.load_w(UtcMs(at_ms)) for at_ms in day] != [other.load_w(UtcMs(at_ms)) for at_ms in day]
