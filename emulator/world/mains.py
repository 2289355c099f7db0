"""The supply side of one meter's connection, and the cell that keeps its ticks without it.

As long as the cell is good, the mains may come and go and the counter runs on. Once the ticks have
been lost the cell is taken to be gone for good: whenever the mains are off after that, the counter
stands still, and a meter that is powered again finds its oscillator-stop flag set (design §4.1).
"""

from emulator.world.crystal import Crystal
from protocols.instants import UtcMs


class Mains:
    """The mains and the cell of one meter, which drive its crystal. At the start both are good."""

    __slots__ = ("_cell_is_good", "_crystal", "is_on")

    def __init__(self, crystal: Crystal) -> None:
        self._crystal = crystal
        self._cell_is_good = True
        self.is_on = True

    def switch_off(self, true_ms: UtcMs) -> None:
        self.is_on = False
        if not self._cell_is_good:
            self._crystal.stop(true_ms)

    def switch_on(self, true_ms: UtcMs) -> bool:
        """Power again. True where the counter had stood still: the meter finds that out as it starts."""
        self.is_on = True
        had_stood_still = self._crystal.stands_still
        self._crystal.resume(true_ms)
        return had_stood_still

    def lose_cell(self, true_ms: UtcMs) -> None:
        self._cell_is_good = False
        if not self.is_on:
            self._crystal.stop(true_ms)
