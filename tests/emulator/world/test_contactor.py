"""The contactor: what a sensor behind it sees, whatever a meter says."""

import pytest

from emulator.world.contactor import Contactor
from protocols.reasons import Energy, Supply


@pytest.mark.parametrize(
    ("energy", "driven", "mains_on", "is_supplied"),
    [
        (Energy.ELECTRICITY, Supply.ON, True, True),
        (Energy.ELECTRICITY, Supply.ON, False, False),
        (Energy.ELECTRICITY, Supply.LIMITED, True, True),
        (Energy.ELECTRICITY, Supply.ARMED, True, False),
        (Energy.ELECTRICITY, Supply.OFF, True, False),
        (Energy.GAS, Supply.ON, True, True),
        (Energy.GAS, Supply.ON, False, True),
        (Energy.GAS, Supply.ARMED, True, False),
        (Energy.GAS, Supply.OFF, False, False),
    ],
)
def test_a_household_is_supplied_behind_a_closed_contactor_and_electricity_needs_the_mains(
    energy: Energy, driven: Supply, mains_on: bool, is_supplied: bool
) -> None:
    contactor = Contactor(energy)
    assert contactor.supplies(mains_on=True)
    contactor.drive(driven)
    assert contactor.supplies(mains_on=mains_on) is is_supplied
