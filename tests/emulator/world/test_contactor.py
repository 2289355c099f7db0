"""The contactor: what a sensor behind it sees, whatever a meter says."""

import pytest

from emulator.world.contactor import Contactor, SupplySeen
from protocols.instants import UtcMs
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
    assert contactor.is_supplied
    contactor.switch_mains(on=mains_on, true_ms=UtcMs(1))
    contactor.drive(driven, UtcMs(2))
    assert contactor.is_supplied is is_supplied


def test_it_writes_down_what_changed_for_the_household_and_nothing_else() -> None:
    contactor = Contactor(Energy.ELECTRICITY)
    contactor.drive(Supply.LIMITED, UtcMs(1))
    contactor.drive(Supply.OFF, UtcMs(2))
    contactor.switch_mains(on=False, true_ms=UtcMs(3))
    contactor.drive(Supply.ON, UtcMs(4))
    contactor.switch_mains(on=True, true_ms=UtcMs(5))
    assert contactor.take_changes() == (SupplySeen(UtcMs(2), False), SupplySeen(UtcMs(5), True))
    assert contactor.take_changes() == ()
