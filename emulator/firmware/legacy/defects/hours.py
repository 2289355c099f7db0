"""Defects of the friendly hours: the wrong weekday, the wrong kind of time, the wrong edge."""

from dataclasses import replace
from typing import ClassVar

from emulator.firmware.legacy.defects.defect import Defect
from emulator.firmware.legacy.registers import (
    HOUR_S,
    Registers,
    day_of_year,
    days_from_date,
    is_leap,
    shifted,
    weekday_from_days,
)
from protocols.cutting.rules import Rule
from protocols.instants import UtcMs

_SUNDAY = 6
# A Sunday as DLMS numbers it, in a counter that goes from Sunday = 0 to Saturday = 6: no day at all.
_SUNDAY_RAW = 7
# What a test for the weekend makes of it: a working day among working days.
_WEDNESDAY = 2


class DowEncoding(Defect):
    """A Sunday written as 7 is not the Sunday that is tested for. The next midnight heals it."""

    name: ClassVar[str] = "dow_encoding"
    bugs: ClassVar[tuple[str, ...]] = ("B12",)
    does: ClassVar[str] = "a date set on a Sunday makes that Sunday a working day"
    needs: ClassVar[str] = "a date set on a Sunday, and a balance at 0"
    predicts: ClassVar[str] = "cuts for credit on Sundays between 08:00 and 16:00, after syncs"
    bends_hours: ClassVar[bool] = True

    def date_set(self, _clock: Registers, given: Registers, /) -> Registers:
        return replace(given, weekday=_SUNDAY_RAW) if given.weekday == _SUNDAY else given

    def window_clock(self, clock: Registers, /) -> Registers:
        return replace(clock, weekday=_WEDNESDAY) if clock.weekday == _SUNDAY_RAW else clock


class DowOverflow(Defect):
    """The weekday is summed up in eight bits, which are too few from 13 August 2020 on.

    Day of the year + two digits of the year + its leap years + 5, modulo 7: right until the sum
    reaches 256, then four days back, so that a Saturday is a Tuesday. Worked out anew each midnight.
    """

    name: ClassVar[str] = "dow_overflow"
    bugs: ClassVar[tuple[str, ...]] = ("B11",)
    does: ClassVar[str] = (
        "the weekday is wrong from mid-August to the end of the year: a Saturday is a Tuesday"
    )
    needs: ClassVar[str] = "a balance at 0 on a weekend after 13 August 2020"
    predicts: ClassVar[str] = "cuts for credit at weekends from 08:00 to 16:00, after 13 August"
    bends_hours: ClassVar[bool] = True

    def commissioned(self, clock: Registers, _set_ms: UtcMs, /) -> Registers:
        return _with_summed_weekday(clock)

    def after_midnight(self, clock: Registers, /) -> Registers:
        return _with_summed_weekday(clock)

    def date_set(self, _clock: Registers, given: Registers, /) -> Registers:
        return _with_summed_weekday(given)


def _with_summed_weekday(clock: Registers) -> Registers:
    two_digits = clock.year % 100
    day = day_of_year(clock.month, clock.day, leap=is_leap(clock.year))
    overflows = (day + two_digits + two_digits // 4 + 5) // 256
    right = weekday_from_days(days_from_date(*clock.date))
    return replace(clock, weekday=(right - overflows * (256 % 7)) % 7)


class StdVsLocal(Defect):
    """The friendly hours are kept in standard time, the screen shows summer time."""

    name: ClassVar[str] = "std_vs_local"
    bugs: ClassVar[tuple[str, ...]] = ("B40",)
    does: ClassVar[str] = "the friendly hours run in standard time all year: an hour late in summer"
    needs: ClassVar[str] = "a balance that reaches 0 on a weekday between 16:00 and 17:00"
    predicts: ClassVar[str] = "cuts for credit between 16:00 and 17:00, in summer only"
    bends_hours: ClassVar[bool] = True
    edge_shifts_s: ClassVar[tuple[int, ...]] = (HOUR_S,)

    def window_clock(self, clock: Registers, /) -> Registers:
        return shifted(clock, -HOUR_S) if clock.summer else clock


class SlotEdges(Defect):
    """Slots of the day include both their edges, to the minute: at 16:00 the day's slot still wins."""

    name: ClassVar[str] = "slot_edges"
    bugs: ClassVar[tuple[str, ...]] = ("B55",)
    does: ClassVar[str] = "the first minute of friendly hours still belongs to the hours before them"
    needs: ClassVar[str] = "a balance that reaches 0 in that minute"
    predicts: ClassVar[str] = "cuts for credit from 16:00:00 to 16:00:59 on weekdays"
    bends_hours: ClassVar[bool] = True

    def withdraws_hours(self, rule: Rule, clock: Registers, /) -> bool:
        before = shifted(clock, -60)
        return not rule.covers(before.weekday, before.second_of_day)
