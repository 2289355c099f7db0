"""The guarded meter: interval clock, gate, leased permission, holds, and a household that is warned.

Duty: compose the parts and keep their order. The semantics is a loop that runs `_step` once every
second of the crystal; `advance` jumps over the seconds in which a step would change nothing, and
`next_due_tick` names the next one in which it might. An input is applied at its own tick; what is due at
that tick comes after it.

Supply is taken in one place, `_open`, and only when the gate has said yes, the household's warning
has run in full and this meter's turn in the window has come; over-current and leaks are the service
point's. It is given back in `_give_back`.
"""

from functools import partial
from typing import Final, assert_never

from emulator.firmware.credit import has_nothing_left, opened, settle
from emulator.firmware.effects import Ask, Effect, Persist
from emulator.firmware.events import (
    AskTime,
    Button,
    CardAnswered,
    CardInserted,
    CardPass,
    CardRemoved,
    Document,
    DocumentChannel,
    Event,
    MainsOff,
    MainsOn,
    NewEpoch,
    Overcurrent,
    SetLoad,
    TicksLost,
    UnsignedDate,
)
from emulator.firmware.guarded import causes, clock, debts, holds, parameters, paying, purse, registers
from emulator.firmware.guarded.card_slot import ChipSlot, NotedVerdict
from emulator.firmware.guarded.causes import Cause
from emulator.firmware.guarded.documents import Outcome, Parts, receive
from emulator.firmware.guarded.gate import Verdict, judge, with_near_windows
from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.image import decode_image, encode_image
from emulator.firmware.guarded.memory import Memory, Opening
from emulator.firmware.guarded.opening import is_undone_by_credit, is_undone_by_limiter_off, reason_to_restore
from emulator.firmware.guarded.own_keys import chance_for, in_use
from emulator.firmware.guarded.sharing import NO_ENTRIES, without
from emulator.firmware.guarded.shown import ShownMeter
from emulator.firmware.guarded.unsigned_dates import log_date
from emulator.firmware.journal import Journal
from emulator.firmware.profile import Profile
from emulator.firmware.recorder import Recorder
from emulator.firmware.service_point import ServicePoint
from emulator.firmware.ticks import FIRST_TICK, NEVER, STEP_MS, Tick, step_at_or_after
from protocols.chain import Head
from protocols.documents.issuers import Issuers
from protocols.documents.roles import Root
from protocols.instants import UtcMs
from protocols.limits import INSTANT_MS_MIN
from protocols.link.question import Flags, Interval, Question
from protocols.link.records import ClockChanged, GateJudged, OrderJudged, WarningShown
from protocols.reasons import (
    ClockCause,
    ClockStatus,
    CreditCause,
    NoOrder,
    OrderVerdict,
    PaymentMode,
    Refusal,
    ScreenCode,
    Supply,
    SupplyReason,
)

# Before every step: `touched_tick` of a meter whose inputs have all been looked at by a step.
_UNTOUCHED: Final = Tick(-2 * STEP_MS)


