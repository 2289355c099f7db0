"""What commands print: one JSON object for programs, sentences and tables for people.

Programs get each instant twice, as `NAME_ms` and as `NAME` in ISO 8601. People get it in their own zone, with
the weekday and with UTC: so printed, the wrong date of 2 July 2020 would have been noticed.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

from protocols.instants import iso_from_ms

# The width without a terminal: a row seldom takes more than two lines.
_WIDTH_ELSEWHERE: Final = 180


def print_json(found: Mapping[str, object]) -> None:
    """Print one JSON object on one line."""
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


def print_lines(*lines: str) -> None:
    """Print lines of text for a person."""
    for line in lines:
        sys.stdout.write(line + "\n")


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table for a person, as wide as the terminal if there is one."""
    table = Table(*heads, title=title, title_justify="left", show_lines=False)
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else _WIDTH_ELSEWHERE
    Console(highlight=False, markup=False, width=width).print(table)


def instants(**named_ms: int | None) -> dict[str, Any]:
    """The JSON fields of instants: `until=0` becomes `until_ms` and `until`; None becomes null."""
    fields: dict[str, Any] = {}
    for name, instant_ms in named_ms.items():
        fields[f"{name}_ms"] = instant_ms
        fields[name] = None if instant_ms is None else iso_from_ms(instant_ms)
    return fields
