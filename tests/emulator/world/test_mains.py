"""Mains and cell: when the counter stands still, and when a meter finds that out."""

from emulator.world.crystal import Crystal
from emulator.world.mains import Mains
from protocols.instants import UtcMs


def test_with_a_good_cell_the_counter_runs_on_without_mains() -> None:
    crystal = Crystal(0, UtcMs(0))
    mains = Mains(crystal)
    mains.switch_off(UtcMs(1_000))
    assert not mains.is_on
    assert crystal.tick_at(UtcMs(5_000)) == 5_000
    assert not mains.switch_on(UtcMs(5_000))


def test_a_cell_lost_while_the_mains_are_off_stops_the_counter_at_once() -> None:
    crystal = Crystal(0, UtcMs(0))
    mains = Mains(crystal)
    mains.switch_off(UtcMs(1_000))
    mains.lose_cell(UtcMs(2_000))
    assert crystal.tick_at(UtcMs(9_000)) == 2_000
    assert mains.switch_on(UtcMs(9_000))
    assert crystal.tick_at(UtcMs(10_000)) == 3_000


def test_a_cell_lost_while_the_mains_are_on_stops_the_counter_at_every_later_outage() -> None:
    crystal = Crystal(0, UtcMs(0))
    mains = Mains(crystal)
    mains.lose_cell(UtcMs(1_000))
    assert crystal.tick_at(UtcMs(2_000)) == 2_000
    for off_ms in (10_000, 20_000):
        mains.switch_off(UtcMs(off_ms))
        assert mains.switch_on(UtcMs(off_ms + 1_000))
    assert crystal.tick_at(UtcMs(30_000)) == 28_000


def test_mains_that_are_on_already_had_not_stood_still() -> None:
    mains = Mains(Crystal(0, UtcMs(0)))
    mains.lose_cell(UtcMs(0))
    assert not mains.switch_on(UtcMs(1_000))
