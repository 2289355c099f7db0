"""The contactor or valve of one meter: what a sensor behind it would see. Pure.

A firmware drives it by `SetSupply` and by nothing else, so that a firmware whose screen says something else
than its contactor does is found out.
"""

from collections import deque
from typing import Final, NamedTuple

from protocols.instants import UtcMs
from protocols.reasons import Energy, Supply

# Of a meter that nobody asks for its changes the last ones are kept.
CHANGES_KEPT: Final = 1_000


class SupplySeen(NamedTuple):
    """From an instant of true time on the household is supplied, or it is not."""

    at_ms: UtcMs
    is_supplied: bool


class Contactor:
    """Closed at the start, as a meter is commissioned, with the mains on."""

    __slots__ = ("_changes", "_energy", "_is_closed", "_mains_on")

    def __init__(self, energy: Energy) -> None:
        self._energy = energy
        self._is_closed = True
        self._mains_on = True
        self._changes: deque[SupplySeen] = deque(maxlen=CHANGES_KEPT)

    @property
    def is_supplied(self) -> bool:
        """Whether the household is supplied. Gas flows without mains: a valve stays as it was put."""
        return self._is_closed and (self._mains_on or self._energy is Energy.GAS)

    def drive(self, to: Supply, true_ms: UtcMs) -> None:
        """Close it or open it. An armed one is open until somebody presses."""
        was_supplied = self.is_supplied
        self._is_closed = to in (Supply.ON, Supply.LIMITED)
        self._note(true_ms, was_supplied=was_supplied)

    def switch_mains(self, *, on: bool, true_ms: UtcMs) -> None:
        """The mains before it come or go."""
        was_supplied = self.is_supplied
        self._mains_on = on
        self._note(true_ms, was_supplied=was_supplied)

    def take_changes(self) -> tuple[SupplySeen, ...]:
        """What has changed since this was asked last, oldest first."""
        taken = tuple(self._changes)
        self._changes.clear()
        return taken

    def _note(self, true_ms: UtcMs, *, was_supplied: bool) -> None:
        if self.is_supplied is not was_supplied:
            self._changes.append(SupplySeen(true_ms, self.is_supplied))
