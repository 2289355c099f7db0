"""`legacy-2020`: the card meter of the incident (design §4, domain.md §1.1, §1.5).

It lives in legal local time, by a clock that obeys (`rtc`). Two things open its contactor:

- *credit*: the balance is at or below 0 and no emergency credit in use has anything left, unless the
  check is suspended, or the friendly hours hold; emergency credit that was started gives those up
  until it is repaid in full;
- a *programmed cut*: the date on the card is reached, at whatever hour (`card_dates`).

Its only link is the card. There is no warning but the triangle on its screen, and no remote way
back: documents are refused, and it asks nobody for the time. A household cut for credit is back by
money, or by the button and the breaker; one cut by a programmed date needs the recovery card.

Its main loop (`step`) looks at everything once a second. `advance` runs only those seconds in which
something can have changed: `next_due_tick` names them, early rather than late, since a look at which
nothing has changed does nothing.
"""

from typing import assert_never

from emulator.firmware.credit import (
    Emergency,
    close_used_up_emergency,
    empty_tick,
    falls_to_tick,
    has_nothing_left,
    settle,
)
from emulator.firmware.effects import Effect
from emulator.firmware.events import (
    AskTime,
    Button,
    ButtonName,
    CardAnswered,
    CardInserted,
    CardPass,
    CardRemoved,
    Document,
    Event,
    MainsOff,
    MainsOn,
    NewEpoch,
    Overcurrent,
    SetLoad,
    TicksLost,
    UnsignedDate,
)
from emulator.firmware.legacy.card_dates import CardDates
from emulator.firmware.legacy.card_slot import CardSlot
from emulator.firmware.legacy.clock import ObedientClock
from emulator.firmware.legacy.defects.catalogue import defects_named
from emulator.firmware.legacy.defects.line import DefectLine
from emulator.firmware.legacy.registers import Registers
from emulator.firmware.legacy.zone import legal_zone
from emulator.firmware.profile import EmergencyStart, Profile
from emulator.firmware.readout import Glance, Readout, purse_at
from emulator.firmware.recorder import Recorder
from emulator.firmware.service_point import ServicePoint
from emulator.firmware.ticks import FIRST_TICK, NEVER, STEP_MS, Tick, step_at_or_after
from protocols.chain import Entry
from protocols.cutting.rules import parse_rule
from protocols.documents.kind_rule import Kind
from protocols.instants import UtcMs
from protocols.link.records import OrderJudged
from protocols.reasons import (
    ClockStatus,
    CreditCause,
    NoOrder,
    OrderVerdict,
    Refusal,
    ScreenCode,
    Supply,
    SupplyReason,
)


