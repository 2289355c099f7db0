"""Defects in the step between UTC and legal local time: an offset twice, not at all, or the wrong way."""

from typing import ClassVar

from emulator.firmware.legacy.defects.defect import Defect
from emulator.firmware.legacy.registers import HOUR_S, Registers, shifted
from protocols.instants import UtcMs


class TzTwice(Defect):
    """A date that is already local is made local once more.

    It strikes every date that is set, that of commissioning too. What was added stays: a clock set in
    winter is an hour fast in summer as well, one set in summer two.
    """

    name: ClassVar[str] = "tz_twice"
    bugs: ClassVar[tuple[str, ...]] = ("B34",)
    hypotheses: ClassVar[tuple[str, ...]] = ("H3",)
    does: ClassVar[str] = (
        "the offset from UTC is added twice to each date set: an hour fast, or two if set in summer"
    )
    predicts: ClassVar[str] = "3 July 21:01, or 22:01 for a clock set in winter"

    def commissioned(self, clock: Registers, _set_ms: UtcMs, /) -> Registers:
        return shifted(clock, self.zone.offset_s(summer=clock.summer))

    def date_set(self, _clock: Registers, given: Registers, /) -> Registers:
        return shifted(given, self.zone.offset_s(summer=given.summer))


class DstFlagInverted(Defect):
    """The flag that goes with a date says summer in winter; the meter believes it and makes up for it."""

    name: ClassVar[str] = "dst_flag_inverted"
    bugs: ClassVar[tuple[str, ...]] = ("B36",)
    does: ClassVar[str] = (
        "a date set in summer is taken for winter time and put an hour on; in winter an hour back"
    )
    needs: ClassVar[str] = "a date set"
    predicts: ClassVar[str] = "3 July 22:01 after a sync in summer: D - 1 h, the synced meters"

    def date_set(self, _clock: Registers, given: Registers, /) -> Registers:
        if not self.zone.has_summer:
            return given
        return shifted(given, HOUR_S if given.summer else -HOUR_S)


class DevZero(Defect):
    """A date in UTC, deviation 0, is taken for one without a deviation, that is, for local time."""

    name: ClassVar[str] = "dev_zero"
    bugs: ClassVar[tuple[str, ...]] = ("B35",)
    does: ClassVar[str] = (
        "every date that comes in UTC is taken for local time: clock, cut and suspension alike"
    )
    predicts: ClassVar[str] = "3 July 21:01: D - 2 h; on time for a clock that was itself set so"

    def date_set(self, _clock: Registers, given: Registers, /) -> Registers:
        return shifted(given, -self.zone.offset_s(summer=given.summer))

    def card_date(self, date: Registers, /) -> Registers:
        return shifted(date, -self.zone.offset_s(summer=date.summer))


class DevSign(Defect):
    """The deviation (-120 min in a Belgian summer) is added where it is to be taken off."""

    name: ClassVar[str] = "dev_sign"
    bugs: ClassVar[tuple[str, ...]] = ("B33",)
    does: ClassVar[str] = "the cut's date is converted from UTC with the sign of the deviation reversed"
    predicts: ClassVar[str] = "3 July 19:01: D - 4 h (2 h in winter), every meter with a programmed cut"

    def cut_date(self, date: Registers, _replaced: Registers | None, /) -> Registers:
        return shifted(date, -2 * self.zone.offset_s(summer=date.summer))


class UtcAsLocal(Defect):
    """The date of the cut is written in UTC and read in local time."""

    name: ClassVar[str] = "utc_as_local"
    bugs: ClassVar[tuple[str, ...]] = ("B41", "B43")
    hypotheses: ClassVar[tuple[str, ...]] = ("H9",)
    does: ClassVar[str] = "the cut's date is stored in UTC and read as local time"
    predicts: ClassVar[str] = "3 July 21:01: D - 2 h (1 h in winter), every meter with a programmed cut"

    def cut_date(self, date: Registers, _replaced: Registers | None, /) -> Registers:
        return shifted(date, -self.zone.offset_s(summer=date.summer))
