"""A document's way through the meter: read, admitted, obeyed, noted; and what it asks of the supply.

What is signed by nobody known is told to the world each time, but written to the black box at most
once an hour: garbage without end must not flush out the evidence.
"""

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from emulator.firmware.credit import pay
from emulator.firmware.events import Channel, Document
from emulator.firmware.guarded import clock
from emulator.firmware.guarded.intake import Refused, admit_order, admit_time
from emulator.firmware.guarded.obey import obey
from protocols.documents.envelope import read_envelope
from protocols.documents.orders import TIME_TYPE, Kind, LimiterBody, OneWayTime, Order, TariffBody, body_of
from protocols.documents.roles import ROOT_TYPE, accept_root
from protocols.errors import DocumentError
from protocols.instants import HOUR_MS
from protocols.link.records import ClaimHeard, OrderJudged
from protocols.reasons import (
    ClaimSource,
    ClaimVerdict,
    ClockCause,
    CreditCause,
    Did,
    NoOrder,
    OrderVerdict,
    Refusal,
    SupplyReason,
)

if TYPE_CHECKING:
    from emulator.firmware.guarded.meter import GuardedMeter

_GARBAGE_NOTED_EVERY: Final = HOUR_MS


class Outcome(Struct, frozen=True, gc=False):
    """What the meter must look at: supply to give back, or a clock that has to be told of."""

    give_back: SupplyReason | None = None
    clock_cause: ClockCause | None = None
    card_accepted: bool = False


_NOTHING: Final = Outcome()


def receive(document: Document, meter: "GuardedMeter", at: int) -> Outcome:
    """Take in one envelope. Whatever it holds, the meter is whole afterwards."""
    try:
        payload_type = read_envelope(document.data).payload_type
    except DocumentError:
        return _refuse(Refused(Refusal.MALFORMED), meter, at)
    if payload_type == TIME_TYPE:
        return _receive_time(document, meter, at)
    if payload_type == ROOT_TYPE:
        return _receive_root(document, meter, at)
    return _receive_order(document, meter, at)


def _receive_order(document: Document, meter: "GuardedMeter", at: int) -> Outcome:
    memory = meter.memory
    admitted = admit_order(document.data, meter.root, meter.identity, memory, at)
    if isinstance(admitted, Refused):
        return _refuse(admitted, meter, at)
    credited_before_ueur = memory.totals.credited_ueur
    did = obey(admitted, memory, at)
    if isinstance(did, Refusal):
        return _refuse(Refused(did, admitted, signed=True), meter, at)
    meter.recorder.note(at, _judged(admitted, OrderVerdict.ACCEPTED, did))
    outcome = _follow_up(admitted, did, credited_before_ueur, meter, at)
    return replace(outcome, card_accepted=document.channel is Channel.CARD)


def _follow_up(
    admitted: Order, did: Did, credited_before_ueur: int, meter: "GuardedMeter", at: int
) -> Outcome:
    """What an obeyed order asks of purse and supply."""
    memory = meter.memory
    match did:
        case Did.RELEASED:
            return Outcome(SupplyReason.RELEASE)
        case Did.CREDITED:
            pay(memory.credit, memory.totals.credited_ueur - credited_before_ueur)
            meter.point.note_credit(CreditCause.TOP_UP, at)
            return Outcome(SupplyReason.TOP_UP)
        case Did.EMERGENCY:
            started = meter.point.begin_emergency(at)
            return Outcome(SupplyReason.EMERGENCY_CREDIT if started else None)
        case Did.TARIFF:
            tariff = body_of(admitted, TariffBody)
            memory.credit.price_ueur_per_kwh = tariff.price_ueur_per_kwh
            memory.credit.fixed_ueur_per_day = tariff.fixed_ueur_per_day
            meter.point.note_credit(CreditCause.TARIFF, at)
            return _NOTHING
        case _:
            return _after_storing(admitted)


def _after_storing(order: Order) -> Outcome:
    if order.kind is Kind.LIMITER and not body_of(order, LimiterBody).engaged:
        return Outcome(SupplyReason.LIMITER)
    return Outcome(clock_cause=ClockCause.REBASE) if order.kind is Kind.REBASE else _NOTHING


def _receive_time(document: Document, meter: "GuardedMeter", at: int) -> Outcome:
    admitted = admit_time(document.data, meter.root)
    if isinstance(admitted, Refused):
        return _refuse(admitted, meter, at)
    source, time = admitted
    state = meter.memory.clock
    offset_ms = time.time_ms - clock.estimate_ms(state, at)
    dispute = meter.identity.nonce("dispute", meter.memory.nonces)
    if isinstance(time, OneWayTime):
        found = clock.hear_one_way(state, source, time.number, time.time_ms, time.spread_ms, at, dispute)
    elif time.meter != meter.identity.id:
        found = ClaimVerdict.NOT_ADDRESSED
    else:
        found = clock.hear_fresh(state, source, time.nonce, time.time_ms, time.spread_ms, at, dispute)
    if found is ClaimVerdict.DISPUTED:
        meter.memory.nonces += 1
    meter.recorder.note(at, ClaimHeard(ClaimSource(source), found, offset_ms, time.time_ms))
    return Outcome(clock_cause=ClockCause.CRYSTAL_RATE) if found is ClaimVerdict.CRYSTAL_RATE else _NOTHING


def _receive_root(document: Document, meter: "GuardedMeter", at: int) -> Outcome:
    try:
        accepted = accept_root(document.data, meter.root)
    except DocumentError:
        return _refuse(Refused(Refusal.MALFORMED), meter, at)
    if isinstance(accepted, Refusal):
        return _refuse(Refused(accepted), meter, at)
    meter.root = meter.memory.root = accepted
    judged = OrderJudged("", NoOrder.ROOT, "root", accepted.version, OrderVerdict.ACCEPTED, Did.STORED)
    meter.recorder.note(at, judged)
    return _NOTHING


def _refuse(refused: Refused, meter: "GuardedMeter", at: int) -> Outcome:
    order = refused.order
    record = (
        OrderJudged("", NoOrder.UNREADABLE, "", 0, OrderVerdict.REFUSED, refused.refusal)
        if order is None
        else _judged(order, OrderVerdict.REFUSED, refused.refusal)
    )
    noted_at = meter.memory.garbage_noted_at
    if refused.signed or noted_at is None or at - noted_at >= _GARBAGE_NOTED_EVERY:
        if not refused.signed:
            meter.memory.garbage_noted_at = at
        meter.recorder.note(at, record)
    else:
        meter.recorder.tell(at, record)
    return _NOTHING


def _judged(order: Order, verdict: OrderVerdict, reason: Did | Refusal) -> OrderJudged:
    return OrderJudged(order.id, order.kind, order.object, order.rev, verdict, reason)
