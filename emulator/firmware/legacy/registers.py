"""The calendar registers of a card meter's clock, and the arithmetic on them, in integers.

This is the firmware that is emulated: a chip with a register for each of year, month, day, hour,
minute, second and weekday, and a bit for summer time. A faulty meter can hold dates that do not
exist, so everything here is total: a 41 June is 11 July, not an error.
Days are counted from 1970-01-01 in the proleptic Gregorian calendar.
"""

from dataclasses import dataclass, replace

DAY_S = 86_400
HOUR_S = 3_600

_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Registers:
    """One reading of the clock chip. `weekday`: Monday = 0, a counter of its own; `summer`: the DST bit."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    weekday: int
    summer: bool

    @property
    def wall(self) -> tuple[int, int, int, int, int, int]:
        """What a comparison of two dates looks at: the calendar, not the weekday, not the DST bit."""
        return (self.year, self.month, self.day, self.hour, self.minute, self.second)

    @property
    def date(self) -> tuple[int, int, int]:
        return (self.year, self.month, self.day)

    @property
    def second_of_day(self) -> int:
        return self.hour * HOUR_S + self.minute * 60 + self.second

    def __str__(self) -> str:
        year, month, day, hour, minute, second = self.wall
        return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"


def is_leap(year: int) -> bool:
    """By the Gregorian rule, centuries included."""
    return (year % 4 == 0 and year % 100 != 0) or year % 400 == 0


def month_length(year: int, month: int) -> int:
    """Days of a month."""
    return 29 if month == 2 and is_leap(year) else _MONTH_LENGTHS[(month - 1) % 12]  # noqa: PLR2004 - February


def day_of_year(month: int, day: int, *, leap: bool) -> int:
    """1 for 1 January. Whether the year is taken for a leap year is the caller's word."""
    return _DAYS_BEFORE_MONTH[(month - 1) % 12] + (leap and month > 2) + day  # noqa: PLR2004 - after February


def days_from_date(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01. A day beyond its month runs on into the next."""
    year += (month - 1) // 12
    month = (month - 1) % 12 + 1
    before = year - 1
    leap_days = before // 4 - before // 100 + before // 400 - 477
    return (year - 1970) * 365 + leap_days + day_of_year(month, day, leap=is_leap(year)) - 1


def date_from_days(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day since 1970-01-01."""
    year = 1970 + days * 400 // 146_097
    while days < days_from_date(year, 1, 1):
        year -= 1
    while days >= days_from_date(year + 1, 1, 1):
        year += 1
    return date_from_day_of_year(year, days - days_from_date(year, 1, 1) + 1)


def date_from_day_of_year(year: int, day: int) -> tuple[int, int, int]:
    """The date of the `day`-th day of a year, by a calendar that knows leap years; 366 runs on."""
    month = 1
    while month < 12 and day > month_length(year, month):  # noqa: PLR2004 - December
        day -= month_length(year, month)
        month += 1
    return year, month, day


def weekday_from_days(days: int) -> int:
    """Monday = 0; 1970-01-01 was a Thursday."""
    return (days + 3) % 7


def registers_of(seconds: int, *, summer: bool) -> Registers:
    """Registers of a count of wall seconds since 1970-01-01 00:00, all of them consistent."""
    days, second_of_day = divmod(seconds, DAY_S)
    year, month, day = date_from_days(days)
    rest = Registers(year, month, day, 0, 0, 0, weekday_from_days(days), summer)
    return at_second_of_day(rest, second_of_day)


def wall_seconds(registers: Registers) -> int:
    """Wall seconds since 1970-01-01 00:00."""
    return days_from_date(*registers.date) * DAY_S + registers.second_of_day


def at_second_of_day(registers: Registers, second_of_day: int) -> Registers:
    """The same day at another time of day."""
    hour, rest = divmod(second_of_day, HOUR_S)
    minute, second = divmod(rest, 60)
    return replace(registers, hour=hour, minute=minute, second=second)


def on_date(registers: Registers, date: tuple[int, int, int]) -> Registers:
    """The same time of day on another date; the weekday counter is not touched."""
    year, month, day = date
    return replace(registers, year=year, month=month, day=day)


def shifted(registers: Registers, seconds: int) -> Registers:
    """Registers set forward or back, the weekday counter by as many days as the date; same DST bit."""
    moved = registers_of(wall_seconds(registers) + seconds, summer=registers.summer)
    days = days_from_date(*moved.date) - days_from_date(*registers.date)
    return replace(moved, weekday=(registers.weekday + days) % 7)
