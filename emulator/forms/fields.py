"""One table of a file, read key by key: each getter checks type and range and records what is wrong.

A getter that finds a problem returns a stand-in of the right type (see `problems`); `right` says whether a
key's value may be compared with another. `finish` refuses the keys that no getter has read.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from emulator.forms.problems import Problems, joined, perhaps, shown
from protocols.cutting.public_holidays import check_holidays
from protocols.cutting.rules import Rule, parse_rule
from protocols.cutting.zones import load_zone
from protocols.errors import InputError
from protocols.identifiers import is_id
from protocols.instants import iso_from_ms, ms_from_datetime
from protocols.limits import ID_CHARS_MAX, INSTANT_MS_MAX, INSTANT_MS_MIN, TEXT_CHARS_MAX
from protocols.units import UEUR_PER_EUR, ueur_from_eur

Choice = TypeVar("Choice", bound=str | int)

ID_ALLOWED: Final = f"1 to {ID_CHARS_MAX} of A-Z a-z 0-9 . _ -, the first a letter or digit"

_AMOUNT = re.compile(r"-?(0|[1-9][0-9]{0,8})(\.[0-9]+)?")
_INSTANT_ALLOWED = "a date-time with its offset, such as 2020-07-02T22:00:00+02:00"
_MISSING: Final = object()
_STAND_IN_RULE: Final = Rule(text="", hours=())


class Fields:
    """The table at `where`, such as `events[3]`; `where` is empty for the top of a file."""

    def __init__(self, problems: Problems, where: str, table: Mapping[str, object]) -> None:
        self.problems = problems
        self.where = where
        self._table = table
        self._asked: list[str] = []
        self._wrong: set[str] = set()

    def has(self, key: str) -> bool:
        """Whether the table holds the key. It counts as asked for."""
        self._ask(key)
        return key in self._table

    def right(self, *keys: str) -> bool:
        """Whether the table has these keys and nothing was wrong with them so far."""
        return all(key in self._table and key not in self._wrong for key in keys)

    def path(self, key: str) -> str:
        """The full path of a key, for messages."""
        return joined(self.where, key)

    def refuse(self, key: str, found: str, allowed: str) -> None:
        """Record that the key's value, or its absence, is wrong."""
        self._wrong.add(key)
        self.problems.add(self.path(key), found, allowed)

    def doubt(self, key: str, sentence: str) -> None:
        """Record a warning: a key's value is allowed, and probably not meant, as the sentence says."""
        where = self.path(key)
        self.problems.doubt(where, f"{where}: {shown(self.value(key))} {sentence}")

    def finish(self) -> None:
        """Refuse every key that was not asked for."""
        for key in self._table:
            if key not in self._asked:
                self.refuse(key, "unknown key", ", ".join(self._asked) + perhaps(key, self._asked))

    def value(self, key: str, default: object = None) -> object:
        """The unchecked value of a key. The key counts as asked for."""
        self._ask(key)
        return self._table.get(key, _MISSING if default is None else default)

    def refuse_item(self, key: str, item: str, found: str, allowed: str) -> None:
        """Record that one item of the key's array, such as `meters[1]`, is wrong."""
        self._wrong.add(key)
        where = f"{self.where}.{item}" if self.where else item
        self.problems.add(where, found, allowed)

    # ------------------------------------------------------------------ plain values

    def text(self, key: str, default: str | None = None, chars_max: int = TEXT_CHARS_MAX) -> str:
        """A text on one line."""
        value = self.value(key, default)
        if isinstance(value, str) and len(value) <= chars_max and value.isprintable():
            return value
        self._refuse_value(key, value, f"a text on one line of at most {chars_max} characters")
        return ""

    def identifier(self, key: str) -> str:
        """A name that topics and file names may contain."""
        value = self.value(key)
        if isinstance(value, str) and is_id(value):
            return value
        self._refuse_value(key, value, ID_ALLOWED)
        return "x"

    def identifiers(self, key: str, most: int) -> tuple[str, ...]:
        """An array of names, none twice; empty if the key is absent."""
        found: list[str] = []
        for index, value in enumerate(self._array(key, f"an array of at most {most} names", most)):
            item = f"{key}[{index}]"
            if not (isinstance(value, str) and is_id(value)):
                self.refuse_item(key, item, shown(value), ID_ALLOWED)
            elif value in found:
                self.refuse_item(key, item, f"{shown(value)} stands here twice", "each name once")
            else:
                found.append(value)
        return tuple(found)

    def names(self, key: str, known: Sequence[str]) -> tuple[str, ...]:
        """An array of names from a closed list, none twice; empty if the key is absent."""
        found: list[str] = []
        for index, value in enumerate(self._array(key, "an array of names", len(known) + 1)):
            item = f"{key}[{index}]"
            if not isinstance(value, str) or value not in known:
                allowed = ", ".join(known) or "none"
                self.refuse_item(key, item, shown(value), allowed + perhaps(value, known))
            elif value in found:
                self.refuse_item(key, item, f"{shown(value)} stands here twice", "each name once")
            else:
                found.append(value)
        return tuple(found)

    def one_of(self, key: str, allowed: Sequence[Choice], default: Choice | None = None) -> Choice:
        """A member of a closed list."""
        value = self.value(key, default)
        if isinstance(value, str | int) and not isinstance(value, bool):
            for choice in allowed:
                if value == choice:
                    return choice
        names = [str(choice) for choice in allowed]
        self._refuse_value(key, value, ", ".join(names) + perhaps(value, names))
        return allowed[0]

    def boolean(self, key: str, *, default: bool | None = None) -> bool:
        """`true` or `false`."""
        value = self.value(key, default)
        if isinstance(value, bool):
            return value
        self._refuse_value(key, value, "true, false")
        return False

    def integer(self, key: str, least: int, most: int, default: int | None = None) -> int:
        """An integer, both ends allowed. `true` and 1.0 are not integers."""
        value = self.value(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self._refuse_value(key, value, f"an integer from {least} to {most}")
        return least

    # ------------------------------------------------------------------ values with a meaning

    def instant_ms(self, key: str) -> int:
        """An instant from a TOML offset date-time, to the millisecond."""
        value = self.value(key)
        if not isinstance(value, datetime):
            self._refuse_value(key, value, _INSTANT_ALLOWED)
        elif value.utcoffset() is None:
            self.refuse(key, f"{shown(value)} is a local time without an offset", _INSTANT_ALLOWED)
        elif value.microsecond % 1_000:
            self.refuse(key, f"{shown(value)} is finer than a millisecond", _INSTANT_ALLOWED)
        else:
            instant_ms = ms_from_datetime(value)
            if INSTANT_MS_MIN <= instant_ms <= INSTANT_MS_MAX:
                return instant_ms
            self.refuse(key, shown(value), instants_allowed())
        return INSTANT_MS_MIN

    def amount_text(self, key: str, decimals_max: int, least_eur: int, most_eur: int) -> str:
        """Money in euro as its decimal text, both ends allowed."""
        value = self.value(key)
        if isinstance(value, str) and _AMOUNT.fullmatch(value):
            whole, _, decimals = value.lstrip("-").partition(".")
            size_eur = int(whole) + (1 if decimals.strip("0") else 0)
            outside = size_eur > -least_eur if value.startswith("-") else size_eur > most_eur
            if len(decimals) <= decimals_max and not outside:
                return value
        allowed = (
            'money as a decimal string in euro, such as "12.34", '
            f"from {least_eur} to {most_eur} with at most {decimals_max} decimals"
        )
        self._refuse_value(key, value, allowed)
        return "0"

    def ueur(self, key: str, least_eur: int, most_eur: int) -> int:
        """Money in micro-euro, both ends allowed."""
        return ueur_from_eur(self.amount_text(key, len(str(UEUR_PER_EUR)) - 1, least_eur, most_eur))

    def zone(self, key: str) -> str:
        """The name of a time zone."""
        name = self.text(key, chars_max=ID_CHARS_MAX)
        if self.right(key):
            try:
                load_zone(name, self.path(key))
            except InputError as error:
                self._refuse_line(key, error)
        return name

    def holidays(self, key: str) -> str:
        """`"none"`, or the code of the country whose public holidays count."""
        code = self.text(key, chars_max=ID_CHARS_MAX)
        if self.right(key):
            try:
                check_holidays(code, self.path(key))
            except InputError as error:
                self._refuse_line(key, error)
        return code

    def rule(self, key: str) -> Rule:
        """A rule of days and hours."""
        text = self.text(key)
        if self.right(key):
            try:
                return parse_rule(text, self.path(key))
            except InputError as error:
                self._refuse_line(key, error)
        return _STAND_IN_RULE

    # ------------------------------------------------------------------ tables inside

    def table(self, key: str) -> "Fields | None":
        """The table under a key; None if there is none."""
        if not self.has(key):
            return None
        value = self._table[key]
        if isinstance(value, dict):
            return Fields(self.problems, self.path(key), value)
        self._refuse_value(key, value, f"a table, [{self.path(key)}]")
        return None

    def tables(self, key: str, most: int) -> "list[Fields]":
        """The tables of an array of tables; none if the key is absent."""
        found: list[Fields] = []
        for index, value in enumerate(self._array(key, f"at most {most} tables, [[{key}]]", most)):
            if isinstance(value, dict):
                found.append(Fields(self.problems, f"{self.path(key)}[{index}]", value))
            else:
                self.refuse_item(key, f"{key}[{index}]", shown(value), f"a table, [[{key}]]")
        return found

    def either(self, first: str, second: str) -> bool:
        """Whether exactly one of two keys is there; if not, a problem is recorded for the first."""
        both, none = self.has(first) and self.has(second), not (self.has(first) or self.has(second))
        if both or none:
            self.refuse(first, "missing" if none else f"beside {second}", f"exactly one of {first}, {second}")
        return not (both or none)

    # ------------------------------------------------------------------ behind the getters

    def _ask(self, key: str) -> None:
        if key not in self._asked:
            self._asked.append(key)

    def _array(self, key: str, allowed: str, most: int) -> Sequence[object]:
        if not self.has(key):
            return ()
        value = self._table[key]
        if not isinstance(value, list):
            self._refuse_value(key, value, allowed)
            return ()
        if len(value) > most:
            self.refuse(key, f"an array of {len(value)}", allowed)
            return ()
        return value

    def _refuse_value(self, key: str, value: object, allowed: str) -> None:
        self.refuse(key, "missing" if value is _MISSING else shown(value), allowed)

    def _refuse_line(self, key: str, error: InputError) -> None:
        self._wrong.add(key)
        self.problems.add_line(self.path(key), str(error))


def instants_allowed() -> str:
    """The range of instants that a file may contain, for messages."""
    return f"an instant from {iso_from_ms(INSTANT_MS_MIN)} to {iso_from_ms(INSTANT_MS_MAX)}"
