"""A bench that is ready for stories: who it is, and which driver each of its capabilities has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hil.capabilities import BenchError, Timebase
from hil.record.model import Attachment, Calibration, Dut


@dataclass(frozen=True, slots=True)
class BoundBench:
    """A bench with its drivers by interface.

    `sha256`: of what describes it. `is_released`: whether the operator has released the current, asked once;
    None: nobody is at this bench, and nobody can be hurt. `logs`: what came over its wires since then.
    `settle_ms`: how much later than the contactor its sensor may show it. `boot_ms`: how long after the mains
    came a meter may take until it answers.
    """

    name: str
    sha256: str
    dut: Dut
    drivers: Mapping[type, object]
    is_released: Callable[[], bool] | None = None
    logs: Callable[[], tuple[Attachment, ...]] = tuple
    settle_ms: int = 0
    boot_ms: int = 0
    calibrations: tuple[Calibration, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def timebase(self) -> Timebase:
        """Its reference clock, which every bench has."""
        found: Timebase = self.driver(Timebase)
        return found

    def driver(self, capability: type) -> Any:  # noqa: ANN401 # what an interface is bound to implements it
        """The driver of an interface. Raises BenchError where the bench has none."""
        if capability not in self.drivers:
            raise BenchError(f"{self.name}: {capability.__name__} expected; found: not on this bench")
        return self.drivers[capability]

    def missing(self, needs: tuple[type, ...]) -> tuple[str, ...]:
        """The names of what is needed and not there."""
        return tuple(each.__name__ for each in needs if each not in self.drivers)
