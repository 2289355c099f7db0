"""A serial port of the bench, with everything that went over it written down.

Needs pyserial, the extra [serial]. Whatever goes wrong with a port is a `BenchError`: of the meter nothing is
known then.
"""

import time
from typing import Final

import serial

from hil.bench_spec import SerialPlace
from hil.capabilities import BenchError
from hil.port_faults import PORT_FAULTS, fault_text
from hil.wire_log import WireLog
from protocols.instants import SECOND_MS

# A port is looked at so often; its own time-out is not changed while it is open.
_LOOK_S: Final = 0.02
_READ_BYTES: Final = 4096


def open_serial(place: SerialPlace, *, is_shared: bool = False) -> serial.Serial:
    """Pyserial's port, 8N1, for this program alone. Raises BenchError where it cannot be opened.

    `is_shared`: its control lines are looked at, while whoever else has it sends and receives.
    """
    try:
        return serial.serial_for_url(
            place.port, place.baud, timeout=_LOOK_S, exclusive=None if is_shared else True
        )
    except PORT_FAULTS as error:
        raise BenchError(f"{place.port}: a serial port expected; found: {fault_text(error)}") from None


class SerialPort:
    """An open port. `name` is the log's."""

    def __init__(self, place: SerialPlace, name: str) -> None:
        self.place = place
        self.log = WireLog(name)
        self._port = open_serial(place)

    def close(self) -> None:
        """Close it."""
        self._port.close()

    def send(self, data: bytes) -> None:
        """Send bytes. Raises BenchError where the port has gone."""
        try:
            self._port.write(data)
        except PORT_FAULTS as error:
            raise self._gone(error) from None
        self.log.sent(data)

    def receive(self, timeout_ms: int) -> bytes:
        """What has come, as soon as something has; empty where nothing comes in time. Raises as `send`."""
        until_s = time.monotonic() + timeout_ms / SECOND_MS
        try:
            while True:
                data: bytes = self._port.read(max(1, min(self._port.in_waiting, _READ_BYTES)))
                if data or time.monotonic() >= until_s:
                    break
        except PORT_FAULTS as error:
            raise self._gone(error) from None
        if data:
            self.log.received(data)
        return data

    def forget(self) -> None:
        """Forget what has come so far. Raises as `send`."""
        try:
            self._port.reset_input_buffer()
        except PORT_FAULTS as error:
            raise self._gone(error) from None

    def _gone(self, error: Exception) -> BenchError:
        return BenchError(f"{self.place.port}: an open port expected; found: {fault_text(error)}")
