"""The households: the same for the same seed, and of every kind also when they are few."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from controller.demo import night
from controller.demo.population import CUT_PENDING, FAULTS, Reactivation, TwinHousehold, households
from emulator.firmware.legacy.defects.catalogue import CATALOGUE

COUNTS = st.integers(10, 120)
SEEDS = st.integers(0, 2**63 - 1)


def facts(home: TwinHousehold) -> tuple[object, ...]:
    """Everything of a household but its load, which is a function."""
    return tuple(getattr(home, name) for name in home.__dataclass_fields__ if name != "load")


@given(COUNTS, SEEDS)
def test_the_same_seed_makes_the_same_households(count: int, seed: int) -> None:
    one, other = households(count, seed), households(count, seed)
    assert list(map(facts, one)) == list(map(facts, other))
    instants = (night.START_MS, night.LIE_MS, night.RELEASE_MS)
    assert [[home.load(each) for each in instants] for home in one] == [
        [home.load(each) for each in instants] for home in other
    ]


@given(COUNTS, SEEDS)
def test_every_fleet_has_someone_to_cut_early_and_someone_to_cut_in_the_window(count: int, seed: int) -> None:
    homes = households(count, seed)
    pending = [home for home in homes if home.reactivation in CUT_PENDING]
    assert any(home.clock_set_wrong for home in pending)
    not_in_order = [home for home in homes if home.reactivation is Reactivation.NOT]
    assert not_in_order
    assert not any(home.protected or home.medical for home in not_in_order)
    assert any(home.late_ms is None for home in not_in_order)


@given(COUNTS, SEEDS)
def test_acts_of_a_household_happen_in_their_order(count: int, seed: int) -> None:
    for home in households(count, seed):
        if home.reactivation is Reactivation.BEFORE_START:
            assert home.reactivated_ms is not None
            assert night.REACTIVATION_FROM_MS <= home.reactivated_ms < night.START_MS
            assert home.extended_ms is None
        elif home.reactivation is Reactivation.IN_TIME:
            assert home.reactivated_ms is not None
            assert home.extended_ms is not None
            assert home.extended_ms < home.reactivated_ms <= night.REACTIVATION_UNTIL_MS
        elif home.reactivation is Reactivation.ON_PAPER:
            assert home.reactivated_ms is not None
            assert night.EXTENSION_FROM_MS < home.reactivated_ms < night.EXTENSION_UNTIL_MS
        if home.late_ms is not None:
            assert night.NIGHT_ENDS_MS < home.late_ms < night.PLANNED_CUT_MS


def test_shares_are_those_that_the_report_states() -> None:
    homes = households(1_000, 7)
    assert Counter(home.reactivation for home in homes) == {
        Reactivation.BEFORE_START: 740,
        Reactivation.IN_TIME: 120,
        Reactivation.NOT: 100,
        Reactivation.ON_PAPER: 40,
    }
    assert sum(home.clock_set_wrong for home in homes) == 700
    assert sum(percent for percent, _ in FAULTS) == 100
    without = sum(not home.faults for home in homes)
    assert 440 <= without <= 460


def test_faults_are_of_the_catalogue() -> None:
    assert {name for _, names in FAULTS for name in names} <= CATALOGUE.keys()


def test_payments_have_ids_of_their_own() -> None:
    ids = [top_up.id for home in households(1_000, 7) for top_up in home.top_ups]
    assert len(ids) == len(set(ids)) > 200