class GuardedMeter(ShownMeter):
    """One meter. See `emulator.firmware.meter.Meter` for what its caller may rely on."""

    __slots__ = (
        "_kept_due_tick",
        "_kept_empty",
        "_slot",
        "recorder",
        "stepped_tick",
        "touched_tick",
    )

    def __init__(
        self,
        identity: Identity,
        profile: Profile,
        root: Root,
        *,
        balance_q: int,
        load_w: int,
        commissioned_ms: UtcMs,
        spread_ms: int = 1_000,
        epoch: int = 0,
        issuers: Issuers | None = None,
        mode: PaymentMode = PaymentMode.PREPAID,
    ) -> None:
        self.identity = identity
        self.profile = profile
        self._first_root = root
        self.journal = Journal()
        self.recorder = Recorder(self.journal)
        self.point = ServicePoint(profile, self.recorder, balance_q, load_w)
        self.point.credit.mode = mode
        began = clock.set_at_commissioning(commissioned_ms, spread_ms, FIRST_TICK, profile.crystal_ppm)
        self.memory = Memory(began, self.point.credit, epoch=epoch)
        self._is_given(issuers)
        self.stepped_tick: int = -STEP_MS
        self.touched_tick = FIRST_TICK
        self._known = None
        self._kept_due_tick: Tick | None = None
        self._kept_empty = False
        # While a card is being served; most meters of a fleet never see one.
        self._slot: ChipSlot | None = None

    @classmethod
    def restore(
        cls,
        identity: Identity,
        profile: Profile,
        root: Root,
        image: bytes | None,
        *,
        load_w: int,
        head: Head,
        mains_on: bool = True,
        epoch: int = 0,
        issuers: Issuers | None = None,
    ) -> "GuardedMeter":
        """A meter after a power cut, from its image and its journal's head.

        No image (both slots lost) is a meter that was never commissioned: it keeps the supply, cuts nobody,
        and begins the life `epoch`. Raises DocumentError if another firmware wrote the image.
        """
        meter = cls(
            identity,
            profile,
            root,
            balance_q=0,
            load_w=load_w,
            commissioned_ms=UtcMs(INSTANT_MS_MIN),
            epoch=epoch,
            issuers=issuers,
        )
        meter.journal = Journal(head)
        meter.recorder = Recorder(meter.journal)
        if image is None:
            clock.begin_epoch(meter.memory.clock, FIRST_TICK)
        else:
            meter.memory = decode_image(image)
            meter.identity = in_use(identity, meter.memory)
            meter._is_given(issuers)
        memory = meter.memory
        meter.point = ServicePoint.restore(
            profile,
            meter.recorder,
            opened(memory.credit, memory.totals.credited_ueur),
            memory.supply,
            memory.reason,
            load_w,
            cut_for=None if memory.opening is None else memory.opening.question.cause,
            mains_on=mains_on,
        )
        meter.stepped_tick = step_at_or_after(memory.tick) - STEP_MS
        meter.touched_tick = memory.tick
        return meter

    def _is_given(self, issuers: Issuers | None) -> None:
        """Issuers of its manufacture, or from the hand of who restores it: they count where it holds none."""
        if issuers is not None and self.memory.issuers is None:
            refusal = paying.take_issuers(self.memory, issuers, self.memory.tick)
            assert refusal is None, "issuers of epoch 0 make room"

    def handle(self, event: Event, at_tick: Tick) -> tuple[Effect, ...]:
        """Apply one input at `at_tick`; what is due before it happens first."""
        self._run_to(at_tick - 1)
        self._settle(at_tick)
        self._apply(event, at_tick)
        if not isinstance(event, SetLoad):
            # A new load changes neither the clock nor any document. It changes when the purse will be empty,
            # and `next_due_tick` finds that anew.
            self._look_again(at_tick)
            self.touched_tick = at_tick
        return self._finish(at_tick)

    def advance(self, until_tick: Tick) -> tuple[Effect, ...]:
        """Let everything due up to and including `until_tick` happen."""
        self._run_to(until_tick)
        self._settle(until_tick)
        return self._finish(until_tick)

    def next_due_tick(self) -> Tick:
        """The next second of the crystal in which a step might change something."""
        return Tick(self._next_due())

    def image(self) -> bytes:
        """The content of the non-volatile memory as it must stand now."""
        self.memory.supply, self.memory.reason = self.point.supply, self.point.reason
        return encode_image(self.memory)

    # -- the main loop ------------------------------------------------------------------------

    # Sums and comparisons of ticks are plain integers here: to make a `Tick` of each takes a twentieth of the
    # time of a fleet's replay.

    def _run_to(self, until: int) -> None:
        while (due := self._next_due()) <= until:
            due_tick = Tick(due)
            self._settle(due_tick)
            self._step(due_tick)
            self.stepped_tick, self.touched_tick = due_tick, _UNTOUCHED
            self._kept_due_tick = None
        # The steps that were jumped over would have changed nothing, and count as run.
        part = until % STEP_MS
        passed = until - part if part else until
        if passed > self.stepped_tick:  # noqa: PLR1730 `max` is a call, and this runs at every input
            self.stepped_tick = passed

    def _next_due(self) -> int:
        next_step = self.stepped_tick + STEP_MS
        if self.touched_tick >= self.stepped_tick:
            # An input may have changed any answer: the step that follows it always looks.
            return next_step
        due = min(self.point.due_tick(), purse.due_tick(self.point, self.memory), self._cause_due_tick())
        # As `step_at_or_after` does.
        return max(-(-due // STEP_MS) * STEP_MS, next_step)

    def _settle(self, at_tick: Tick) -> None:
        settle(self.point.credit, at_tick)
        self.memory.tick = at_tick

    def _step(self, at_tick: Tick) -> None:
        # Few meters have registers or parameters, and a call costs as much as a step has left to do.
        if self.memory.tariff is not None:
            registers.switch(self.memory, at_tick)
        if self.memory.parameters is not None and parameters.switch(self.memory, at_tick):
            self.recorder.persist_first()
            self._credit_is_back(SupplyReason.CREDIT, at_tick)
        self.point.step(at_tick)
        if self.memory.waiting:
            self._credit_waiting(at_tick)
        purse.step(self.point, self.memory, at_tick)
        self._credit_is_back(SupplyReason.EMERGENCY_CREDIT, at_tick)
        holds.update_release(self.memory, at_tick)
        if causes.forget_over(self.memory):
            # A power cut, and lost ticks after it, must not bring back what is over.
            self.recorder.persist_first()
        self._consider(at_tick)

    def _credit_waiting(self, at_tick: Tick) -> None:
        """Credit what waited for its issuer's allowance, and give the supply back as any payment does."""
        waiting, paid_ueur = self.memory.waiting, paying.credit_waiting(self.memory, at_tick)
        if self.memory.waiting is not waiting:
            self.recorder.persist_first()
        if paid_ueur:
            debts.pay_in(self.memory, paid_ueur, at_tick)
            self.point.journal_credit(CreditCause.ALLOWANCE, at_tick)
            self._credit_is_back(SupplyReason.TOP_UP, at_tick)

    def _consider(self, at_tick: Tick) -> None:
        """Warn for every cause that stands, and open for the first that may."""
        memory = self.memory
        standing = self._standing()
        if memory.warned:
            keys = [cause.key for cause in standing]
            memory.warned = without(memory.warned, *(key for key in memory.warned if key not in keys))
        for cause in standing:
            if cause.key not in memory.warned:
                self._warn(cause, at_tick)
        for cause in standing:
            complete_tick = causes.warning_ends_tick(memory, cause.key, self.profile)
            if at_tick < complete_tick:
                continue
            question = self._question(cause)
            verdict = judge(question)
            if verdict.open and causes.has_spread(
                memory, question.permission.windows_ms, self.profile, self.identity.spread_share()
            ):
                self._open(cause, question, verdict, at_tick)
                return
            if not verdict.open and at_tick == step_at_or_after(complete_tick):
                self._journal_verdict(with_near_windows(question), verdict, at_tick)

    def _standing(self) -> tuple[Cause, ...]:
        """The causes that stand; none while the supply side is dead. Mostly there is none."""
        if not self.point.mains_on or not causes.may_stand(self.memory, self.point):
            return ()
        return causes.standing(self.memory, self.point, self.known)

    def _cause_due_tick(self) -> Tick:
        """When a cause or a release must be judged next: a cache, which every step empties.

        Only steps change what it depends on, and inputs, after which a step always runs; with one exception:
        an input settles the purse, and may find it empty in the middle of a second.
        """
        empty = has_nothing_left(self.point.credit)
        if self._kept_due_tick is None or empty is not self._kept_empty:
            self._kept_due_tick = min(
                self._find_cause_due_tick(),
                holds.release_due_tick(self.memory),
                causes.over_due_tick(self.memory),
                paying.due_tick(self.memory),
                parameters.due_tick(self.memory),
                registers.due_tick(self.memory, Tick(self.stepped_tick)),
            )
            self._kept_empty = empty
        return self._kept_due_tick

    def _find_cause_due_tick(self) -> Tick:
        standing = self._standing()
        if not standing and not self.memory.warned:
            # As `causes.due_tick` would say, but without finding out what the documents permit.
            return NEVER
        # Count from the last step and not from `memory.tick`: an input between two steps moves `memory.tick`,
        # but a warning that ended between the two is only seen by the next step.
        since_tick = Tick(self.stepped_tick)
        share = self.identity.spread_share()
        return causes.due_tick(self.memory, standing, self.known, self.profile, share, since_tick)

    # -- opening and giving back --------------------------------------------------------------

    def _question(self, cause: Cause) -> Question:
        memory = self.memory
        low_ms, high_ms = (
            clock.earliest_ms(memory.clock, memory.tick),
            clock.latest_ms(memory.clock, memory.tick),
        )
        return Question(
            cause.reason,
            Interval(memory.clock.status, low_ms, high_ms),
            self.known.permission,
            self.known.holds,
            cause.evidence,
            Flags(holds.release_holds(memory)),
        )

    def _warn(self, cause: Cause, at_tick: Tick) -> None:
        self.memory.warned = {**self.memory.warned, cause.key: at_tick}
        self.recorder.journal(at_tick, WarningShown(cause.reason, self.profile.warning_s))
        self.recorder.show(at_tick, f"supply may stop: {cause.reason}", ScreenCode.NONE)

    def _open(self, cause: Cause, question: Question, verdict: Verdict, at_tick: Tick) -> None:
        """Take the supply for a cause that the gate judges. Nothing else does, but for safety.

        Over-current and leaks switch the contactor in `ServicePoint`, which asks nobody.
        """
        memory, asked = self.memory, with_near_windows(question)
        self._journal_verdict(asked, verdict, at_tick)
        memory.opening = Opening(memory.clock.epoch, at_tick, cause.to, cause.key, asked)
        memory.cut_orders = without(memory.cut_orders, cause.key)
        memory.warned = NO_ENTRIES
        self.point.switch(cause.to, causes.reason_shown(cause), at_tick)
        if cause.to is Supply.OFF and cause.reason is SupplyReason.CREDIT:
            self.recorder.show(at_tick, "credit used up", ScreenCode.TRIANGLE)
        else:
            self.recorder.show(at_tick, f"supply {cause.to}: {cause.reason}", ScreenCode.NONE)

    def _give_back(self, reason: SupplyReason, at_tick: Tick) -> None:
        self.memory.opening = None
        self.point.reconnect(reason, at_tick)
        if not self.point.is_tripped:
            self.recorder.show(at_tick, "press to restore" if self.point.supply is Supply.ARMED else "")

    def _look_again(self, at_tick: Tick) -> None:
        """Judge the last opening by what is known now, and forget it once the supply is back."""
        if self.memory.opening is None:
            return
        if self.point.supply in (Supply.ON, Supply.ARMED):
            self.memory.opening = None
        reason = reason_to_restore(self.memory, self.known.holds)
        if reason is not None:
            self._give_back(reason, at_tick)

    def _journal_verdict(self, question: Question, verdict: Verdict, at_tick: Tick) -> None:
        self.recorder.journal(at_tick, GateJudged(verdict.open, verdict.reason, question))

    # -- inputs -------------------------------------------------------------------------------

    def _apply(self, event: Event, at_tick: Tick) -> None:
        match event:
            case SetLoad():
                self.point.set_load(event.load_w, at_tick)
            case Document():
                self._receive_from_link(event, at_tick)
            case AskTime():
                self._ask(event, at_tick)
            case CardInserted() | CardAnswered() | CardRemoved():
                self._serve_card(event, at_tick)
            case MainsOff() | MainsOn():
                self.memory.warned = NO_ENTRIES
                self._slot = None
                self.point.set_mains(on=isinstance(event, MainsOn), at_tick=at_tick)
            case Button():
                self._press(event, at_tick)
            case Overcurrent():
                if self.point.supply is not Supply.OFF:
                    self.memory.opening, self.memory.warned = None, NO_ENTRIES
                self.point.trip(at_tick)
            case TicksLost() | NewEpoch():
                self._begin_epoch(event, at_tick)
            case UnsignedDate():
                log_date(event.time_ms, self.memory, self.recorder, at_tick)
            case CardPass():
                card = f"card-{event.number}", NoOrder.CARD, "card/2020", 0
                self.recorder.journal(at_tick, OrderJudged(*card, OrderVerdict.REFUSED, Refusal.UNSUPPORTED))
            case _:
                assert_never(event)

    def _ask(self, event: AskTime, at_tick: Tick) -> None:
        self.memory.nonces += 1
        nonce = self.identity.nonce("time", self.memory.nonces, self.memory.epoch)
        clock.ask(self.memory.clock, event.source, nonce, at_tick)
        # The counter must be in the image before the ask is out: a nonce used twice could be answered
        # with an old answer, whose upper bound would then lie.
        self.recorder.persist_first()
        self.recorder.emit(Ask(at_tick, event.source, nonce))

    def _press(self, event: Button, at_tick: Tick) -> None:
        self.point.press(event.name, at_tick)
        if self.point.supply is Supply.LIMITED or self.point.is_tripped:
            self._credit_is_back(SupplyReason.EMERGENCY_CREDIT, at_tick)

    def _begin_epoch(self, event: TicksLost | NewEpoch, at_tick: Tick) -> None:
        holds.survive_lost_ticks(self.memory, at_tick)
        paying.begin_allowances(self.memory, at_tick)
        clock.begin_epoch(self.memory.clock, at_tick)
        lost = isinstance(event, TicksLost)
        self._journal_clock(ClockCause.TICKS_LOST if lost else ClockCause.TECHNICIAN, at_tick)

    def _receive_from_link(self, event: Document, at_tick: Tick) -> None:
        if self._receive(event, at_tick).card_accepted:
            # Last, so that what the card brought back does not wipe out that it was taken.
            self.recorder.show(at_tick, "card accepted", ScreenCode.ACCEPTED)

    def _serve_card(self, event: CardInserted | CardAnswered | CardRemoved, at_tick: Tick) -> None:
        """While the supply side is dead the slot has no power: a card that was put in is put in again."""
        if isinstance(event, CardInserted) and self.point.mains_on:
            self._slot = ChipSlot(self, self.recorder, partial(self._obey_from_card, event.drawn))
        if self._slot is not None and self._slot.handle(event, at_tick):
            self._slot = None

    def _obey_from_card(self, drawn: bytes, data: bytes, at_tick: Tick) -> NotedVerdict | None:
        """As a document that came over a link, so that the card is told what follows. None: it was a time."""
        before = self.journal.head.number
        judged = self._receive(Document(data, DocumentChannel.CARD, chance_for(data, drawn)), at_tick).judged
        noted = None if judged is None else NotedVerdict(min(before + 1, self.journal.head.number), judged)
        self._look_again(at_tick)
        return noted

    def _receive(self, event: Document, at_tick: Tick) -> Outcome:
        status = self.memory.clock.status
        parts = Parts(self.identity, self.root, self.memory, self.point, self.recorder)
        outcome = receive(event, parts, at_tick)
        self._known = None
        self.identity = in_use(self.identity, self.memory)
        if outcome.give_back is not None:
            self._restore_after_order(outcome.give_back, at_tick)
        if self.memory.clock.status is not status or outcome.clock_cause:
            self._journal_clock(outcome.clock_cause or ClockCause.CLAIM, at_tick)
        return outcome

    def _restore_after_order(self, reason: SupplyReason, at_tick: Tick) -> None:
        if reason is SupplyReason.RELEASE:
            self._give_back(reason, at_tick)
        elif reason is SupplyReason.LIMITER:
            if is_undone_by_limiter_off(self.memory):
                self._give_back(reason, at_tick)
        else:
            self._credit_is_back(reason, at_tick)

    def _credit_is_back(self, reason: SupplyReason, at_tick: Tick) -> None:
        """Undo what the empty purse had led to, once the purse in use has anything left.

        Emergency credit that starts by itself does so in a step, so that every step asks.
        """
        if is_undone_by_credit(self.memory, self.point) and not purse.is_empty(self.point):
            self._give_back(reason, at_tick)

    def _journal_clock(self, cause: ClockCause, at_tick: Tick) -> None:
        state = self.memory.clock
        if state.status is not ClockStatus.TRUSTED:
            self.memory.warned = NO_ENTRIES
        low_ms, high_ms = clock.shown_interval_ms(state, at_tick)
        self.recorder.journal(at_tick, ClockChanged(state.status, low_ms, high_ms, cause, state.nonce))

    def _finish(self, at_tick: Tick) -> tuple[Effect, ...]:
        """The effects of this call. Where a record was journalled, `Persist` is the first of them."""
        keeps = self.recorder.must_persist
        effects = self.recorder.drain()
        return (Persist(at_tick, self.image()), *effects) if keeps else effects
