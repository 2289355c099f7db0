"""A supply sensor on a control line of a serial adapter: a lamp's optocoupler behind the contactor."""

import serial

from hil.benches.model import SupplyLineSpec
from hil.capabilities import BenchError
from hil.drivers.serial_port import open_serial


class SupplyLine:
    """`SupplySensor` on CTS, DSR, CD or RI."""

    def __init__(self, spec: SupplyLineSpec) -> None:
        self._spec = spec
        self._port = open_serial(spec.place)

    def is_supplied(self) -> bool:
        """As `SupplySensor`. Raises BenchError where the adapter does not say how the line is."""
        try:
            is_high = bool(getattr(self._port, self._spec.line.value))
        except (serial.SerialException, OSError) as error:
            where = f"{self._spec.place.port}, {self._spec.line}"
            raise BenchError(f"{where}: the state of a control line expected; found: {error}") from None
        return is_high is self._spec.high_is_supplied

    def close(self) -> None:
        """Close the port."""
        self._port.close()
