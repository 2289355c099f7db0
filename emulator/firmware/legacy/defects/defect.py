"""What a defect is: the points at which it may bend the firmware, none of which it must.

Every method here is a firmware without the defect. A defect overrides the few points its mechanism
touches; each is pure, and gives back what the next defect in line is handed. The line is the order
of the catalogue, whatever order a scenario names them in: conversion of zones before arithmetic on
dates, and cutting off the time of day last.

    where                 called                                          given and given back
    commissioned          once, at tick 0                                 the clock as it was set
    after_midnight        when the date has gone on by a day              the clock
    dates_heard           a card or a person brings a date, or a card none   the dates to obey, in order
    refuses_date          before a date is obeyed                         whether it is refused
    date_set              a date is written to the clock                  the clock to be
    after_power_cut       the mains are back                              the clock
    after_ticks_lost      the clock's cell failed                         the clock
    read                  every look at the clock                         the clock as it is read
    card_date             a card writes any date (cut, suspension)        the date as stored
    cut_date              a card writes the date of a programmed cut      the date as stored
    window_clock          the friendly hours are asked                    the clock they are asked at
    withdraws_hours       they hold                                       whether they are withdrawn
    refuses_payment       a card brings money                             whether it is refused
"""

from typing import ClassVar

from emulator.firmware.legacy.registers import Registers
from emulator.firmware.legacy.zone import LegalZone
from protocols.cutting.rules import Rule
from protocols.instants import UtcMs

# Instants in UTC, in the order in which they are obeyed.
Dates = tuple[UtcMs, ...]


class Defect:
    """A firmware without defect, and the base of every one with."""

    name: ClassVar[str]
    # Numbers of docs/bugs.md, such as "B01".
    bugs: ClassVar[tuple[str, ...]]
    # Numbers of the hypotheses of docs/bugs.md, such as "H1".
    hypotheses: ClassVar[tuple[str, ...]] = ()
    # What it does, in one sentence.
    does: ClassVar[str]
    # What a scenario must bring for it to act; empty: nothing.
    needs: ClassVar[str] = ""
    # What the histogram of openings shows, for a cut programmed for D = 3 July 2020 23:01 local.
    predicts: ClassVar[str]
    # Whether it makes the friendly hours hold at other times than the rule says.
    bends_hours: ClassVar[bool] = False
    # Seconds by which the edges of the friendly hours may come later or earlier than the rule says.
    edge_shifts_s: ClassVar[tuple[int, ...]] = ()

    def __init__(self, zone: LegalZone, seed: int) -> None:
        self.zone = zone
        self.seed = seed

    def commissioned(self, clock: Registers, _set_ms: UtcMs, /) -> Registers:
        return clock

    def after_midnight(self, clock: Registers, /) -> Registers:
        return clock

    def dates_heard(self, dates: Dates, _previous_ms: UtcMs | None, _source: str, /) -> Dates:
        """`_previous_ms` is the date that was heard before this one."""
        return dates

    def refuses_date(self, _clock: Registers, _given: Registers, /) -> bool:
        return False

    def date_set(self, _clock: Registers, given: Registers, /) -> Registers:
        return given

    def after_power_cut(self, clock: Registers, /) -> Registers:
        return clock

    def after_ticks_lost(self, clock: Registers, /) -> Registers:
        return clock

    def read(self, clock: Registers, /) -> Registers:
        return clock

    def card_date(self, date: Registers, /) -> Registers:
        return date

    def cut_date(self, date: Registers, _replaced: Registers | None, /) -> Registers:
        """`_replaced` is the pending programmed cut whose place this one takes."""
        return date

    def window_clock(self, clock: Registers, /) -> Registers:
        return clock

    def withdraws_hours(self, _rule: Rule, _clock: Registers, /) -> bool:
        """Whether hours that the rule calls friendly are not taken as such."""
        return False

    def refuses_payment(self, _clock: Registers, /) -> bool:
        return False
