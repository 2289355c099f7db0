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
something can have changed: `next_due` names them, early rather than late, since a look at which
nothing has changed does nothing.
"""

from typing import assert_never

from emulator.firmware.credit import (
    NEVER,
    Emergency,
    close_used_up_emergency,
    empty_at,
    falls_to_at,
    has_nothing_left,
    settle,
)
from emulator.firmware.effects import Effect
from emulator.firmware.events import (
    AskTime,
    Button,
    ButtonName,
    CardPass,
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
from emulator.firmware.meter import STEP_MS, step_at_or_after
from emulator.firmware.profile import EmergencyStart, Profile
from emulator.firmware.readout import Glance, Readout, purse_at
from emulator.firmware.recorder import Recorder
from emulator.firmware.service_point import ServicePoint
from protocols.cutting.rules import parse_rule
from protocols.documents.kind_rule import Kind
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

    `next_step_at` is the first whole second of ticks at which its main loop has not yet turned.

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
        "_zero_told",
        "next_step_at",
        "point",
    )

    def __init__(
        self,
        profile: Profile,
        *,
        balance_q: int,
        load_w: int,
        set_ms: int,
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
        self._zero_told = False
        self.next_step_at = 0
        self._dirty = True

    def handle(self, event: Event, at: int) -> tuple[Effect, ...]:
        """Do what is due strictly before tick `at`, then take the event in."""
        while (due := self.next_due()) < at:
            self.step(due)
        self._clock.count_on((at - 1) // STEP_MS * STEP_MS)
        settle(self.point.credit, at)
        self._apply(event, at)
        self.next_step_at = max(self.next_step_at, step_at_or_after(at))
        self._dirty = True
        return self._recorder.drain()

    def advance(self, until: int) -> tuple[Effect, ...]:
        """Do what is due up to and including tick `until`."""
        while (due := self.next_due()) <= until:
            self.step(due)
        last_step_at = until // STEP_MS * STEP_MS
        self._clock.count_on(last_step_at)
        self.next_step_at = max(self.next_step_at, last_step_at + STEP_MS)
        return self._recorder.drain()

    def next_due(self) -> int:
        """The next whole second in which something can have changed."""
        if self._dirty:
            return self.next_step_at
        due = min(self.point.due_at(), self._credit_due_at(), self._calendar_due_at())
        return max(step_at_or_after(due), self.next_step_at)

    @property
    def glance(self) -> Glance:
        """What is seen of it without reckoning. It doubts no date."""
        point = self.point
        return Glance(point.supply, point.reason, ClockStatus.TRUSTED, "", self._recorder.code)

    def readout(self, at_tick: int) -> Readout:
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

    def step(self, at: int) -> None:
        """One turn of the main loop, at a whole second of ticks."""
        self._clock.count_on(at)
        settle(self.point.credit, at)
        self.point.step(at)
        now = self._clock.registers
        if self._dates.is_cut_due(now):
            self._fire_programmed_cut(now, at)
        self._judge_credit(now, at)
        self.next_step_at = at + STEP_MS
        self._dirty = False

    def _credit_due_at(self) -> int:
        """When the purse in use runs out; NEVER once that has been seen."""
        credit = self.point.credit
        if credit.emergency == Emergency.IN_USE:
            return empty_at(credit)
        return falls_to_at(credit, 0) if credit.balance_q > 0 else NEVER

    def _calendar_due_at(self) -> int:
        """When a date or hour that is waited for may be reached: of a cut, or of the end of a respite."""
        held_back = self.point.is_supplied() and has_nothing_left(self.point.credit)
        if self._dates.cut_at is None and not held_back:
            return NEVER
        seconds = self._dates.seconds_of_day()
        if self._friendly is not None and held_back:
            seconds |= self._defects.edges_s(self._friendly)
        return self._clock.next_second_at(seconds)

    def _judge_credit(self, now: Registers, at: int) -> None:
        credit = self.point.credit
        if close_used_up_emergency(credit):
            self.point.note_credit(CreditCause.EMERGENCY_USED_UP, at)
        if credit.balance_q > 0:
            self._zero_told = False
        elif not self._zero_told:
            self._zero_told = True
            self.point.note_credit(CreditCause.ZERO, at)
        if not self.point.is_supplied() or not has_nothing_left(credit) or self._dates.is_suspended(now):
            return
        if self._automatic and self.point.begin_emergency(at):
            return
        # Whoever has started the emergency credit has no friendly hours until it is repaid (§1.1).
        untouched = credit.emergency == Emergency.READY
        if untouched and self._friendly is not None:
            if self._defects.is_friendly(self._friendly, now):
                return
            self._clock.tell(self._defects.blamed_for_hours(self._friendly, now), at)
        self.point.switch(Supply.OFF, SupplyReason.CREDIT, at)
        self._recorder.show(at, "no credit", ScreenCode.TRIANGLE)

    def _fire_programmed_cut(self, now: Registers, at: int) -> None:
        """The date on the card is reached, or was passed while the clock was set: open, at any hour."""
        cut_id = self._dates.fire_cut()
        self._recorder.note(
            at, OrderJudged("", Kind.CUT_ORDER, f"cut/{cut_id}", 0, OrderVerdict.ACCEPTED, f"fired at {now}")
        )
        self.point.switch(Supply.OFF, SupplyReason.PROGRAMMED_CUT, at)
        self._recorder.show(at, "programmed cut")

    def _apply(self, event: Event, at: int) -> None:
        match event:
            case CardPass():
                self._card_slot.read(event, at)
            case UnsignedDate():
                self._clock.hear_unsigned(event.time_ms, at)
            case TicksLost():
                self._clock.lose_ticks(at)
            case MainsOff():
                self.point.set_mains(on=False, at=at)
            case MainsOn():
                self._wake(at)
            case SetLoad():
                self.point.set_load(event.load_w, at)
            case Overcurrent():
                self.point.trip(at)
            case Button():
                self._press(event.name, at)
            case Document():
                document = "", NoOrder.UNREADABLE, "", 0
                self._recorder.note(at, OrderJudged(*document, OrderVerdict.REFUSED, Refusal.UNSUPPORTED))
            case AskTime() | NewEpoch():
                pass  # it has no link to ask over, and no epochs: it believes the date it has
            case _:
                assert_never(event)

    def _wake(self, at: int) -> None:
        if not self.point.mains_on:
            self._clock.wake(at)
        self.point.set_mains(on=True, at=at)

    def _press(self, name: ButtonName, at: int) -> None:
        """A fired cut does not listen to buttons: its only key lies in an office."""
        if not self._dates.blocked:
            self.point.press(name, at)
