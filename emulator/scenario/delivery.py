"""Turns the events of a scenario into inputs of a firmware: documents and nonces, or cards (design §9).

`GuardedDelivery` delivers signed documents; a fresh witness answers the meter's own nonce. `CardDelivery`
delivers what the card meter of 2020 understands: cards and unsigned dates. `physical_event` makes what
neither a document nor a card carries (loads, buttons).
"""

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from msgspec.structs import replace

from emulator.firmware.effects import Ask, Effect, RecordEmitted
from emulator.firmware.events import (
    AskTime,
    Button,
    CardPass,
    Document,
    DocumentChannel,
    Event,
    Overcurrent,
    SetLoad,
    TicksLost,
    UnsignedDate,
)
from emulator.firmware.meter import Meter
from emulator.firmware.ticks import Tick
from emulator.scenario.cards import CardOf2020, ChipCards, SlotContact
from emulator.scenario.desk import CALENDAR, DEBT, LEASE, PARAMETERS, REFUND, TARIFF, Desk
from emulator.scenario.keyring import Keyring
from emulator.scenario.model import (
    CancelCutSpec,
    CardInSpec,
    CutCalendarSpec,
    DebtSpec,
    DeferralSpec,
    Do,
    EmergencyCreditSpec,
    FlagSpec,
    HoldSpec,
    IssuersSpec,
    KioskSpec,
    LiftHoldSpec,
    MeterSpec,
    OvercurrentSpec,
    ParametersSpec,
    PressSpec,
    ProgrammedCutSpec,
    RebaseSpec,
    RefundSpec,
    ReleaseSpec,
    RtcLostSpec,
    SetClockSpec,
    SetLoadSpec,
    ShortenHoldSpec,
    TariffSpec,
    TopUpSpec,
    WitnessSpec,
)
from emulator.scenario.writing import PlainSpec, write_plain
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import OneWayTime, TimeAnswer
from protocols.documents.statements import Totals
from protocols.instants import UtcMs
from protocols.link.records import OrderJudged
from protocols.reasons import NoOrder, OrderVerdict, Refusal, Source

# The hours of a recovery card.
_RECOVERY_HOURS: Final = 72


class Delivery(Protocol):
    """Delivers the events of a scenario to one meter.

    `put_in` puts a card into its slot; `hear` is told of what the meter does while it is there.
    """

    def deliver(self, do: Do, at_ms: UtcMs, tick: Tick) -> Iterator[Effect]: ...

    def put_in(self, do: CardInSpec, at_ms: UtcMs) -> SlotContact: ...

    def hear(self, effects: Iterable[Effect]) -> None: ...


class DisputingMeter(Meter, Protocol):
    """A meter that names its dispute, for `rebase`, `""` when there is none; and what it has credited."""

    @property
    def dispute_nonce(self) -> str: ...

    @property
    def totals(self) -> Totals: ...


def physical_event(do: Do) -> Event | None:
    """The input of a physical event. None for a document or card, and for the mains: the world has those."""
    match do:
        case SetLoadSpec():
            return SetLoad(do.load_w)
        case OvercurrentSpec():
            return Overcurrent()
        case PressSpec():
            return Button(do.name)
        case RtcLostSpec():
            return TicksLost()
        case _:
            return None


def claimed_ms(do: WitnessSpec | SetClockSpec, at_ms: UtcMs) -> UtcMs:
    """The date that is claimed: given as an offset to true time, or as a time."""
    if do.time_ms is not None:
        return UtcMs(do.time_ms)
    assert do.offset_ms is not None, do
    return UtcMs(at_ms + do.offset_ms)


