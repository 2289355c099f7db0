"""Collects the problems of one file, a line each: `FILE: where: found; allowed: what`.

A reader records a problem and reads on with a stand-in value, so that a person sees all mistakes at once.
The reader ends with `raise_if_any`, so that nothing made from a stand-in leaves it.
"""

import re
from collections.abc import Collection
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Final, NoReturn

from protocols.errors import InputError, quoted

# Nobody reads more; and searching names similar to 20,000 misspelt ones would take minutes.
PROBLEMS_MAX: Final = 100

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOML_INTEGER_MAX = 2**63 - 1


class Problems:
    """The problems of `file` found so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._lines: list[str] = []

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, where: str, found: str, allowed: str) -> None:
        """Record a problem: the value found, and what is allowed. Raises InputError if there are too many."""
        self.add_line(f"{where}: {found}; allowed: {allowed}")

    def add_line(self, line: str) -> None:
        """Record a line that already says where, what and what is allowed. Raises like `add`."""
        self._lines.append(f"{self.file}: {line}")
        if len(self._lines) == PROBLEMS_MAX:
            self._lines.append(f"{self.file}: not read further after {PROBLEMS_MAX} problems")
            self._raise()

    def raise_if_any(self) -> None:
        """Raises InputError with a line for each problem, in the order in which they were found."""
        if self._lines:
            self._raise()

    def _raise(self) -> NoReturn:
        raise InputError("\n".join(self._lines))


def shown(value: object) -> str:
    """A value of a TOML file as the file writes it, on one short line."""
    match value:
        case str():
            return quoted(value)
        case bool():
            return "true" if value else "false"
        case int():
            # Python refuses to print a very long integer in decimal digits; hexadecimal digits can write one.
            return str(value) if abs(value) <= _TOML_INTEGER_MAX else "an integer beyond 64 bits"
        case datetime() | date() | time():
            return value.isoformat()
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:
            return str(value)


def key_shown(key: str) -> str:
    """A key as part of a path: bare if TOML allows that, otherwise quoted, on one line."""
    return key if _BARE_KEY.fullmatch(key) else quoted(key)


def perhaps(found: object, names: Collection[str]) -> str:
    """The end of a message with a long list of names: the similar name that was probably meant, if any."""
    near = get_close_matches(found[:64], list(names), n=1) if isinstance(found, str) else []
    return f" (perhaps {near[0]})" if near else ""
