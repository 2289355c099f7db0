"""What travels between a reader and a card: command and answer, short and extended (ISO 7816-4 §5).

A command is `CLA INS P1 P2`, then up to three fields: how much data follows (Lc), the data, and how many
bytes of answer are wanted at most (Le). Lc and Le have one byte each, or in the extended form two bytes, with
one zero byte in front of the first of them. The four cases are: neither, Le alone, data alone, both.

Pure.
"""

from dataclasses import dataclass
from typing import Final

from cardreader.iso7816.status import StatusError, StatusWord
from protocols.errors import UnreachableError

# ISO 7816-4 §5.2: an Le of zero stands for the most that its field can say.
NE_SHORT_MAX: Final = 256
NE_EXTENDED_MAX: Final = 65_536
DATA_SHORT_MAX: Final = 255
DATA_EXTENDED_MAX: Final = 65_535

_HEADER_BYTES: Final = 4
_STATUS_BYTES: Final = 2


class CardGoneError(UnreachableError):
    """The card was removed, or gave no whole answer: nobody knows whether it did the last command."""


@dataclass(frozen=True, slots=True)
class CommandApdu:
    """One command. `ne`: bytes of answer that are wanted at most; None: none are.

    `extended` asks for the extended form even where the short one would do.
    """

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    ne: int | None = None
    extended: bool = False

    @property
    def is_extended(self) -> bool:
        """Whether it travels in the extended form."""
        return self.extended or len(self.data) > DATA_SHORT_MAX or (self.ne or 0) > NE_SHORT_MAX

    def header(self, data_bytes: int) -> bytes:
        """Header and Lc of this command if its data had `data_bytes` bytes, one at least."""
        head = bytes((self.cla, self.ins, self.p1, self.p2))
        if self.extended or data_bytes > DATA_SHORT_MAX or (self.ne or 0) > NE_SHORT_MAX:
            return head + b"\0" + data_bytes.to_bytes(2)
        return head + bytes((data_bytes,))

    def encode(self) -> bytes:
        """The bytes of the command."""
        head = bytes((self.cla, self.ins, self.p1, self.p2))
        body = self.header(len(self.data)) + self.data if self.data else head
        if self.ne is None:
            return body
        if not self.is_extended:
            return body + bytes((self.ne % NE_SHORT_MAX,))
        return body + (b"" if self.data else b"\0") + (self.ne % NE_EXTENDED_MAX).to_bytes(2)


def read_command(data: bytes) -> CommandApdu:
    """A command from its bytes. Raises StatusError with WRONG_LENGTH where its fields do not fit them."""
    if len(data) < _HEADER_BYTES:
        raise StatusError(StatusWord.WRONG_LENGTH)
    cla, ins, p1, p2 = data[:_HEADER_BYTES]
    rest = data[_HEADER_BYTES:]
    if not rest:
        return CommandApdu(cla, ins, p1, p2)
    if len(rest) == 1:
        return CommandApdu(cla, ins, p1, p2, ne=rest[0] or NE_SHORT_MAX)
    if rest[0]:
        return _with_data(cla, ins, p1, p2, rest[1:], rest[0], extended=False)
    if len(rest) == 3:  # noqa: PLR2004 # 00 and the two bytes of Le
        return CommandApdu(cla, ins, p1, p2, ne=int.from_bytes(rest[1:]) or NE_EXTENDED_MAX, extended=True)
    return _with_data(cla, ins, p1, p2, rest[3:], int.from_bytes(rest[1:3]), extended=True)


def _with_data(
    cla: int, ins: int, p1: int, p2: int, rest: bytes, data_bytes: int, *, extended: bool
) -> CommandApdu:
    data, le = rest[:data_bytes], rest[data_bytes:]
    width, ne_max = (2, NE_EXTENDED_MAX) if extended else (1, NE_SHORT_MAX)
    if not data_bytes or len(data) != data_bytes or len(le) not in (0, width):
        raise StatusError(StatusWord.WRONG_LENGTH)
    ne = (int.from_bytes(le) or ne_max) if le else None
    return CommandApdu(cla, ins, p1, p2, data, ne, extended)


@dataclass(frozen=True, slots=True)
class ResponseApdu:
    """One answer: its data and its status word."""

    data: bytes
    status: int

    def encode(self) -> bytes:
        """The bytes of the answer."""
        return self.data + self.status.to_bytes(_STATUS_BYTES)

    def checked(self) -> bytes:
        """The data. Raises StatusError where the status is neither OK nor END_OF_FILE."""
        if self.status not in (StatusWord.OK, StatusWord.END_OF_FILE):
            raise StatusError(self.status)
        return self.data


def read_response(data: bytes) -> ResponseApdu:
    """An answer from its bytes. Raises CardGoneError for fewer than two bytes.

    PC/SC may report success with an empty answer when a card is pulled out in the middle of a command.
    """
    if len(data) < _STATUS_BYTES:
        raise CardGoneError("card: no whole answer; it was removed, and what it did is not known")
    return ResponseApdu(data[:-_STATUS_BYTES], int.from_bytes(data[-_STATUS_BYTES:]))
