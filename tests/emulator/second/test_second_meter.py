"""The firmware and a second meter, written from the design alone, change the supply in the same seconds.

`python -m tests.emulator.second.compare 0-1000` compares more of them.
"""

from pathlib import Path

import pytest

from emulator.population.shipped import shipped_profiles
from emulator.scenario.form import read_scenario
from tests.emulator.second.compare import difference
from tests.emulator.second.scenarios import scenario_of

_SEEDS_AT_ONCE = 10


@pytest.mark.parametrize("first", range(0, 100, _SEEDS_AT_ONCE))
def test_both_meters_do_the_same(first: int) -> None:
    for seed in range(first, first + _SEEDS_AT_ONCE):
        assert difference(scenario_of(seed)) is None, f"seed {seed}"


def test_a_month_of_money_ends_alike_to_the_quantum() -> None:
    """Registers, debt, a deferral and payments of two households; one loses its ticks and is lied to."""
    file = Path(__file__).parent / "a_month_of_money.toml"
    scenario = read_scenario(file.read_text(), file.name, shipped_profiles(), ())
    assert difference(scenario) is None
