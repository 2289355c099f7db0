"""The clock of a card meter: calendar registers in legal local time, with summer time, counted on by ticks.

It believes: a date that it is given goes into the registers, and it counts on from there. It does
not know what it does not show: there is no UTC in it, no memory of how it was set, no doubt. Its day
ends at 24:00:00 of its own reckoning, and it sets itself forward and back on the last Sundays of
March and October. In the hour that autumn shows twice it shows the same date twice.

Between two such instants the registers count on linearly, so that any span is run in steps of a day.
A register second begins at `began_tick`, which need not be a whole second of ticks: setting a clock
resets the divider behind it.
"""

from collections.abc import Iterable
from dataclasses import replace

from emulator.firmware.legacy.defects.line import Acted, DefectLine
from emulator.firmware.legacy.registers import (
    DAY_S,
    HOUR_S,
    Registers,
    at_second_of_day,
    month_length,
    registers_of,
)
from emulator.firmware.legacy.zone import LegalZone
from emulator.firmware.ticks import Tick
from protocols.instants import SECOND_MS

# What the chip holds when it has lost its cell: 2000-01-01 00:00:00, a Saturday.
FACTORY = registers_of(10_957 * DAY_S, summer=False)


class Rtc:
    """`registers` were shown from tick `began_tick` on."""

    __slots__ = ("_defects", "_zone", "began_tick", "registers")

    def __init__(self, zone: LegalZone, defects: DefectLine, registers: Registers, began_tick: Tick) -> None:
        self._zone = zone
        self._defects = defects
        self.registers = registers
        self.began_tick = began_tick

    def read(self, at_tick: Tick) -> Registers:
        """What the registers show at a tick not before the last."""
        return self._run_to(at_tick, [])[0]

    def advance(self, at_tick: Tick) -> list[tuple[Tick, Acted]]:
        """Count on to `at_tick`; which defects acted meanwhile, and at which ticks."""
        acted: list[tuple[Tick, Acted]] = []
        self.registers, self.began_tick = self._run_to(at_tick, acted)
        return acted

    def set(self, registers: Registers, began_tick: Tick) -> None:
        """Write the registers; their present second began at tick `began_tick`."""
        self.registers, self.began_tick = registers, began_tick

    def next_second_tick(self, seconds_of_day: Iterable[int]) -> Tick:
        """First tick at which the registers reach one of these times of day, or stop counting linearly.

        The latter is midnight, or a change to or from summer time, after which it is asked again.
        """
        now_s = self.registers.second_of_day
        end_s = self._counts_on_until_s(self.registers)
        ahead = (second for second in seconds_of_day if now_s < second < end_s)
        return Tick(self.began_tick + (min(ahead, default=end_s) - now_s) * SECOND_MS)

    def _run_to(self, at_tick: Tick, acted: list[tuple[Tick, Acted]]) -> tuple[Registers, Tick]:
        registers, began_tick = self.registers, self.began_tick
        while (seconds := (at_tick - began_tick) // SECOND_MS) > 0:
            now_s = registers.second_of_day
            end_s = self._counts_on_until_s(registers)
            if now_s + seconds < end_s:
                return at_second_of_day(registers, now_s + seconds), Tick(began_tick + seconds * SECOND_MS)
            began_tick = Tick(began_tick + (end_s - now_s) * SECOND_MS)
            registers = self._turned(registers, end_s, began_tick, acted)
        return registers, began_tick

    def _counts_on_until_s(self, registers: Registers) -> int:
        """The second of the day at which these registers next do other than count on."""
        change_s = self._zone.change_at_s(registers)
        return DAY_S if change_s is None or change_s <= registers.second_of_day else change_s

    def _turned(
        self, registers: Registers, end_s: int, at_tick: Tick, acted: list[tuple[Tick, Acted]]
    ) -> Registers:
        """The registers at the end of their linear stretch: the next day, or the other kind of time."""
        if end_s < DAY_S:
            turned_s = end_s + (-HOUR_S if registers.summer else HOUR_S)
            return replace(at_second_of_day(registers, turned_s), summer=not registers.summer)
        at_midnight: list[Acted] = []
        tomorrow = self._defects.after_midnight(next_day(registers), at_midnight)
        acted.extend((at_tick, each) for each in at_midnight)
        return tomorrow


def next_day(registers: Registers) -> Registers:
    """Midnight: the date goes on by a day. A 48 June is followed by 1 July."""
    year, month, day = registers.date
    if day < month_length(year, month):
        day += 1
    else:
        year, month, day = (year, month + 1, 1) if month < 12 else (year + 1, 1, 1)  # noqa: PLR2004 - December
    # A counter that was set to a day it does not have goes on with Monday, as after Sunday.
    weekday = registers.weekday + 1 if registers.weekday < 6 else 0  # noqa: PLR2004 - Sunday
    return Registers(year, month, day, 0, 0, 0, weekday, registers.summer)