class GuardedDelivery:
    """Delivers signed documents to a guarded meter, and its receipts to the desk."""

    __slots__ = ("_cards", "_desk", "_keyring", "_meter", "_numbers", "_spec")

    def __init__(self, meter: DisputingMeter, spec: MeterSpec, keyring: Keyring, cards: ChipCards) -> None:
        self._meter = meter
        self._cards = cards
        self._spec = spec
        self._keyring = keyring
        self._desk = Desk(keyring, spec.id)
        self._numbers: dict[Source, int] = {}

    @property
    def cards(self) -> ChipCards:
        """The chip cards of this meter."""
        return self._cards

    def deliver(self, do: Do, at_ms: UtcMs, tick: Tick) -> Iterator[Effect]:
        """Deliver the event, and yield the effects of the meter."""
        match do:
            case WitnessSpec():
                yield from self._witness(do, at_ms, tick)
            case SetClockSpec():
                yield from self._meter.handle(UnsignedDate(claimed_ms(do, at_ms)), tick)
            case CutCalendarSpec():
                yield from self._calendar(do, at_ms, tick)
            case TopUpSpec():
                yield from self._deliver(self._desk.write_payment(do, at_ms), tick, do.channel)
            case IssuersSpec():
                yield from self._name_issuers(do, at_ms, tick)
            case KioskSpec():
                self._cards.at_kiosk(do, at_ms, lambda _found: self._load(do, at_ms))
            case _:
                yield from self._deliver(self._write(do, at_ms), tick)

    def put_in(self, do: CardInSpec, at_ms: UtcMs) -> SlotContact:
        """As `Delivery`."""
        return self._cards.put_in(do, at_ms)

    def hear(self, effects: Iterable[Effect]) -> None:
        """The desk hears of what the meter has accepted from the card, as from a receipt."""
        for effect in effects:
            match effect:
                case RecordEmitted(record=OrderJudged(order=order, verdict=OrderVerdict.ACCEPTED)):
                    self._desk.receive_receipt(order)

    def _load(self, do: KioskSpec, at_ms: UtcMs) -> tuple[bytes, ...]:
        """What the clerk loads onto the card."""
        match do.act:
            case "read":
                return ()
            case "topup":
                payment = TopUpSpec(do.id, do.amount_ueur, DocumentChannel.CARD)
                return (self._desk.write_payment(payment, at_ms),)
            case "reactivate":
                return (self._desk.write_cancel(do.id, at_ms),)
            case "recover":
                return (self._desk.write_release(ReleaseSpec(_RECOVERY_HOURS), at_ms),)

    def _write(self, do: Do, at_ms: UtcMs) -> bytes:
        assert isinstance(do, PlainSpec), f"no document carries {do}"
        return write_plain(
            self._desk,
            do,
            at_ms,
            debt_share_percent=self._spec.profile.debt_share_percent,
            dispute_nonce=self._meter.dispute_nonce,
        )

    def _witness(self, do: WitnessSpec, at_ms: UtcMs, tick: Tick) -> Iterator[Effect]:
        """Fresh: asked and answered at the same tick. One-way: the next number of its source."""
        time_ms = claimed_ms(do, at_ms)
        if not do.fresh:
            number = self._numbers[do.source] = self._numbers.get(do.source, 0) + 1
            time = OneWayTime(number=number, time_ms=time_ms, spread_ms=do.spread_ms)
            yield from self._deliver(self._keyring.seal_time(do.source, time), tick)
            return
        for effect in self._meter.handle(AskTime(do.source), tick):
            yield effect
            if isinstance(effect, Ask) and effect.source is do.source:
                answer = TimeAnswer(
                    meter=self._spec.id, nonce=effect.nonce, time_ms=time_ms, spread_ms=do.spread_ms
                )
                yield from self._deliver(self._keyring.seal_time(do.source, answer), tick)

    def _name_issuers(self, do: IssuersSpec, at_ms: UtcMs, tick: Tick) -> Iterator[Effect]:
        """The document, and once it is taken what the epochs before it never credited."""
        taken = False
        for effect in self._deliver(self._desk.write_issuers(do), tick):
            match effect:
                case RecordEmitted(record=OrderJudged(kind=NoOrder.ISSUERS)):
                    taken = True
            yield effect
        again = self._desk.begin_epoch(do.epoch, self._meter.totals.credited_ueur, at_ms) if taken else None
        if again is not None:
            yield from self._deliver(again, tick)

    def _calendar(self, do: CutCalendarSpec, at_ms: UtcMs, tick: Tick) -> Iterator[Effect]:
        calendar, envelope = self._desk.write_calendar(do, at_ms)
        yield from self._deliver(envelope, tick)
        lease = self._desk.write_lease(calendar, do.names, at_ms)
        if isinstance(lease, Refusal):
            # Nothing reaches the meter: the desk itself refuses to write the lease.
            yield RecordEmitted(tick, OrderJudged("", Kind.LEASE, LEASE, 0, OrderVerdict.REFUSED, lease))
        else:
            yield from self._deliver(lease, tick)

    def _deliver(
        self, envelope: bytes, tick: Tick, channel: DocumentChannel = DocumentChannel.MQTT
    ) -> Iterator[Effect]:
        for effect in self._meter.handle(Document(envelope, channel), tick):
            self.hear((effect,))
            yield effect


