"""Defects in how the date of a programmed cut is written and read back."""

from dataclasses import replace
from typing import ClassVar

from emulator.firmware.legacy.defects.defect import Defect
from emulator.firmware.legacy.registers import (
    DAY_S,
    Registers,
    at_second_of_day,
    date_from_day_of_year,
    day_of_year,
    days_from_date,
    on_date,
    shifted,
)

# Days and months are taken for each other up to this.
_MONTHS = 12


class DoyTable(Defect):
    """The back office numbers the days of a year by an ordinary year's table, the meter by a right one."""

    name: ClassVar[str] = "doy_table"
    bugs: ClassVar[tuple[str, ...]] = ("B05",)
    hypotheses: ClassVar[tuple[str, ...]] = ("H2",)
    does: ClassVar[str] = "the cut's date travels as day of the year, numbered as if no year were a leap year"
    predicts: ClassVar[str] = (
        "2 July 23:01, sharp: D - 24 h, every meter with a cut programmed after February"
    )

    def cut_date(self, date: Registers, _replaced: Registers | None, /) -> Registers:
        number = day_of_year(date.month, date.day, leap=False)
        return on_date(date, date_from_day_of_year(date.year, number))


class DaymonthSwap(Defect):
    """03/07 is read as 7 March; 30/06 cannot be, which is why the first date of 2020 went well."""

    name: ClassVar[str] = "daymonth_swap"
    bugs: ClassVar[tuple[str, ...]] = ("B22",)
    hypotheses: ClassVar[tuple[str, ...]] = ("H10",)
    does: ClassVar[str] = "day and month of the cut's date are exchanged where the day could be a month"
    predicts: ClassVar[str] = (
        "in the second of the card pass: 3 July is read as 7 March; a day above 12 is safe"
    )

    def cut_date(self, date: Registers, _replaced: Registers | None, /) -> Registers:
        return replace(date, month=date.day, day=date.month) if date.day <= _MONTHS else date


class InclusiveEnd(Defect):
    """The writer puts down the last day still allowed, the reader takes it for the day that is not."""

    name: ClassVar[str] = "inclusive_end"
    bugs: ClassVar[tuple[str, ...]] = ("B17",)
    hypotheses: ClassVar[tuple[str, ...]] = ("H5",)
    does: ClassVar[str] = (
        "the cut's date is written as the last day still allowed and read as the first that is not"
    )
    predicts: ClassVar[str] = "2 July 23:01, sharp: D - 24 h, the cards of the lot written so"

    def cut_date(self, date: Registers, _replaced: Registers | None, /) -> Registers:
        return shifted(date, -DAY_S)


class ExtensionAsHours(Defect):
    """An extension is kept as hours from the old day's midnight, in UTC, and read back as local time."""

    name: ClassVar[str] = "extension_as_hours"
    bugs: ClassVar[tuple[str, ...]] = ("B16", "B41")
    hypotheses: ClassVar[tuple[str, ...]] = ("H6",)
    does: ClassVar[str] = (
        "a later date over a pending one is kept as n x 24 h from the old day's midnight, in UTC"
    )
    needs: ClassVar[str] = "a programmed cut that a card moves to a later day"
    predicts: ClassVar[str] = "2 July 22:00 for 30 June moved to 3 July: only the meters that were extended"

    def cut_date(self, date: Registers, replaced: Registers | None, /) -> Registers:
        if replaced is None:
            return date
        days = days_from_date(*date.date) - days_from_date(*replaced.date)
        if days <= 0:
            return date
        midnight_utc = shifted(at_second_of_day(replaced, 0), -self.zone.offset_s(summer=replaced.summer))
        return shifted(midnight_utc, days * DAY_S)


class DateOnly(Defect):
    """Today is compared with the day of the cut, and the time of day with nothing."""

    name: ClassVar[str] = "date_only"
    bugs: ClassVar[tuple[str, ...]] = ("B17", "B18")
    hypotheses: ClassVar[tuple[str, ...]] = ("H3", "H4")
    does: ClassVar[str] = "the programmed cut compares dates only: it fires in the first second of its day"
    predicts: ClassVar[str] = "3 July 00:00; with tz_twice 2 July 22:00, or 23:00 for a clock set in winter"

    def cut_date(self, date: Registers, _replaced: Registers | None, /) -> Registers:
        return at_second_of_day(date, 0)
