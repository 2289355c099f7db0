"""Months side by side, as in a wall calendar, with a sign at some days: plain text."""

from calendar import Calendar
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import zip_longest
from typing import Final

# `Mo 12# `: two for the day, one for its sign, one between.
_CELL: Final = 4
_DAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_MONTH_CHARS: Final = _CELL * len(_DAYS)
_GAP: Final = "  "
_MONDAY: Final = 0

Month = tuple[int, int]


def months_between(first: date, last: date) -> tuple[Month, ...]:
    """The months, as year and number, from that of `first` to that of `last`."""
    start, end = first.year * 12 + first.month - 1, last.year * 12 + last.month - 1
    return tuple((number // 12, number % 12 + 1) for number in range(start, end + 1))


def month_lines(months: Sequence[Month], signs: Mapping[date, str], width: int) -> Iterator[str]:
    """The lines of these months, as many side by side as fit into `width` characters."""
    abreast = max(1, (width + len(_GAP)) // (_MONTH_CHARS + len(_GAP)))
    for start in range(0, len(months), abreast):
        drawn = [_month(month, signs) for month in months[start : start + abreast]]
        for lines in zip_longest(*drawn, fillvalue=""):
            yield _GAP.join(line.ljust(_MONTH_CHARS) for line in lines).rstrip()
        yield ""


def _month(month: Month, signs: Mapping[date, str]) -> list[str]:
    weeks = Calendar(_MONDAY).monthdatescalendar(*month)
    title = f"{weeks[1][0]:%Y-%m}".center(_MONTH_CHARS).rstrip()
    heads = "".join(f"{day:<{_CELL}}" for day in _DAYS).rstrip()
    return [title, heads, *("".join(_day(day, month, signs) for day in week).rstrip() for week in weeks)]


def _day(day: date, month: Month, signs: Mapping[date, str]) -> str:
    if (day.year, day.month) != month:
        return " " * _CELL
    return f"{day.day:2}{signs.get(day, ' ')}".ljust(_CELL)