class CardDelivery:
    """Delivers cards to a card meter of 2020. An event that no card of that time carries is refused.

    A hold's card suspends the credit check. The meter keeps one suspension: the card of the next hold, or of
    a shortened or lifted one, replaces it. Only the card of a `witness` brings a date.
    """

    __slots__ = ("_card_of_2020", "_hold_from_ms", "_meter", "_number")

    def __init__(self, meter: Meter) -> None:
        self._card_of_2020 = CardOf2020()
        self._meter = meter
        self._number = 0
        self._hold_from_ms: dict[str, UtcMs] = {}

    def deliver(self, do: Do, at_ms: UtcMs, tick: Tick) -> Iterator[Effect]:
        """Deliver the event, and yield the effects of the meter."""
        if isinstance(do, SetClockSpec):
            yield from self._meter.handle(UnsignedDate(claimed_ms(do, at_ms)), tick)
            return
        self._number += 1
        if isinstance(do, KioskSpec):
            self._load(do)
            return
        card = self._card(do, at_ms)
        if card is not None:
            yield from self._meter.handle(card, tick)
        else:
            yield from self._deliver_unsupported(do, tick)

    def put_in(self, do: CardInSpec, at_ms: UtcMs) -> SlotContact:
        """As `Delivery`. A card in a file has keys and a dialogue: that meter knows neither."""
        self._number += 1
        return self._card_of_2020.put_in(do, at_ms, self._number)

    def hear(self, effects: Iterable[Effect]) -> None:
        """Nothing comes back from that meter but what its screen shows."""

    def _load(self, do: KioskSpec) -> None:
        waiting = self._card_of_2020.waiting
        match do.act:
            case "topup":
                waiting.append(CardPass(self._number, payment=do.id, top_up_ueur=do.amount_ueur))
            case "reactivate":
                waiting.append(CardPass(self._number, cancel_cut=do.id))
            case "recover":
                waiting.append(CardPass(self._number, restart=True))
            case "read":
                pass  # it reads what nobody has written: that meter says nothing on its card

    def _deliver_unsupported(self, do: Do, tick: Tick) -> Iterator[Effect]:
        """The meter refuses a document without reading it; so the name of the order is filled in here."""
        kind, object_name = _names_of_unsupported(do)
        for effect in self._meter.handle(Document(b""), tick):
            match effect:
                case RecordEmitted(at_tick=at_tick, record=OrderJudged(object="") as record):
                    yield RecordEmitted(at_tick, replace(record, kind=kind, object=object_name))
                case _:
                    yield effect

    def _card(self, do: Do, at_ms: UtcMs) -> CardPass | None:
        number = self._number
        match do:
            case WitnessSpec():
                return CardPass(number, date_ms=claimed_ms(do, at_ms), date_source=do.source)
            case HoldSpec():
                from_ms = self._hold_from_ms[do.id] = UtcMs(do.from_ms)
                return CardPass(number, suspend_from_ms=from_ms, suspend_until_ms=UtcMs(do.until_ms))
            case ShortenHoldSpec():
                until_ms = UtcMs(do.until_ms)
                from_ms = min(self._hold_from_ms.get(do.id, at_ms), until_ms)
                return CardPass(number, suspend_from_ms=from_ms, suspend_until_ms=until_ms)
            case LiftHoldSpec():
                return CardPass(number, suspend_from_ms=at_ms, suspend_until_ms=at_ms)
            case ProgrammedCutSpec():
                time_ms = None if do.time_ms is None else UtcMs(do.time_ms)
                return CardPass(number, programmed_cut=do.id, programmed_cut_ms=time_ms)
            case CancelCutSpec():
                return CardPass(number, cancel_cut=do.id)
            case TopUpSpec():
                return CardPass(number, payment=do.id, top_up_ueur=do.amount_ueur)
            case ReleaseSpec():
                return CardPass(number, restart=True)
            case _:
                return None


def _names_of_unsupported(do: Do) -> tuple[Kind | NoOrder, str]:
    match do:
        case IssuersSpec():
            return NoOrder.ISSUERS, "issuers"
        case FlagSpec():
            return (Kind.SET_FLAG if do.value else Kind.CLEAR_FLAG), f"flag/{do.name}"
        case CutCalendarSpec():
            return Kind.CUT_CALENDAR, CALENDAR
        case TariffSpec():
            return Kind.TARIFF, TARIFF
        case DeferralSpec():
            return Kind.DEFERRAL, f"deferral/{do.id}"
        case DebtSpec():
            return Kind.DEBT, DEBT
        case RefundSpec():
            return Kind.REFUND, REFUND
        case ParametersSpec():
            return Kind.PARAMETERS, PARAMETERS
        case RebaseSpec():
            return Kind.REBASE, "clock/meter"
        case EmergencyCreditSpec():
            return Kind.EMERGENCY_CREDIT, "emergency/meter"
        case _:
            raise AssertionError(f"a card carries {do}")
