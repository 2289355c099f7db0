"""Defects of a clock that has been without power: it wakes on a date of its own."""

from typing import ClassVar

from emulator.firmware.legacy.defects.defect import Defect
from emulator.firmware.legacy.registers import DAY_S, Registers, days_from_date, registers_of

# The default of the firmware in which B10 was read: 2015-01-16 06:25, a Friday.
_DEFAULT_DATE = registers_of(days_from_date(2015, 1, 16) * DAY_S + (6 * 60 + 25) * 60, summer=False)
# What B45 saw after a power cut: some time in 2042.
_FUTURE_DATE = registers_of(days_from_date(2042, 1, 1) * DAY_S, summer=False)


class RtcReset(Defect):
    """The date found at power-up is held to be invalid, and replaced by the factory's."""

    name: ClassVar[str] = "rtc_reset"
    bugs: ClassVar[tuple[str, ...]] = ("B10", "B44")
    does: ClassVar[str] = "after a power cut the clock stands at 2015-01-16 06:25"
    needs: ClassVar[str] = "the mains off and on, or ticks lost"
    predicts: ClassVar[str] = (
        "no programmed cut; a suspension has not begun: cut for credit in the next open hour"
    )

    def after_power_cut(self, _clock: Registers, /) -> Registers:
        return _DEFAULT_DATE

    def after_ticks_lost(self, _clock: Registers, /) -> Registers:
        return _DEFAULT_DATE


class RtcFutureGuard(Defect):
    """The clock wakes in 2042, and a guard against being set back keeps it there."""

    name: ClassVar[str] = "rtc_future_guard"
    bugs: ClassVar[tuple[str, ...]] = ("B45",)
    does: ClassVar[str] = "after a power cut the clock stands at 2042-01-01, and refuses every earlier date"
    needs: ClassVar[str] = "the mains off and on, or ticks lost"
    predicts: ClassVar[str] = "in the second the mains come back; no sync repairs it"

    def after_power_cut(self, _clock: Registers, /) -> Registers:
        return _FUTURE_DATE

    def after_ticks_lost(self, _clock: Registers, /) -> Registers:
        return _FUTURE_DATE

    def refuses_date(self, clock: Registers, given: Registers, /) -> bool:
        return given.wall < clock.wall
