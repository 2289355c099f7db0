"""What commands print: one JSON object for programs, sentences and tables for people.

Instants go to programs twice, as `NAME_ms` and `NAME` in ISO 8601; to people in their own zone, with the
weekday, and UTC beside it: on 2 July 2020 nobody would have missed what day a meter meant.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console
from rich.table import Table

from protocols.cutting.zones import weekday_in_words
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, datetime_from_ms, iso_from_ms
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta

# Where nobody looks at a terminal: wide enough that a row is seldom more than two lines.
_WIDTH_ELSEWHERE: Final = 180
_UNKNOWN: Final = "unknown"
_TENTH_MS: Final = SECOND_MS // 10


def print_json(found: Mapping[str, object]) -> None:
    """One JSON object on one line."""
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


def say(*lines: str) -> None:
    """Sentences for a person."""
    for line in lines:
        sys.stdout.write(line + "\n")


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for a person; at the width of the terminal where there is one."""
    table = Table(*heads, title=title, title_justify="left", show_lines=False)
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else _WIDTH_ELSEWHERE
    Console(highlight=False, markup=False, width=width).print(table)


def instants(**named_ms: int | None) -> dict[str, Any]:
    """The fields of instants for JSON: `until=0` becomes `until_ms` and `until`; None stays null."""
    fields: dict[str, Any] = {}
    for name, instant_ms in named_ms.items():
        fields[f"{name}_ms"] = instant_ms
        fields[name] = None if instant_ms is None else iso_from_ms(instant_ms)
    return fields


def local(instant_ms: int | None, zone: ZoneInfo) -> str:
    """`Fri 2020-07-03 23:01 CEST (21:01 UTC)`; with its date where UTC has another; `unknown` for None."""
    if instant_ms is None:
        return _UNKNOWN
    there = datetime_from_ms(instant_ms, zone)
    utc = datetime_from_ms(instant_ms)
    precision = "seconds" if instant_ms % (60 * SECOND_MS) else "minutes"
    clock = there.time().isoformat(timespec=precision).partition(".")[0]
    utc_clock = utc.time().isoformat(timespec=precision).partition(".")[0]
    utc_day = "" if utc.date() == there.date() else f"{utc.date()} "
    weekday = weekday_in_words(there.date())[:3]
    return f"{weekday} {there.date()} {clock} {there.tzname()} ({utc_day}{utc_clock} UTC)"


def eur(ueur: int) -> str:
    """`12.34` euro, for people: rounded half to even. `--json` has every micro-euro."""
    return eur_from_quanta(ueur * QUANTA_PER_UEUR)


def price(ueur: int) -> str:
    """`0.2741` euro: a price is shown as finely as it is set, and at least in cents."""
    whole, _, decimals = eur_from_quanta(ueur * QUANTA_PER_UEUR, decimals=6).partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def duration(length_ms: int) -> str:
    """`1 d 2 h`, `3 min 20 s`, `2.5 s`: the two greatest units."""
    if length_ms < MINUTE_MS:
        whole, rest = divmod(length_ms, SECOND_MS)
        return f"{whole}.{rest // 100} s" if rest >= _TENTH_MS else f"{whole} s"
    units = ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min"), (SECOND_MS, "s"))
    parts: list[str] = []
    for unit_ms, name in units:
        count, length_ms = divmod(length_ms, unit_ms)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])
