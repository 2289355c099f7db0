"""Months as a wall calendar shows them."""

import re
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from controller.faces.cli.months import month_lines, months_between

DAYS = st.dates(date(2000, 1, 1), date(2199, 12, 31))
MARKED = {date(2020, 7, 3): "#", date(2020, 7, 21): "h"}


@given(DAYS, st.integers(0, 400), st.integers(20, 200))
def test_each_day_of_the_months_is_drawn_once_and_no_line_is_too_long(
    first: date, days: int, width: int
) -> None:
    last = min(first + timedelta(days=days), date(2199, 12, 31))
    months = months_between(first, last)
    lines = list(month_lines(months, {}, width))
    drawn = [int(text) for line in lines for text in re.findall(r"(?<![0-9-])[0-9]{1,2}(?![0-9-])", line)]
    after = [date(year + number // 12, number % 12 + 1, 1) for year, number in months]
    assert sorted(drawn) == sorted(
        day
        for end, (year, number) in zip(after, months, strict=True)
        for day in range(1, (end - date(year, number, 1)).days + 1)
    )
    assert max(map(len, lines)) <= max(width, 28)
    assert (months[0], months[-1]) == ((first.year, first.month), (last.year, last.month))


def test_july_2020() -> None:
    assert list(month_lines([(2020, 7)], MARKED, 80)) == [
        "          2020-07",
        "Mo  Tu  We  Th  Fr  Sa  Su",
        "         1   2   3#  4   5",
        " 6   7   8   9  10  11  12",
        "13  14  15  16  17  18  19",
        "20  21h 22  23  24  25  26",
        "27  28  29  30  31",
        "",
    ]


def test_two_months_stand_side_by_side_at_80_characters_and_one_at_40() -> None:
    assert sum("2020-" in line for line in month_lines([(2020, 7), (2020, 8)], {}, 80)) == 1
    assert sum("2020-" in line for line in month_lines([(2020, 7), (2020, 8)], {}, 40)) == 2
