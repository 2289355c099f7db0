"""How a card meter comes by its date: it obeys whoever brings one, and falls to its factory's on failure.

Around the registers (`rtc`) stands what happens to them: a date on a card or by hand, the mains
coming back, the cell failing. There is no doubt in it, no second witness and no limit to a step:
that is the meter of 2020. Every date heard is journalled with its offset, which the meter itself ignores.
"""

from emulator.firmware.legacy.defects.line import Acted, DefectLine
from emulator.firmware.legacy.registers import Registers
from emulator.firmware.legacy.rtc import FACTORY, Rtc
from emulator.firmware.legacy.zone import LegalZone
from emulator.firmware.recorder import Recorder
from emulator.firmware.ticks import FIRST_TICK, Tick, step_at_or_after
from protocols.instants import SECOND_MS, UtcMs
from protocols.link.records import ClaimHeard, ClockChanged, FaultShown
from protocols.reasons import ClaimSource, ClaimVerdict, ClockCause, ClockStatus, Source


class ObedientClock:
    """Set to the true instant `set_ms` at tick 0."""

    __slots__ = ("_defects", "_heard_ms", "_recorder", "_rtc", "_zone")

    def __init__(self, zone: LegalZone, defects: DefectLine, recorder: Recorder, set_ms: UtcMs) -> None:
        self._zone = zone
        self._defects = defects
        self._recorder = recorder
        self._heard_ms: UtcMs | None = None
        acted: list[Acted] = []
        registers = defects.commissioned(zone.registers_at(set_ms), set_ms, acted)
        self._rtc = Rtc(zone, defects, registers, Tick(-(set_ms % SECOND_MS)))
        self.journal_faults(acted, FIRST_TICK)

    @property
    def registers(self) -> Registers:
        """The clock as the main loop reads it, at the tick counted on to."""
        return self._defects.read(self._rtc.registers)

    def count_on(self, at_tick: Tick) -> None:
        """Let the registers run on to `at_tick`."""
        for tick, each in self._rtc.advance(at_tick):
            self.journal_faults([each], step_at_or_after(tick))

    def next_second_tick(self, seconds_of_day: set[int]) -> Tick:
        """First tick at which the clock reaches one of these times of day, or stops counting linearly."""
        return self._rtc.next_second_tick(seconds_of_day)

    def read(self, at_tick: Tick) -> Registers:
        """What the main loop would read at `at_tick`."""
        return self._defects.read(self._rtc.read(at_tick))

    def shown_ms(self, at_tick: Tick) -> UtcMs:
        """The instant that the registers mean at `at_tick`."""
        second_ms = self._zone.instant_ms(self.read(at_tick))
        return UtcMs(second_ms + (at_tick - self._rtc.began_tick) % SECOND_MS)

    def hear_card(self, date_ms: UtcMs | None, source: Source, at_tick: Tick) -> None:
        """A card is in the slot, with a date or without."""
        self._hear(date_ms, ClaimSource(source), at_tick)

    def hear_unsigned(self, date_ms: UtcMs, at_tick: Tick) -> None:
        """A date that came without a card: set by hand, or over the console."""
        self._hear(date_ms, ClaimSource.UNSIGNED, at_tick)

    def wake(self, at_tick: Tick) -> None:
        """The mains are back. A sound clock has run on by its cell."""
        acted: list[Acted] = []
        before = self._rtc.read(at_tick)
        after = self._defects.after_power_cut(before, acted)
        if after != before:
            self._fall_to(after, ClockCause.CARD_METER_MAINS_BACK, at_tick)
        self.journal_faults(acted, at_tick)

    def lose_ticks(self, at_tick: Tick) -> None:
        """The cell or the oscillator failed: the registers fall to the factory's date."""
        acted: list[Acted] = []
        self._fall_to(
            self._defects.after_ticks_lost(FACTORY, acted), ClockCause.CARD_METER_TICKS_LOST, at_tick
        )
        self.journal_faults(acted, at_tick)

    def journal_faults(self, acted: list[Acted], at_tick: Tick) -> None:
        """Journal the faults that have just changed something."""
        for each in acted:
            self._recorder.journal(at_tick, FaultShown(each.name, each.effect))

    def _fall_to(self, registers: Registers, cause: ClockCause, at_tick: Tick) -> None:
        self._rtc.set(registers, at_tick)
        shown_ms = self.shown_ms(at_tick)
        self._recorder.journal(at_tick, ClockChanged(ClockStatus.TRUSTED, shown_ms, shown_ms, cause))

    def _hear(self, date_ms: UtcMs | None, source: ClaimSource, at_tick: Tick) -> None:
        acted: list[Acted] = []
        dates: tuple[UtcMs, ...] = () if date_ms is None else (date_ms,)
        for heard_ms in self._defects.dates_heard(dates, self._heard_ms, source, acted):
            self._obey(heard_ms, source, at_tick, acted)
        if date_ms is not None:
            self._heard_ms = date_ms
        self.journal_faults(acted, at_tick)

    def _obey(self, date_ms: UtcMs, source: ClaimSource, at_tick: Tick, acted: list[Acted]) -> None:
        offset_ms = date_ms - self.shown_ms(at_tick)
        now, given = self._rtc.read(at_tick), self._zone.registers_at(date_ms)
        refused = self._defects.refuses_date(now, given, acted)
        if not refused:
            self._rtc.set(self._defects.date_set(now, given, acted), Tick(at_tick - date_ms % SECOND_MS))
        verdict = ClaimVerdict.REFUSED if refused else ClaimVerdict.OBEYED
        self._recorder.journal(at_tick, ClaimHeard(source, verdict, offset_ms, date_ms))
