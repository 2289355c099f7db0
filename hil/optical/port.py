"""Runs the dialogues of an optical head on a serial port: a device, a pseudo terminal, or rfc2217://HOST:PORT.

Needs pyserial, the extra [serial].
"""

import time
from collections.abc import Generator
from types import TracebackType
from typing import Final, Self, TypeVar

import serial

from emulator.faces.optical.messages import FIRST_BAUD, DataSet
from hil.optical.dialogue import Receive, Send, Speed, Step, read_out
from hil.port_faults import PORT_FAULTS
from protocols.errors import UnreachableError
from protocols.instants import SECOND_MS

R = TypeVar("R")
_READ_BYTES: Final = 4096
# A port is looked at so often: its own time-out is not changed, since a terminal of Linux refuses that.
_LOOK_S: Final = 0.02


class OpticalPort:
    """An optical head, 7E1. Raises UnreachableError where the port cannot be opened, or has gone."""

    def __init__(self, url: str) -> None:
        try:
            self._port = serial.serial_for_url(
                url, FIRST_BAUD, bytesize=serial.SEVENBITS, parity=serial.PARITY_EVEN, timeout=_LOOK_S
            )
        except PORT_FAULTS as error:
            raise UnreachableError(f"{url}: {error}") from None
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._port.close()

    def read_out(self, address: str = "") -> tuple[DataSet, ...]:
        """Everything that the meter reads out. Raises OpticalError where it does not come whole."""
        return self.run(read_out(address))

    def run(self, dialogue: Generator[Step, bytes, R]) -> R:
        """Run a dialogue to its end, and return its result. Raises what it raises."""
        answer: bytes | None = None
        try:
            while True:
                step = next(dialogue) if answer is None else dialogue.send(answer)
                answer = self._do(step)
        except StopIteration as end:
            result: R = end.value
            return result
        except PORT_FAULTS as error:
            raise UnreachableError(f"{self._url}: {error}") from None

    def _do(self, step: Step) -> bytes | None:
        match step:
            case Send():
                time.sleep(step.pause_ms / SECOND_MS)
                self._port.write(step.data)
            case Speed():
                time.sleep(step.pause_ms / SECOND_MS)
                # A terminal of Linux refuses 7E1 where nothing else changes.
                if self._port.baudrate != step.baud:
                    self._port.baudrate = step.baud
            case Receive():
                return self._receive(step.timeout_ms)
        return None

    def _receive(self, timeout_ms: int) -> bytes:
        until_s = time.monotonic() + timeout_ms / SECOND_MS
        while time.monotonic() < until_s:
            # What there is, or one character as soon as it comes.
            data: bytes = self._port.read(max(1, min(self._port.in_waiting, _READ_BYTES)))
            if data:
                return data
        return b""