class LegacyMeter:
    """One card meter, powered, its supply on, its clock set to the true instant `set_ms` at tick 0.

    `next_step_tick` is the first whole second of ticks at which its main loop has not yet turned.

    Raises InputError for faults that are not in the catalogue, for a zone whose summer time is not
    the EU's, and for friendly hours that are no rule. `seed` varies what defects leave to chance.
    """

    __slots__ = (
        "_automatic",
        "_card_slot",
        "_clock",
        "_dates",
        "_defects",
        "_dirty",
        "_friendly",
        "_recorder",
        "_zero_journalled",
        "next_step_tick",
        "point",
    )

    def __init__(
        self,
        profile: Profile,
        *,
        balance_q: int,
        load_w: int,
        set_ms: UtcMs,
        faults: tuple[str, ...] = (),
        seed: int = 0,
    ) -> None:
        zone = legal_zone(profile.zone, f"profile {profile.name}: zone")
        self._defects = DefectLine(defects_named(faults, zone, seed))
        self._friendly = parse_rule(profile.friendly, "friendly") if profile.friendly.strip() else None
        self._recorder = Recorder()
        self.point = ServicePoint(profile, self._recorder, balance_q, load_w)
        self._automatic = profile.emergency_start is EmergencyStart.AUTOMATIC
        self._clock = ObedientClock(zone, self._defects, self._recorder, set_ms)
        self._dates = CardDates()
        self._card_slot = CardSlot(zone, self._defects, self._clock, self._dates, self.point)
        self._zero_journalled = False
        self.next_step_tick = FIRST_TICK
        self._dirty = True

    def handle(self, event: Event, at_tick: Tick) -> tuple[Effect, ...]:
        """Do what is due strictly before `at_tick`, then take the event in."""
        while (due := self.next_due_tick()) < at_tick:
            self.step(due)
        self._clock.count_on(Tick((at_tick - 1) // STEP_MS * STEP_MS))
        settle(self.point.credit, at_tick)
        self._apply(event, at_tick)
        self.next_step_tick = max(self.next_step_tick, step_at_or_after(at_tick))
        self._dirty = True
        return self._recorder.drain()

    def advance(self, until_tick: Tick) -> tuple[Effect, ...]:
        """Do what is due up to and including `until_tick`."""
        while (due := self.next_due_tick()) <= until_tick:
            self.step(due)
        last_step_tick = Tick(until_tick // STEP_MS * STEP_MS)
        self._clock.count_on(last_step_tick)
        if last_step_tick >= self.next_step_tick:
            self.next_step_tick = Tick(last_step_tick + STEP_MS)
        return self._recorder.drain()

    def next_due_tick(self) -> Tick:
        """The next whole second in which something can have changed."""
        if self._dirty:
            return self.next_step_tick
        due = min(self.point.due_tick(), self._credit_due_tick(), self._calendar_due_tick())
        # As `step_at_or_after` does, with one `Tick` made in place of two: this runs very often.
        return Tick(max(-(-due // STEP_MS) * STEP_MS, self.next_step_tick))

    @property
    def glance(self) -> Glance:
        """What can be read of it without a calculation. It doubts no date."""
        point = self.point
        return Glance(point.supply, point.reason, ClockStatus.TRUSTED, "", self._recorder.code)

    def readout(self, at_tick: Tick) -> Readout:
        """Everything that it shows at a tick; the registers are believed whole."""
        shown_ms = self._clock.shown_ms(at_tick)
        return Readout(
            glance=self.glance,
            text=self._recorder.text,
            earliest_ms=shown_ms,
            latest_ms=shown_ms,
            estimate_ms=shown_ms,
            purse=purse_at(self.point.credit, at_tick),
            mains_on=self.point.mains_on,
            is_warned=False,
            next_possible_ms=None,
            journal_number=0,
        )

    def entries_after(self, _number: int) -> tuple[Entry, ...]:
        """It has no black box."""
        return ()

    def step(self, at_tick: Tick) -> None:
        """One turn of the main loop, at a whole second of ticks."""
        self._clock.count_on(at_tick)
        settle(self.point.credit, at_tick)
        self.point.step(at_tick)
        now = self._clock.registers
        if self._dates.is_cut_due(now):
            self._fire_programmed_cut(now, at_tick)
        self._judge_credit(now, at_tick)
        self.next_step_tick = Tick(at_tick + STEP_MS)
        self._dirty = False

    def _credit_due_tick(self) -> int:
        """When the purse in use runs out; NEVER once that has been seen."""
        credit = self.point.credit
        if credit.emergency == Emergency.IN_USE:
            return empty_tick(credit)
        return falls_to_tick(credit, 0) if credit.balance_q > 0 else NEVER

    def _calendar_due_tick(self) -> Tick:
        """When a date or hour that is waited for may be reached: of a cut, or of the end of a respite."""
        held_back = self.point.is_supplied() and has_nothing_left(self.point.credit)
        if self._dates.cut_at is None and not held_back:
            return NEVER
        seconds = self._dates.seconds_of_day()
        if self._friendly is not None and held_back:
            seconds |= self._defects.edges_s(self._friendly)
        return self._clock.next_second_tick(seconds)

    def _judge_credit(self, now: Registers, at_tick: Tick) -> None:
        credit = self.point.credit
        if close_used_up_emergency(credit):
            self.point.journal_credit(CreditCause.EMERGENCY_USED_UP, at_tick)
        if credit.balance_q > 0:
            self._zero_journalled = False
        elif not self._zero_journalled:
            self._zero_journalled = True
            self.point.journal_credit(CreditCause.ZERO, at_tick)
        if not self.point.is_supplied() or not has_nothing_left(credit) or self._dates.is_suspended(now):
            return
        if self._automatic and self.point.begin_emergency(at_tick):
            return
        # Whoever has started the emergency credit has no friendly hours until it is repaid (§1.1).
        untouched = credit.emergency == Emergency.READY
        if untouched and self._friendly is not None:
            if self._defects.is_friendly(self._friendly, now):
                return
            self._clock.journal_faults(self._defects.blamed_for_hours(self._friendly, now), at_tick)
        self.point.switch(Supply.OFF, SupplyReason.CREDIT, at_tick)
        self._recorder.show(at_tick, "no credit", ScreenCode.TRIANGLE)

    def _fire_programmed_cut(self, now: Registers, at_tick: Tick) -> None:
        """The date on the card is reached, or was passed while the clock was set: open, at any hour."""
        cut_id = self._dates.fire_cut()
        self._recorder.journal(
            at_tick,
            OrderJudged("", Kind.CUT_ORDER, f"cut/{cut_id}", 0, OrderVerdict.ACCEPTED, f"fired at {now}"),
        )
        self.point.switch(Supply.OFF, SupplyReason.PROGRAMMED_CUT, at_tick)
        self._recorder.show(at_tick, "programmed cut")

    def _apply(self, event: Event, at_tick: Tick) -> None:
        match event:
            case CardPass():
                self._card_slot.read(event, at_tick)
            case UnsignedDate():
                self._clock.hear_unsigned(event.time_ms, at_tick)
            case TicksLost():
                self._clock.lose_ticks(at_tick)
            case MainsOff():
                self.point.set_mains(on=False, at_tick=at_tick)
            case MainsOn():
                self._wake(at_tick)
            case SetLoad():
                self.point.set_load(event.load_w, at_tick)
            case Overcurrent():
                # What is off already has no second reason here: the card gives back what it gave before.
                if self.point.supply is not Supply.OFF:
                    self.point.trip(at_tick)
            case Button():
                self._press(event.name, at_tick)
            case Document():
                document = "", NoOrder.UNREADABLE, "", 0
                self._recorder.journal(
                    at_tick, OrderJudged(*document, OrderVerdict.REFUSED, Refusal.UNSUPPORTED)
                )
            case AskTime() | NewEpoch() | CardInserted() | CardAnswered() | CardRemoved():
                # It has no link to ask over, and no epochs: it believes the date it has. Its cards have no
                # keys and no dialogue: what they carry comes as a `CardPass`.
                pass
            case _:
                assert_never(event)

    def _wake(self, at_tick: Tick) -> None:
        if not self.point.mains_on:
            self._clock.wake(at_tick)
        self.point.set_mains(on=True, at_tick=at_tick)

    def _press(self, name: ButtonName, at_tick: Tick) -> None:
        """A fired cut does not listen to buttons: its only key lies in an office."""
        if not self._dates.blocked:
            self.point.press(name, at_tick)
