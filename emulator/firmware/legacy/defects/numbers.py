"""Defects of number representation: digits, bytes and bits that are fewer, other, or the other way round."""

from dataclasses import replace
from typing import ClassVar

from emulator.firmware.legacy.defects.defect import Defect
from emulator.firmware.legacy.registers import DAY_S, Registers, days_from_date, wall_seconds
from protocols.instants import SECOND_MS, UtcMs

_INT32_SPAN = 2**32
_INT32_MAX = 2**31 - 1

# STS token identifiers: minutes since 1993, in 24 bits, full at 2024-11-24 20:15 (domain.md §4.5).
_TOKEN_BASE_S = days_from_date(1993, 1, 1) * DAY_S
_TOKEN_MINUTES_MAX = 2**24 - 1


class BcdHex(Defect):
    """The day register counts in BCD and is read as binary: 0x10 is the 16th, 0x30 the 48th."""

    name: ClassVar[str] = "bcd_hex"
    bugs: ClassVar[tuple[str, ...]] = ("B19",)
    does: ClassVar[str] = (
        "the day of the clock is read as hexadecimal: 6 days ahead from the 10th, 12 from the 20th"
    )
    predicts: ClassVar[str] = (
        "on D for 3 July; D on the 30th fires on the 20th at 00:00, one on the 13th on the 10th"
    )

    def read(self, clock: Registers, /) -> Registers:
        tens, units = divmod(clock.day, 10)
        return replace(clock, day=tens * 16 + units)


class YearBytes(Defect):
    """Both bytes of the year are put into one: 0x07E4 becomes 0xE7, the year 231."""

    name: ClassVar[str] = "year_bytes"
    bugs: ClassVar[tuple[str, ...]] = ("B20",)
    does: ClassVar[str] = "the two bytes of the year of the cut's date are laid over each other: 2020 is 231"
    predicts: ClassVar[str] = "in the second of the card pass, whatever the date"

    def cut_date(self, date: Registers, _replaced: Registers | None, /) -> Registers:
        return replace(date, year=(date.year >> 8) | (date.year & 0xFF))


class Y2038Sentinel(Defect):
    """Dates from a card are signed 32-bit seconds: what is meant as never has long been."""

    name: ClassVar[str] = "y2038_sentinel"
    bugs: ClassVar[tuple[str, ...]] = ("B24",)
    does: ClassVar[str] = "dates on a card after 2038-01-19 03:14:07 UTC are read 136 years earlier"
    needs: ClassVar[str] = "a far date that stands for never, such as 2040"
    predicts: ClassVar[str] = (
        "in the second of the card pass; a suspension until then holds nothing; on D for D"
    )

    def card_date(self, date: Registers, /) -> Registers:
        seconds = self.zone.instant_ms(date) // SECOND_MS
        wrapped = (seconds + _INT32_MAX + 1) % _INT32_SPAN - _INT32_MAX - 1
        return date if wrapped == seconds else self.zone.registers_at(UtcMs(wrapped * SECOND_MS))


class TidRollover(Defect):
    """Token identifiers have begun again at 0: every new payment looks older than the last."""

    name: ClassVar[str] = "tid_rollover"
    bugs: ClassVar[tuple[str, ...]] = ("B27",)
    does: ClassVar[str] = "from 2024-11-24 20:16 by its own clock it refuses every payment as old"
    needs: ClassVar[str] = "a top-up after that minute"
    predicts: ClassVar[str] = "not at once: cut for credit when what was left has run out, and no money helps"

    def refuses_payment(self, clock: Registers, /) -> bool:
        return (wall_seconds(clock) - _TOKEN_BASE_S) // 60 > _TOKEN_MINUTES_MAX
