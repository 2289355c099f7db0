"""A supply sensor on a control line of a serial adapter: a lamp's optocoupler behind the contactor."""

import time
from typing import Final

from hil.bench_spec import SupplyLineSpec
from hil.capabilities import BenchError
from hil.drivers.serial_port import open_serial
from hil.port_faults import PORT_FAULTS, fault_text
from protocols.instants import SECOND_MS

# An optocoupler on 50 Hz pulses with the mains, at 50 or 100 Hz: two of their periods are looked at.
LOOKED_AT_MS: Final = 40
_EVERY_MS: Final = 2


class SupplyLine:
    """`SupplySensor` on CTS, DSR, CD or RI. A line that pulses is supplied: without supply it is still."""

    def __init__(self, spec: SupplyLineSpec) -> None:
        self._spec = spec
        self._port = open_serial(spec.place, is_shared=True)

    def is_supplied(self) -> bool:
        """As `SupplySensor`. Raises BenchError where the adapter does not say how the line is."""
        for _ in range(LOOKED_AT_MS // _EVERY_MS):
            if self._is_high() is self._spec.high_is_supplied:
                return True
            time.sleep(_EVERY_MS / SECOND_MS)
        return False

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def _is_high(self) -> bool:
        try:
            return bool(getattr(self._port, self._spec.line.value))
        except PORT_FAULTS as error:
            where = f"{self._spec.place.port}, {self._spec.line}"
            raise BenchError(
                f"{where}: the state of a control line expected; found: {fault_text(error)}"
            ) from None
