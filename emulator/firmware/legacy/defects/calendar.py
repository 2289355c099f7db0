"""Defects of the calendar's arithmetic: a leap day not known, and midnights counted once too often."""

from dataclasses import replace
from typing import ClassVar

from emulator.firmware.legacy.defects.defect import Defect
from emulator.firmware.legacy.registers import DAY_S, Registers, is_leap, on_date, shifted, wall_seconds
from protocols.instants import DAY_MS, UtcMs

# A correction up to this is a shift of the running clock, beyond it a new date: COSEM clock, method
# shift_time, -900 to 900 s (domain.md §4.2.3).
SHIFT_S_MAX = 900


class LeapSkip(Defect):
    """The calendar has no 29 February.

    The weekday counter is a counter of its own and stays right, which is why nobody notices. A meter
    commissioned in a scenario after 29 February of a leap year was at work before it, and has not
    seen a full date since: it starts a day ahead. A date that is set heals it.
    """

    name: ClassVar[str] = "leap_skip"
    bugs: ClassVar[tuple[str, ...]] = ("B01", "B06", "B08")
    hypotheses: ClassVar[tuple[str, ...]] = ("H1",)
    does: ClassVar[str] = "has no 29 February: a day ahead from 1 March of a leap year until a date is set"
    predicts: ClassVar[str] = "2 July 23:01, sharp: D - 24 h, every meter of the firmware"

    def commissioned(self, clock: Registers, set_ms: UtcMs, /) -> Registers:
        if not is_leap(clock.year) or (clock.month, clock.day) < (2, 29):
            return clock
        return replace(self.zone.registers_at(UtcMs(set_ms + DAY_MS)), weekday=clock.weekday)

    def after_midnight(self, clock: Registers, /) -> Registers:
        return on_date(clock, (clock.year, 3, 1)) if (clock.month, clock.day) == (2, 29) else clock


class BackshiftNoDay(Defect):
    """Set back over midnight by a few minutes, the clock takes the time of day and keeps its date."""

    name: ClassVar[str] = "backshift_no_day"
    bugs: ClassVar[tuple[str, ...]] = ("B09",)
    hypotheses: ClassVar[tuple[str, ...]] = ("H7",)
    does: ClassVar[str] = "a correction back over midnight (at most 900 s) sets the time of day, not the date"
    needs: ClassVar[str] = "a date set just after midnight, by a clock that is fast"
    predicts: ClassVar[str] = (
        "2 July 23:01 for the meters corrected so: D - 24 h, a subset, growing with syncs"
    )

    def date_set(self, clock: Registers, given: Registers, /) -> Registers:
        shift_s = wall_seconds(given) - wall_seconds(clock)
        if -SHIFT_S_MAX <= shift_s < 0 and given.date != clock.date:
            return replace(on_date(given, clock.date), weekday=clock.weekday)
        return given


class DoubleMidnight(Defect):
    """Set over midnight either way by a few minutes, the clock runs its day change on the new date."""

    name: ClassVar[str] = "double_midnight"
    bugs: ClassVar[tuple[str, ...]] = ("B15",)
    hypotheses: ClassVar[tuple[str, ...]] = ("H8",)
    does: ClassVar[str] = "a correction over midnight (at most 900 s) runs the day change a second time"
    needs: ClassVar[str] = "a date set around midnight, to the other side of it"
    predicts: ClassVar[str] = "2 July 23:01, a day earlier with each such sync: D - n x 24 h, a subset"

    def date_set(self, clock: Registers, given: Registers, /) -> Registers:
        shift_s = wall_seconds(given) - wall_seconds(clock)
        if abs(shift_s) <= SHIFT_S_MAX and given.date != clock.date:
            return shifted(given, DAY_S)
        return given
