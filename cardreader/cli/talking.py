"""Commands that a person writes in hex, and what the card answers; alone, or a script with what is expected.

A line of a script is empty, a comment (`#`), `reset`, or a command, which may be followed by `->` and the
answer that is expected; in that, `x` stands for any digit and `*` for any number of them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cardreader.host.session import HostSession
from cardreader.iso7816.apdu import ResponseApdu, read_command, read_response
from cardreader.iso7816.status import StatusError, StatusWord
from cardreader.readers.inserted import InsertedCard
from protocols.errors import InputError, quoted

_RESET: Final = "reset"
_HEX: Final = re.compile(r"[0-9A-Fa-f]*")
_EXPECTED: Final = re.compile(r"[0-9A-Fa-fxX*]+")
# Header and both lengths of the extended form around 65,535 bytes of data.
_COMMAND_BYTES_MAX: Final = 65_544
# 61XX, 62XX and 9000: the card has done it.
_DONE: Final = (0x61, 0x62)


@dataclass(frozen=True, slots=True)
class Line:
    """A command, or a reset (None); and the answer that is expected, as a pattern of hex; None: any."""

    number: int
    command: bytes | None
    expected: str | None = None


@dataclass(frozen=True, slots=True)
class AnsweredLine:
    """What the card answered to a line; `answer` None: it was a reset. `fits`: it is what was expected."""

    line: Line
    answer: ResponseApdu | None
    fits: bool


def read_commands(texts: Sequence[str]) -> list[Line]:
    """The commands of a command line. Raises InputError."""
    return [Line(number, _command(text, f"APDU {number}")) for number, text in enumerate(texts, start=1)]


def read_script(text: str, name: str) -> list[Line]:
    """The lines of a script. Raises InputError, which names the line."""
    lines = list[Line]()
    for number, whole in enumerate(text.splitlines(), start=1):
        words = whole.partition("#")[0].strip()
        where = f"{name}: line {number}"
        if words.lower() == _RESET:
            lines.append(Line(number, None))
        elif words:
            command, arrow, expected = words.partition("->")
            pattern = re.sub(r"\s", "", expected)
            if arrow and not _EXPECTED.fullmatch(pattern):
                raise InputError(f"{where}: {quoted(expected.strip())}; allowed: hex digits, x, *")
            lines.append(Line(number, _command(command, where), pattern if arrow else None))
    return lines


def talk(card: InsertedCard, lines: Sequence[Line], session: HostSession | None) -> Iterator[AnsweredLine]:
    """Sends each line to the card; in a session, each command as a secure one. A reset ends the session."""
    for line in lines:
        if line.command is None:
            card.reset()
            session = None
            yield AnsweredLine(line, None, fits=True)
        else:
            answer = _sent(card, line.command, session)
            yield AnsweredLine(line, answer, fits=_fits(line.expected, answer))


def is_done(answer: ResponseApdu | None) -> bool:
    """Whether the card has done what it was told."""
    return answer is None or answer.status == StatusWord.OK or answer.status >> 8 in _DONE


def _sent(card: InsertedCard, command: bytes, session: HostSession | None) -> ResponseApdu:
    if session is None:
        return read_response(card.transmit(command))
    try:
        return session.send(read_command(command))
    except StatusError as error:
        # What the host cannot make secure, or an answer that the session cannot read.
        return ResponseApdu(b"", error.status)


def _fits(expected: str | None, answer: ResponseApdu) -> bool:
    if expected is None:
        return True
    pattern = "".join({"x": "[0-9a-f]", "*": "[0-9a-f]*"}.get(each, each) for each in expected.lower())
    return re.fullmatch(pattern, answer.encode().hex()) is not None


def _command(text: str, where: str) -> bytes:
    digits = re.sub(r"[\s:]", "", text)
    if not _HEX.fullmatch(digits) or len(digits) % 2 or not 0 < len(digits) <= 2 * _COMMAND_BYTES_MAX:
        raise InputError(f"{where}: {quoted(text.strip())}; allowed: whole bytes as hex digits")
    return bytes.fromhex(digits)
