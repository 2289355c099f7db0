"""Runs the dialogues of an optical head on a serial port: a device, a pseudo terminal, or rfc2217://HOST:PORT.

Needs pyserial, the extra [serial].
"""

import termios
import time
from collections.abc import Generator
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

import serial

from emulator.faces.optical.messages import FIRST_BAUD, DataSet
from hil.optical.dialogue import Receive, Send, Speed, Step, read_out
from hil.optical.parity import with_parity, without_parity
from hil.port_faults import PORT_FAULTS, fault_text
from protocols.errors import UnreachableError
from protocols.instants import SECOND_MS

R = TypeVar("R")
_READ_BYTES: Final = 4096
# A port is looked at so often: its own time-out is not changed, since a terminal of Linux refuses that.
_LOOK_S: Final = 0.02
# No speed of mode C: a port that is set to it is changed by whatever is set next.
_OTHER_BAUD: Final = 50


class WireTap(Protocol):
    """Is told what goes over the wire."""

    def sent(self, data: bytes) -> None:
        """The reader sent bytes."""

    def received(self, data: bytes) -> None:
        """Bytes came."""


class OpticalPort:
    """An optical head, 7E1. Raises UnreachableError where the port cannot be opened, or has gone."""

    def __init__(self, url: str, tap: WireTap | None = None) -> None:
        try:
            self._port, self._is_eight_bits = _opened(url)
        except PORT_FAULTS as error:
            raise UnreachableError(f"{url}: {fault_text(error)}") from None
        self._url = url
        self._tap = tap

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
            raise UnreachableError(f"{self._url}: {fault_text(error)}") from None

    def _do(self, step: Step) -> bytes | None:
        match step:
            case Send():
                time.sleep(step.pause_ms / SECOND_MS)
                self._port.write(with_parity(step.data) if self._is_eight_bits else step.data)
                if self._tap is not None:
                    self._tap.sent(step.data)
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
                data = without_parity(data) if self._is_eight_bits else data
                if self._tap is not None:
                    self._tap.received(data)
                return data
        return b""


def _opened(url: str) -> tuple[serial.Serial, bool]:
    """The port at the first speed, and whether its parity is ours: an adapter may know eight bits alone.

    A terminal of Linux refuses 7E1 where nothing else changes, as at a second opening: its speed is set to
    another one first. Raises what a port raises.
    """
    try:
        return _seven_bits(url), False
    except termios.error:
        _open(url, _OTHER_BAUD).close()
    try:
        return _seven_bits(url), False
    except termios.error:
        return _open(url, FIRST_BAUD), True


def _seven_bits(url: str) -> serial.Serial:
    return _open(url, FIRST_BAUD, bytesize=serial.SEVENBITS, parity=serial.PARITY_EVEN)


def _open(url: str, baud: int, **framing: Any) -> serial.Serial:  # noqa: ANN401 # as pyserial's own
    return serial.serial_for_url(url, baud, timeout=_LOOK_S, exclusive=True, **framing)
