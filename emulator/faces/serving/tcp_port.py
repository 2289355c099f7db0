"""A face on a TCP port: bytes as they are, for any number of readers at once."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from emulator.faces.line_format import LineFormat
from emulator.faces.places import FacePlace
from emulator.faces.serving.lines import Attach, Listener
from protocols.errors import InputError

READERS_MAX: Final = 64
# What may wait for one reader: some minute of telegrams. Whoever is behind by more has stopped reading.
_WAITING_BYTES_MAX: Final = 64 * 1024
# asyncio brings up to 256 KiB at once, which take a face a tenth of a second and more.
_PIECE_BYTES: Final = 4096
# A peer that has vanished (its cable, its power) is found out within a minute, and holds no place for ever.
_VANISHED: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    # The same for one that vanished while bytes were on their way to it.
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000),
)


class TcpLine(asyncio.Protocol):
    """One reader. `format` is unknown: TCP has no speed."""

    def __init__(self, attach: Attach, lines: set["TcpLine"]) -> None:
        self._attach = attach
        self._lines = lines
        self._transport: asyncio.Transport | None = None
        self._listener: Listener | None = None
        self._unheard = b""

    @property
    def format(self) -> LineFormat | None:
        return None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A reader has come; one too many is sent away."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        opened = transport.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _WAITING_BYTES_MAX)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for level, option, value in _VANISHED:
            opened.setsockopt(level, option, value)
        if len(self._lines) < READERS_MAX:
            self._listener = self._attach(self)
        if self._listener is None:
            transport.abort()
        else:
            self._lines.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes for the face. In a turn of the loop it hears no more than from a terminal."""
        if len(data) <= _PIECE_BYTES and not self._unheard:
            self.heard(data)
            return
        is_waiting = bool(self._unheard)
        self._unheard += data
        if not is_waiting:
            self._hear_piece()

    def heard(self, data: bytes) -> None:
        """A piece of what has come."""
        if self._listener is not None:
            self._listener.received(data)

    def _hear_piece(self) -> None:
        """What waits behind it waits with us, and the rest with the peer."""
        if self._transport is None or self._listener is None:
            return
        piece, self._unheard = self._unheard[:_PIECE_BYTES], self._unheard[_PIECE_BYTES:]
        if self._unheard:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._hear_piece)
        else:
            self._transport.resume_reading()
        self.heard(piece)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # as asyncio names it
        """The reader has gone, or was dropped."""
        self._lines.discard(self)
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.lost()

    def send(self, data: bytes, *, latest: bool = False) -> None:  # noqa: ARG002 # nothing sent is taken back
        """As `FaceLine`: a reader that has stopped reading is dropped."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > _WAITING_BYTES_MAX:
            self._transport.abort()

    def rest(self) -> None:
        """Nothing is to be set."""

    def hang_up(self) -> None:
        """Send the reader away."""
        if self._transport is not None:
            self._transport.abort()


class TcpPort:
    """A port that listens."""

    def __init__(self, place: FacePlace, server: asyncio.Server, lines: set[TcpLine]) -> None:
        self._place = place
        self._server = server
        self._lines = lines

    @property
    def where(self) -> str:
        return str(self._place)

    async def close(self) -> None:
        """Send all readers away, and listen no more."""
        self._server.close()
        for line in tuple(self._lines):
            line.hang_up()
        await self._server.wait_closed()


async def open_tcp(place: FacePlace, where: str, make_line: Callable[[set[TcpLine]], TcpLine]) -> TcpPort:
    """Listen at a place. Raises InputError where that cannot be: the port is taken, the host not this one."""
    lines: set[TcpLine] = set()
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: make_line(lines), place.host, place.port
        )
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{where}: {place}: {why}; allowed: a free port of this machine") from None
    port = server.sockets[0].getsockname()[1]
    return TcpPort(place._replace(port=port), server, lines)
