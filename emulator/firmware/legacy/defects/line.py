"""The defects of one meter, in line: each point of the firmware passes all of them, in catalogue order.

A defect that changed something appends an `Acted` to the caller's list, for the reader of an emulated
journal; the meter itself knows nothing of it. Points that are asked every second append nothing.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from emulator.firmware.legacy.defects.defect import Dates, Defect
from emulator.firmware.legacy.registers import (
    DAY_S,
    Registers,
    days_from_date,
    registers_of,
    weekday_from_days,
)
from protocols.cutting.rules import Rule
from protocols.instants import SECOND_MS, UtcMs


class Acted(NamedTuple):
    """A defect changed something."""

    name: str
    effect: str


class DefectLine:
    """All defects of one meter; of none, the firmware as it was meant."""

    __slots__ = ("_defects", "_edge_shifts_s")

    def __init__(self, defects: Sequence[Defect]) -> None:
        self._defects = tuple(defects)
        shifts = {0}
        for defect in self._defects:
            shifts |= {shift + more for shift in shifts for more in defect.edge_shifts_s}
        self._edge_shifts_s = tuple(sorted(shifts))

    def commissioned(self, clock: Registers, set_ms: UtcMs, acted: list[Acted]) -> Registers:
        return self._bent(clock, "clock", acted, lambda defect, now: defect.commissioned(now, set_ms))

    def after_midnight(self, clock: Registers, acted: list[Acted]) -> Registers:
        return self._bent(clock, "clock", acted, lambda defect, now: defect.after_midnight(now))

    def dates_heard(self, dates: Dates, previous_ms: UtcMs | None, source: str, acted: list[Acted]) -> Dates:
        for defect in self._defects:
            heard = defect.dates_heard(dates, previous_ms, source)
            if heard != dates:
                texts = [f"{registers_of(date_ms // SECOND_MS, summer=False)} UTC" for date_ms in heard]
                acted.append(Acted(defect.name, f"dates to obey: {', '.join(texts)}"))
            dates = heard
        return dates

    def refuses_date(self, clock: Registers, given: Registers, acted: list[Acted]) -> bool:
        return self._refuses(f"date {given}", acted, lambda defect: defect.refuses_date(clock, given))

    def date_set(self, clock: Registers, given: Registers, acted: list[Acted]) -> Registers:
        return self._bent(given, "date", acted, lambda defect, date: defect.date_set(clock, date))

    def after_power_cut(self, clock: Registers, acted: list[Acted]) -> Registers:
        return self._bent(clock, "clock", acted, lambda defect, now: defect.after_power_cut(now))

    def after_ticks_lost(self, clock: Registers, acted: list[Acted]) -> Registers:
        return self._bent(clock, "clock", acted, lambda defect, now: defect.after_ticks_lost(now))

    def card_date(self, date: Registers, acted: list[Acted]) -> Registers:
        return self._bent(date, "date on the card", acted, lambda defect, on_card: defect.card_date(on_card))

    def cut_date(self, date: Registers, replaced: Registers | None, acted: list[Acted]) -> Registers:
        return self._bent(
            date, "date of the cut", acted, lambda defect, on_card: defect.cut_date(on_card, replaced)
        )

    def read(self, clock: Registers) -> Registers:
        for defect in self._defects:
            clock = defect.read(clock)
        return clock

    def is_friendly(self, rule: Rule, clock: Registers) -> bool:
        """Whether the friendly hours hold, by the clock as they are asked at."""
        for defect in self._defects:
            clock = defect.window_clock(clock)
        if not rule.covers(clock.weekday, clock.second_of_day):
            return False
        return not any(defect.withdraws_hours(rule, clock) for defect in self._defects)

    def edges_s(self, rule: Rule) -> set[int]:
        """Times of day at which the friendly hours may begin or end for this meter."""
        edges = {edge_s for hours in rule.hours for edge_s in (hours.start_s, hours.end_s)}
        return {(edge_s + shift_s) % DAY_S for edge_s in edges for shift_s in self._edge_shifts_s}

    def blamed_for_hours(self, rule: Rule, clock: Registers) -> list[Acted]:
        """Who made the hours unfriendly that a right meter with this date would have found friendly."""
        weekday = weekday_from_days(days_from_date(*clock.date))
        if not rule.covers(weekday, clock.second_of_day):
            return []
        return [
            Acted(defect.name, f"not friendly at {clock}") for defect in self._defects if defect.bends_hours
        ]

    def refuses_payment(self, clock: Registers, acted: list[Acted]) -> bool:
        return self._refuses("payment", acted, lambda defect: defect.refuses_payment(clock))

    def _bent(
        self, date: Registers, what: str, acted: list[Acted], bend: Callable[[Defect, Registers], Registers]
    ) -> Registers:
        for defect in self._defects:
            bent = bend(defect, date)
            if bent.wall != date.wall:
                acted.append(Acted(defect.name, f"{what}: {date} becomes {bent}"))
            date = bent
        return date

    def _refuses(self, what: str, acted: list[Acted], asks: Callable[[Defect], bool]) -> bool:
        for defect in self._defects:
            if asks(defect):
                acted.append(Acted(defect.name, f"{what} is refused"))
                return True
        return False
