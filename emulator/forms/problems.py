"""Collects the problems of one file, a line each: `FILE: line 41: where: found; allowed: what`.

A reader records a problem and reads on with a stand-in value, so that a person sees all mistakes at once.
The reader ends with `raise_if_any`, so that nothing made from a stand-in leaves it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Final, NoReturn

from protocols.errors import InputError, quoted

# Nobody reads more; and searching names similar to 20,000 misspelt ones would take minutes.
PROBLEMS_MAX: Final = 100
# Among more names a similar one is not searched for: it would take seconds for each misspelt name.
NAMES_COMPARED_MAX: Final = 1_000
# Short words of opposite meaning are more alike than one expects: `open` and `on` are by two thirds.
SIMILARITY: Final = 0.7
PREFIX_CHARS_MIN: Final = 3

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SIGNS = re.compile(r"[-_. /]")
_LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_TOML_INTEGER_MAX = 2**63 - 1


class Problems:
    """The problems of `file` found so far, and its warnings.

    `line_of` says in which line a path stands, where that is known.
    """

    def __init__(self, file: str, line_of: Callable[[str], int | None] = lambda _where: None) -> None:
        self.file = file
        self._line_of = line_of
        self._lines: list[str] = []
        self.warnings: list[str] = []

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, where: str, found: str, allowed: str) -> None:
        """Record a problem: the value found, and what is allowed. Raises InputError if there are too many."""
        self.add_line(where, f"{where}: {found}; allowed: {allowed}")

    def add_line(self, where: str, line: str) -> None:
        """Record a line that already says where, what and what is allowed. Raises like `add`."""
        self._lines.append(self._placed(where, line))
        if len(self._lines) == PROBLEMS_MAX:
            self._lines.append(f"{self.file}: not read further after {PROBLEMS_MAX} problems")
            self._raise()

    def doubt(self, where: str, line: str) -> None:
        """Record a warning about what is allowed, and is probably not meant."""
        self.warnings.append(self._placed(where, line))

    def _placed(self, where: str, line: str) -> str:
        """A line about what stands at `where`, behind the file and the number of its line."""
        number = self._line_of(where)
        return f"{self.file}: {line}" if number is None else f"{self.file}: line {number}: {line}"

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


def joined(where: str, key: str) -> str:
    """The path of a key in the table at `where`; at the top of a file `where` is empty."""
    return f"{where}.{key_shown(key)}" if where else key_shown(key)


def perhaps(found: object, names: Iterable[str]) -> str:
    """The end of a message with a long list of names: the name that was probably meant, if any."""
    near = _meant(found[:64], list(names)) if isinstance(found, str) else None
    return f" (perhaps {near})" if near else ""


def _meant(found: str, names: Sequence[str]) -> str | None:
    """The name that differs in case, signs and leading zeros alone (`m42` for `m00042`), or a similar one."""
    bare = _bare(found)
    equal = [name for name in names if bare and _bare(name) == bare]
    begun = [name for name in names if len(found) >= PREFIX_CHARS_MIN and name.startswith(found)]
    for near in (equal, begun):
        if len(near) == 1:
            return near[0]
    near = get_close_matches(found, names, 1, SIMILARITY) if len(names) <= NAMES_COMPARED_MAX else []
    return near[0] if near else None


def _bare(name: str) -> str:
    return _LEADING_ZEROS.sub("", _SIGNS.sub("", name.casefold()))
