"""A socket that is read in large pieces, for paho, which asks the system for a byte, a byte, and the rest.

Each of these calls gives up Python's lock. While another thread of the program works, as the writer of the
store does, each costs some 5 ms: `serve` then read 300 messages a second of ten times as many.
"""

import socket
import ssl
from typing import Final

# Some 170 receipts: the loop comes to its other work every few hundredths of a second.
_PIECE_BYTES: Final = 64 * 1024


class BulkSocket:
    """What paho and aiomqtt use of a socket that does not block.

    aiomqtt reads on while something is `pending`. From one time that nothing is to the next the socket is
    read once, so that a broker which never pauses cannot keep the loop for itself.
    """

    def __init__(self, plain: socket.socket) -> None:
        self._plain = plain
        self._piece = b""
        self._at = 0
        self._has_read = False

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; b"" at the end of the connection.

        Raises BlockingIOError where there are none, or no more in this turn; else as the socket itself.
        """
        if self._at == len(self._piece):
            if self._has_read:
                raise BlockingIOError
            self._piece, self._at = self._plain.recv(_PIECE_BYTES), 0
            self._has_read = True
        part = self._piece[self._at : self._at + size]
        self._at += len(part)
        return part

    def pending(self) -> int:
        """How many bytes are read from the system and not taken; the turn ends where there are none."""
        if rest := len(self._piece) - self._at:
            return rest
        self._has_read = False
        return self._plain.pending() if isinstance(self._plain, ssl.SSLSocket) else 0

    def send(self, data: bytes) -> int:
        """Send, and say how much of it the system has taken. Raises as the socket itself."""
        return self._plain.send(data)

    def fileno(self) -> int:
        """The system's number of the socket; -1 after `close`."""
        return self._plain.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._plain.close()
