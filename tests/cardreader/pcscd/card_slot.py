"""The slot of a reader of socket_reader.c: whoever connects to its socket is the card in it."""

import contextlib
import socket
import struct
import threading
from pathlib import Path
from typing import Final, Protocol

_HEAD: Final = struct.Struct(">cI")
_LENGTH: Final = struct.Struct(">I")


class PoweredCard(Protocol):
    """What can be put into a slot: a `SmartCard`, or something that acts one."""

    def reset(self) -> bytes: ...

    def process(self, data: bytes) -> bytes: ...


class Pulled(Exception):  # noqa: N818 # what happens, and no error
    """Raised by a card in the middle of a command: it is pulled out, and gives no answer."""


class CardSlot:
    """One slot. The card answers in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.card: PoweredCard | None = None

    def insert(self, card: PoweredCard) -> None:
        """Puts a card in; what was in it is pulled out. The reader must be there."""
        self.pull()
        connected = socket.socket(socket.AF_UNIX)
        connected.connect(str(self._path))
        self._socket, self.card = connected, card
        self._thread = threading.Thread(target=self._serve, args=(connected,))
        self._thread.start()

    def pull(self) -> None:
        """Pulls the card out, whatever it is doing."""
        if self._socket is not None and self._thread is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._thread.join(5)
            assert not self._thread.is_alive()
        self._socket = self._thread = self.card = None

    def _serve(self, connected: socket.socket) -> None:
        with contextlib.suppress(OSError, Pulled), connected:
            while True:
                kind, length = _HEAD.unpack(_received(connected, _HEAD.size))
                answer = self._answer(kind, _received(connected, length))
                connected.sendall(_LENGTH.pack(len(answer)) + answer)

    def _answer(self, kind: bytes, data: bytes) -> bytes:
        # The attribute is read anew: a test may swap the card without the reader's knowing.
        card = self.card
        assert card is not None
        if kind == b"C":
            return card.process(data)
        return b"" if kind == b"O" else card.reset()


def _received(connected: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = connected.recv(length - len(data))
        if not piece:
            raise ConnectionResetError
        data += piece
    return data
