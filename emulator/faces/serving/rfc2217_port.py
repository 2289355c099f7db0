"""A face on a TCP port that is a serial port (RFC 2217): the reader sets speed, word length and parity there.

The telnet side is pyserial's `PortManager`: this module needs the extra [serial], and `opening` imports it
when such a place is opened. What `PortManager` cannot read ends the connection.
"""

import asyncio
import struct
from typing import Any, Final

from serial.rfc2217 import PortManager

from emulator.faces.line_format import LineFormat
from emulator.faces.places import FacePlace
from emulator.faces.serving.lines import Attach
from emulator.faces.serving.tcp_port import TcpLine, TcpPort, open_tcp

# No option of RFC 2217 has more than some bytes.
_OPTION_BYTES_MAX: Final = 256


class RemotePort:
    """The port as its reader has set it, in the names that pyserial gives to these."""

    def __init__(self) -> None:
        self.baudrate = 9600
        self.bytesize = 8
        self.parity = "N"
        self.stopbits: float = 1
        self.xonxoff = self.rtscts = self.break_condition = False
        self.dtr = self.rts = True
        self.cts = self.dsr = self.cd = True
        self.ri = False

    def reset_input_buffer(self) -> None:
        """Nothing waits here."""

    def reset_output_buffer(self) -> None:
        """Nothing waits here."""


class Rfc2217Line(TcpLine):
    """One reader with its port."""

    def __init__(self, attach: Attach, lines: set[TcpLine]) -> None:
        super().__init__(attach, lines)
        self._port = RemotePort()
        self._manager: Any = None

    @property
    def format(self) -> LineFormat | None:
        """What the reader has set."""
        return LineFormat(self._port.baudrate, self._port.bytesize, self._port.parity)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Negotiate, then begin."""
        super().connection_made(transport)
        if not transport.is_closing():
            self._manager = PortManager(self._port, _Raw(super().send))

    def heard(self, data: bytes) -> None:
        """Take out what is telnet's; the rest is for the face."""
        if self._manager is None:
            return
        try:
            plain = b"".join(self._manager.filter(data))
        except (KeyError, TypeError, ValueError, struct.error):
            self.hang_up()
            return
        if len(self._manager.suboption or b"") > _OPTION_BYTES_MAX:
            self.hang_up()
        elif plain:
            super().heard(plain)

    def send(self, data: bytes, *, latest: bool = False) -> None:
        """As `FaceLine`."""
        if self._manager is not None:
            super().send(b"".join(self._manager.escape(data)), latest=latest)


class _Raw:
    """What `PortManager` writes to."""

    def __init__(self, write: object) -> None:
        self.write = write


async def open_rfc2217(place: FacePlace, where: str, attach: Attach) -> TcpPort:
    """Listen at a place. Raises InputError as `open_tcp`."""
    return await open_tcp(place, where, lambda lines: Rfc2217Line(attach, lines))
