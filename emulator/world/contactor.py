"""The contactor or valve of one meter: what a sensor behind it would see. Pure.

A firmware drives it by `SetSupply` and by nothing else, so that a firmware whose screen says something else
than its contactor does is found out.
"""

from protocols.reasons import Energy, Supply


class Contactor:
    """Closed at the start, as a meter is commissioned."""

    __slots__ = ("_energy", "_is_closed")

    def __init__(self, energy: Energy) -> None:
        self._energy = energy
        self._is_closed = True

    def drive(self, to: Supply) -> None:
        """Close it or open it. An armed one is open until somebody presses."""
        self._is_closed = to in (Supply.ON, Supply.LIMITED)

    def supplies(self, *, mains_on: bool) -> bool:
        """Whether the household is supplied. Gas flows without mains: a valve stays as it was put."""
        return self._is_closed and (mains_on or self._energy is Energy.GAS)
