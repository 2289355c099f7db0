"""What carries bytes to a device and back: a serial port, or what stands for one in a test."""

from typing import Protocol

from hil.wire_log import WireLog


class BytePort(Protocol):
    """A port as `SerialPort`."""

    log: WireLog

    def send(self, data: bytes) -> None:
        """Send bytes."""

    def receive(self, timeout_ms: int) -> bytes:
        """What has come."""

    def forget(self) -> None:
        """Forget what has come so far."""
