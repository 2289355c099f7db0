"""What commands print: one JSON object for programs, sentences and tables for people.

Instants go to programs twice, as `NAME_ms` and `NAME` in ISO 8601; to people in their own zone, with the
weekday, and UTC beside it: on 2 July 2020 nobody would have missed what day a meter meant.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

from protocols.instants import iso_from_ms

# Where nobody looks at a terminal: wide enough that a row is seldom more than two lines.
_WIDTH_ELSEWHERE: Final = 180


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
