"""Everything that is wrong with one file, a line each: `FILE: where: found; allowed: what`.

A reader records a problem and reads on with a stand-in, so that a person corrects a file once, not
once per mistake. Nothing made from a stand-in leaves the reader: `raise_if_any` stands at its end.
"""

import re
from collections.abc import Collection
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Final, NoReturn

from protocols.errors import InputError, quoted

# More are not worth reading; and looking for names near 20,000 misspelt ones takes minutes.
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
        """Record that `found` stands where only `allowed` may. Raises InputError when there are too many."""
        self.add_line(f"{where}: {found}; allowed: {allowed}")

    def add_line(self, line: str) -> None:
        """Record a line that already says where, what and what is allowed. Raises as `add`."""
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
    """A value of a TOML file as it stands there, on one short line."""
    match value:
        case str():
            return quoted(value)
        case bool():
            return "true" if value else "false"
        case int():
            # A hexadecimal integer can be longer than Python agrees to write in decimal digits.
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
    """A key as it stands in a path: bare where it can be, quoted and on one line where not."""
    return key if _BARE_KEY.fullmatch(key) else quoted(key)


def perhaps(found: object, names: Collection[str]) -> str:
    """What stands after a long list of what is allowed: the name that was probably meant, if one is near."""
    near = get_close_matches(found[:64], list(names), n=1) if isinstance(found, str) else []
    return f" (perhaps {near[0]})" if near else ""
