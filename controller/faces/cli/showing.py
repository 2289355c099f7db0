"""What commands print: one JSON object for programs, sentences and tables for people.

Programs get each instant twice, as `NAME_ms` and as `NAME` in ISO 8601. In tables people get it short and in
their own zone, with the weekday: so printed, the wrong date of 2 July 2020 would have been noticed. `--wide`
shows it in UTC. A table is plain text, also in a pipe. Nothing in it is ever cut off: a name or a date that
is shown in part is a wrong one.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from protocols.instants import iso_or_none
from protocols.words.en.times import short_local

_GAP: Final = "  "
# A column that wraps is never narrower, unless all its words are.
_WRAPPED_MIN: Final = 12
# In a column that wraps a longer word, such as a path, goes on in the next line.
_WORD_MAX: Final = 16


def print_json(found: Mapping[str, object]) -> None:
    """Print one JSON object on one line."""
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


def print_lines(*lines: str) -> None:
    """Print lines of text for a person."""
    for line in lines:
        sys.stdout.write(line + "\n")


def print_table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, wraps: Sequence[str] = ()
) -> None:
    """Print a table for a person, one line a row. `wraps`: heads of columns that may take several lines.

    It is as wide as COLUMNS says, else as the terminal; in a pipe without COLUMNS no line is wrapped.
    """
    if title:
        print_lines(title)
    print_lines(*table_lines(heads, rows, line_width(), wraps))


def table_lines(
    heads: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, wraps: Sequence[str] = ()
) -> list[str]:
    """The lines of a table. `width` None: as it comes. Columns in `wraps` alone get narrower, in turn."""
    cells = [heads, *rows] if any(head.strip() for head in heads) else list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if width is not None:
        for index in map(heads.index, wraps):
            too_wide = sum(widths) + len(_GAP) * (len(widths) - 1) - width
            if too_wide > 0:
                widths[index] = max(_narrowest(cells, index), widths[index] - too_wide)
    return [line for row in cells for line in _row_lines(row, widths)]


def moment(instant_ms: int | None, zone: ZoneInfo, *, wide: bool = False) -> str:
    """An instant in a table: `Mon 2026-11-30 08:00` in `zone`; `wide`: in UTC, to the millisecond."""
    utc = iso_or_none(instant_ms) if wide else None
    return short_local(instant_ms, zone) if utc is None else utc


def instants(**named_ms: int | None) -> dict[str, Any]:
    """The JSON fields of instants: `until=0` becomes `until_ms` and `until`; None becomes null.

    An instant outside years 1 to 9999 has its number, and null in the place of its text.
    """
    fields: dict[str, Any] = {}
    for name, instant_ms in named_ms.items():
        fields[f"{name}_ms"] = instant_ms
        fields[name] = iso_or_none(instant_ms)
    return fields


def line_width() -> int | None:
    """The width of a line in characters; None in a pipe, where no line is wrapped."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdecimal():
        return None
    return shutil.get_terminal_size().columns


def _narrowest(cells: Sequence[Sequence[str]], index: int) -> int:
    """As narrow as a column gets without breaking a word, but for the longest."""
    longest = max((len(word) for row in cells for word in row[index].split()), default=0)
    return max(min(longest, _WORD_MAX), min(_WRAPPED_MIN, max(len(row[index]) for row in cells)))


def _row_lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    wrapped = [_cell_lines(cell, width) for cell, width in zip(row, widths, strict=True)]
    height = max(map(len, wrapped))
    padded = [lines + [""] * (height - len(lines)) for lines in wrapped]
    return [
        _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*padded, strict=True)
    ]


def _cell_lines(cell: str, width: int) -> list[str]:
    if len(cell) <= width:
        return [cell]
    return textwrap.wrap(cell, width, break_on_hyphens=False)
