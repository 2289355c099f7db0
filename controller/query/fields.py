"""The kinds of field that queries name: how the value of each is read."""

import re
from collections.abc import Iterable
from typing import Final

from controller.query.rules import Field
from protocols.arguments import check_choice, read_instant
from protocols.errors import InputError, quoted
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.units import ueur_from_eur

_SPAN: Final = re.compile(r"([0-9]{1,9})(s|min|h|d)")
_UNIT_MS: Final = {"s": SECOND_MS, "min": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_INTEGER: Final = re.compile(r"[0-9]{1,15}")
_YES_NO: Final = {"true": True, "false": False}


def choice(allowed: Iterable[str]) -> Field:
    """One word of a closed list."""
    words = tuple(allowed)

    def read(text: str, where: str) -> str:
        check_choice(text, words, where)
        return text

    return Field(read=read)


def _text(text: str, _where: str) -> str:
    return text


def _yes_no(text: str, where: str) -> bool:
    check_choice(text, _YES_NO, where)
    return _YES_NO[text]


def _euro(text: str, where: str) -> int:
    try:
        return ueur_from_eur(text)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None


def _span(text: str, where: str) -> int:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise InputError(f"{where}: {quoted(text)}; allowed: a time such as 90s, 5min, 2h or 3d")
    return int(found[1]) * _UNIT_MS[found[2]]


def _integer(text: str, where: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise InputError(f"{where}: {quoted(text)}; allowed: a whole number")
    return int(text)


# Text in which `*` stands for any characters.
TEXT: Final = Field(read=_text, patterns=True)
YES_NO: Final = Field(read=_yes_no)
# Micro-euro, read from euro.
EURO: Final = Field(read=_euro, ordered=True)
# Milliseconds since 1970, read from ISO 8601 with an offset.
INSTANT: Final = Field(read=read_instant, ordered=True)
# Milliseconds, read from a number and its unit.
SPAN: Final = Field(read=_span, ordered=True)
INTEGER: Final = Field(read=_integer, ordered=True)
