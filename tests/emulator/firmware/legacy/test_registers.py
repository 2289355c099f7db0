"""The clock chip's arithmetic against Python's own calendar, and what only a faulty clock asks of it."""

from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.legacy.registers import (
    DAY_S,
    Registers,
    date_from_day_of_year,
    date_from_days,
    day_of_year,
    days_from_date,
    is_leap,
    month_length,
    registers_of,
    shifted,
    wall_seconds,
    weekday_from_days,
)

EPOCH = date(1970, 1, 1)
DATES = st.dates(min_value=date(1, 1, 1))
MOMENTS = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 12, 31))  # noqa: DTZ001 - a wall clock


@given(DATES)
def test_dates_and_days_are_those_of_the_calendar(day: date) -> None:
    days = days_from_date(day.year, day.month, day.day)
    assert days == (day - EPOCH).days
    assert date_from_days(days) == (day.year, day.month, day.day)
    assert weekday_from_days(days) == day.weekday()


@given(DATES)
def test_days_of_the_year_are_numbered_as_the_calendar_does(day: date) -> None:
    number = day_of_year(day.month, day.day, leap=is_leap(day.year))
    assert number == day.timetuple().tm_yday
    assert date_from_day_of_year(day.year, number) == (day.year, day.month, day.day)


@given(MOMENTS, st.integers(-400 * DAY_S, 400 * DAY_S))
def test_a_shift_is_the_calendars(moment: datetime, seconds: int) -> None:
    registers = Registers(
        *(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second),
        moment.weekday(),
        summer=False,
    )
    moved = moment.replace(microsecond=0) + timedelta(seconds=seconds)
    shown = shifted(registers, seconds)
    assert datetime(*shown.wall) == moved  # noqa: DTZ001 - a wall clock
    assert shown.weekday == moved.weekday()
    assert registers_of(wall_seconds(shown), summer=False) == shown


def test_a_date_that_does_not_exist_runs_on() -> None:
    assert days_from_date(2020, 6, 41) == days_from_date(2020, 7, 11)
    assert days_from_date(2020, 14, 1) == days_from_date(2021, 2, 1)
    assert days_from_date(2020, 6, 0) == days_from_date(2020, 5, 31)


def test_the_leap_years_are_the_gregorian_ones() -> None:
    assert [year for year in (1900, 2000, 2019, 2020, 2100, 2400) if is_leap(year)] == [2000, 2020, 2400]
    assert (month_length(2020, 2), month_length(2021, 2), month_length(2020, 6)) == (29, 28, 30)


def test_the_third_of_july_2020_was_a_friday_and_day_185() -> None:
    assert weekday_from_days(days_from_date(2020, 7, 3)) == 4
    assert day_of_year(7, 3, leap=True) == 185
    assert day_of_year(7, 3, leap=False) == 184


def test_registers_read_as_a_person_writes_them() -> None:
    assert str(registers_of(1_593_817_260, summer=True)) == "2020-07-03 23:01:00"
