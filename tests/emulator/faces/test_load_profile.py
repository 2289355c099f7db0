"""The load profile: a row a quarter, by the meter's own clock, with flags that say what is to be doubted."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.demand import QUARTER_MS
from emulator.faces.load_profile import (
    QUARTERS_KEPT,
    LoadProfile,
    QuarterFlag,
    QuarterRow,
    begin_profile,
    observe_quarter,
)
from protocols.instants import UtcMs, ms_from_iso
from protocols.reasons import ClockStatus

BEGIN_MS = ms_from_iso("2020-07-02T23:00:00+02:00")
TRUSTED, DISPUTED, LOST = ClockStatus.TRUSTED, ClockStatus.DISPUTED, ClockStatus.LOST
NONE, DOUBTED, DOWN = QuarterFlag.NONE, QuarterFlag.CLOCK_INVALID, QuarterFlag.POWER_DOWN
SET = QuarterFlag.CLOCK_ADJUSTED


class Met(NamedTuple):
    """The meter as it is met: minutes from the beginning, by its clock."""

    at_min: int
    energy_wh: int = 0
    clock: ClockStatus = TRUSTED
    mains_on: bool = True


def run(*met: Met) -> LoadProfile:
    state = begin_profile(BEGIN_MS)
    for each in met:
        at_ms = UtcMs(BEGIN_MS + each.at_min * 60_000)
        state = observe_quarter(state, at_ms, each.energy_wh, each.clock, mains_on=each.mains_on)
    return state


def shown(state: LoadProfile) -> list[tuple[int, int, QuarterFlag]]:
    return [((row.at_ms - BEGIN_MS) // 60_000, row.energy_wh, row.flags) for row in state.rows]


LEDGER = [
    # Nothing between two ends; a row at each of them, with the register of that instant.
    ([Met(7, 3), Met(15, 5), Met(20, 6), Met(30, 9)], [(15, 5, NONE), (30, 9, NONE)]),
    # A clock that was doubted at any time of a quarter, and only then.
    ([Met(5, 1, DISPUTED), Met(6, 1), Met(15, 2), Met(30, 3)], [(15, 2, DOUBTED), (30, 3, NONE)]),
    ([Met(15, 2, LOST), Met(30, 3)], [(15, 2, DOUBTED), (30, 3, NONE)]),
    # Set forward into a later quarter: the register is not of its beginning. Then all is as before.
    ([Met(47, 4), Met(60, 5)], [(45, 4, SET | QuarterFlag.NOT_VALID), (60, 5, NONE)]),
    # Set back, to the very end of a quarter: rows stay in the order in which they were written.
    ([Met(15, 2), Met(30, 3), Met(0, 3), Met(15, 4)],
     [(15, 2, NONE), (30, 3, NONE), (0, 3, SET), (15, 4, NONE)]),
    # Without mains no row is written, and the first one after says so.
    ([Met(10, 1, mains_on=False), Met(15, 1, mains_on=False), Met(30, 1, mains_on=False), Met(40, 1),
      Met(45, 2), Met(60, 3)], [(45, 2, DOWN), (60, 3, NONE)]),
    # Met late: the register is of a later instant than the row.
    ([Met(16, 2)], [(15, 2, QuarterFlag.NOT_VALID)]),
]  # fmt: skip


@pytest.mark.parametrize(("met", "rows"), LEDGER)
def test_rows_and_their_flags(met: list[Met], rows: list[tuple[int, int, QuarterFlag]]) -> None:
    assert shown(run(*met)) == rows


def test_the_oldest_rows_are_forgotten() -> None:
    state = run(*(Met(15 * at, at) for at in range(1, QUARTERS_KEPT + 3)))
    assert [row.energy_wh for row in state.rows] == list(range(3, QUARTERS_KEPT + 3))


@given(st.lists(st.tuples(st.integers(0, 600), st.sampled_from(ClockStatus), st.booleans()), max_size=30))
def test_every_row_is_the_end_of_a_quarter_and_none_hides_a_doubt(
    met: list[tuple[int, ClockStatus, bool]],
) -> None:
    """What is not flagged was written with mains, by a trusted clock, at its very instant."""
    state = begin_profile(BEGIN_MS)
    for at_min, clock, mains_on in met:
        before, at_ms = state, UtcMs(BEGIN_MS + at_min * 60_000)
        state = observe_quarter(state, at_ms, 0, clock, mains_on=mains_on)
        if state.rows == before.rows:
            assert not mains_on or at_ms // QUARTER_MS == before.quarter
            continue
        row = state.rows[-1]
        assert mains_on
        assert row.at_ms == at_ms // QUARTER_MS * QUARTER_MS
        if row == QuarterRow(row.at_ms, 0, NONE):
            assert (row.at_ms, clock) == (at_ms, TRUSTED)
            assert row.at_ms == (before.quarter + 1) * QUARTER_MS
