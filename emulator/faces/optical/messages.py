"""The messages of IEC 62056-21, mode C, as bytes and as values, for both ends. Pure.

Characters have seven bits. A block check character (ISO 1155) is the exclusive or of all bytes behind the
first one, its end character included.
"""

import re
from collections.abc import Iterable
from functools import reduce
from operator import xor
from typing import Final, NamedTuple

SOH, STX, ETX, ACK, NAK = b"\x01", b"\x02", b"\x03", b"\x06", b"\x15"
END: Final = b"\r\n"

# The letter of the identification: the speed that is switched to in mode C.
BAUDS: Final = {"0": 300, "1": 600, "2": 1200, "3": 2400, "4": 4800, "5": 9600, "6": 19200}
FIRST_BAUD: Final = 300

# No message that a meter receives is longer; of a longer one the beginning is forgotten.
RECEIVED_BYTES_MAX: Final = 256
_SIGN_ON_BYTES_MAX: Final = 37
_SELECT_BYTES: Final = 6
_SIGN_ON = re.compile(rb"/\?([0-9A-Za-z ._-]{0,32})!\r\n")
_SELECT = re.compile(rb"\x06([0-9])([0-9])([0-9])\r\n")
_COMMAND = re.compile(rb"\x01([PWREB])([0-9])(?:\x02([\x20-\x7e\r\n]*))?\x03")
_DATA_SET = re.compile(r"([^()/!\r\n]{0,16})\(([^()/!*\r\n]{0,128})(?:\*([^()/!\r\n]{0,16}))?\)")


class SignOn(NamedTuple):
    """A reader asks who is there. `address`: whom it means; empty: whoever hears it."""

    address: str


class OptionSelect(NamedTuple):
    """What a reader wants: the protocol, the speed and the mode, a digit each."""

    protocol: str
    speed: str
    mode: str


class Command(NamedTuple):
    """A command of the programming mode. `text` None: it has no data. `is_sound`: its block check holds."""

    name: str
    text: str | None
    is_sound: bool


class Sign(NamedTuple):
    """A single character: everything was received (`is_good`), or it is to be sent again."""

    is_good: bool


Message = SignOn | OptionSelect | Command | Sign


class DataSet(NamedTuple):
    """A value with its address; both may be empty, and `unit` mostly is."""

    address: str
    value: str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.address}({self.value}{'*' if self.unit else ''}{self.unit})"


def block_check(data: bytes) -> bytes:
    """The block check character of what stands behind the first byte."""
    return bytes((reduce(xor, data, 0),))


def sealed(first: bytes, data: bytes) -> bytes:
    """A block with its check character: `first`, the data, ETX, the check."""
    return first + data + ETX + block_check(data + ETX)


def readout_block(data_sets: Iterable[DataSet]) -> bytes:
    """All values that a meter reads out, a line each."""
    lines = b"".join(str(each).encode("ascii") + END for each in data_sets)
    return sealed(STX, lines + b"!" + END)


def answer_block(data_set: DataSet) -> bytes:
    """One value, or an error where it has no address."""
    return sealed(STX, str(data_set).encode("ascii"))


def command_block(name: str, text: str | None = None) -> bytes:
    """A command of the programming mode, such as `P0`, with its data or without."""
    return sealed(SOH, name.encode("ascii") + (b"" if text is None else STX + text.encode("ascii")))


def data_sets_in(text: str) -> tuple[DataSet, ...] | None:
    """The values of a block's text, one after the other; None where something else is in it."""
    found: list[DataSet] = []
    at = 0
    text = text.replace("\r\n", "")
    while at < len(text) and text[at:] != "!":
        match = _DATA_SET.match(text, at)
        if match is None:
            return None
        found.append(DataSet(match[1], match[2], match[3] or ""))
        at = match.end()
    return tuple(found)


def take(buffer: bytes, *, selecting: bool) -> tuple[Message | None, bytes]:
    """The first message in what a meter has received, and what is left of it.

    None: none is whole yet. `selecting`: an ACK begins the choice of options. Bytes that begin nothing are
    skipped: a reader wakes a meter with some, and light makes others.
    """
    buffer = buffer[-RECEIVED_BYTES_MAX:]
    while buffer:
        first = buffer[:1]
        if first == b"/":
            end = buffer.find(b"\n") + 1
            match = _SIGN_ON.fullmatch(buffer[:end])
            if match is not None:
                return SignOn(match[1].decode("ascii")), buffer[end:]
            if not end and len(buffer) < _SIGN_ON_BYTES_MAX:
                return None, buffer
        elif first == ACK and selecting:
            match = _SELECT.fullmatch(buffer[:_SELECT_BYTES])
            if match is not None:
                return OptionSelect(*(each.decode("ascii") for each in match.groups())), buffer[
                    _SELECT_BYTES:
                ]
            if len(buffer) < _SELECT_BYTES:
                return None, buffer
        elif first in (ACK, NAK):
            return Sign(first == ACK), buffer[1:]
        elif first == SOH:
            end = buffer.find(ETX) + 1
            if not end or len(buffer) == end:
                return None, buffer
            return _command(buffer[: end + 1]), buffer[end + 1 :]
        buffer = buffer[1:]
    return None, b""


def _command(block: bytes) -> Command:
    match = _COMMAND.fullmatch(block[:-1])
    if match is None or block_check(block[1:-1]) != block[-1:]:
        return Command("", None, is_sound=False)
    name = (match[1] + match[2]).decode("ascii")
    return Command(name, None if match[3] is None else match[3].decode("ascii"), is_sound=True)
