"""Handles one document: read it, admit it, obey it, journal it; the outcome says what the supply must do.

A document without a known signer is refused, and the refusal is emitted each time; but it is journalled at
most once an hour, because garbage without end must not flush the evidence out of the black box.
"""

from dataclasses import dataclass
from typing import Final

from msgspec import UNSET, Struct
from msgspec.structs import replace

from emulator.firmware.events import Document, DocumentChannel
from emulator.firmware.guarded import clock, debts, own_keys, registers
from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.intake import RefusedDocument, admit_order, admit_time
from emulator.firmware.guarded.memory import Memory, OwnKeys
from emulator.firmware.guarded.numbers import known_number
from emulator.firmware.guarded.obey import obey
from emulator.firmware.guarded.paying import take_issuers
from emulator.firmware.recorder import Recorder
from emulator.firmware.service_point import ServicePoint
from emulator.firmware.ticks import Tick
from protocols.documents.bodies import KeysBody, LimiterBody, TariffBody
from protocols.documents.envelope import read_envelope
from protocols.documents.issuers import ISSUERS_TYPE, accept_issuers
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import TIME_TYPE, OneWayTime, Order, body_of
from protocols.documents.roles import ROOT_TYPE, Root, accept_root
from protocols.errors import DocumentError
from protocols.instants import HOUR_MS, UtcMs
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

_GARBAGE_NOTED_EVERY_MS: Final = HOUR_MS


@dataclass(frozen=True, slots=True)
class Parts:
    """What a document may touch of a meter. `root` is the one in force; a new one goes into the memory."""

    identity: Identity
    root: Root
    memory: Memory
    point: ServicePoint
    recorder: Recorder


class Outcome(Struct, frozen=True, gc=False):
    """What the meter must do next: give the supply back, or journal that the clock has changed.

    `judged`: the verdict on the document; None for a time, whose claim is no order.
    """

    give_back: SupplyReason | None = None
    clock_cause: ClockCause | None = None
    card_accepted: bool = False
    judged: OrderJudged | None = None


_NOTHING: Final = Outcome()
# Orders that have changed the credit once they are stored.
_MONEY: Final = {Kind.DEBT: CreditCause.DEBT, Kind.REFUND: CreditCause.REFUND}


def receive(document: Document, parts: Parts, at_tick: Tick) -> Outcome:
    """Handle one envelope. Whatever it holds, the meter's state is consistent afterwards."""
    try:
        payload_type = read_envelope(document.data).payload_type
    except DocumentError:
        return _refuse(RefusedDocument(Refusal.MALFORMED), parts, at_tick)
    if payload_type == TIME_TYPE:
        return _receive_time(document, parts, at_tick)
    if payload_type == ROOT_TYPE:
        return _receive_root(document, parts, at_tick)
    if payload_type == ISSUERS_TYPE:
        return _receive_issuers(document, parts, at_tick)
    return _receive_order(document, parts, at_tick)


def _receive_order(document: Document, parts: Parts, at_tick: Tick) -> Outcome:
    memory = parts.memory
    admitted = admit_order(document.data, parts.root, parts.identity, memory, at_tick)
    if isinstance(admitted, RefusedDocument):
        return _refuse(admitted, parts, at_tick)
    order, keys = admitted.order, _drawn_for(admitted.order, document, parts)
    if order.kind is Kind.KEYS and keys is None:
        return _refuse(RefusedDocument(Refusal.UNSUPPORTED, order, True), parts, at_tick)
    credited_before_ueur, did = memory.totals.credited_ueur, obey(admitted, memory, at_tick)
    if isinstance(did, Refusal):
        return _refuse(RefusedDocument(did, order, True, known_number(order, did, memory)), parts, at_tick)
    judged = _judged(order, OrderVerdict.ACCEPTED, did)
    if did is Did.KEYS:
        memory.keys = keys
    parts.recorder.journal(at_tick, judged)
    outcome = _follow_up(order, did, credited_before_ueur, parts, at_tick)
    return replace(outcome, card_accepted=document.channel is DocumentChannel.CARD, judged=judged)


def _drawn_for(order: Order, document: Document, parts: Parts) -> OwnKeys | None:
    if order.kind is not Kind.KEYS:
        return None
    return own_keys.made(parts.memory, parts.identity, body_of(order, KeysBody), document.drawn)


def _follow_up(admitted: Order, did: Did, credited_before_ueur: int, parts: Parts, at_tick: Tick) -> Outcome:
    """Apply an obeyed order to the purse; the outcome says what it asks of the supply."""
    memory = parts.memory
    match did:
        case Did.RELEASED:
            return Outcome(SupplyReason.RELEASE)
        case Did.CREDITED:
            debts.pay_in(memory, memory.totals.credited_ueur - credited_before_ueur, at_tick)
            parts.point.journal_credit(CreditCause.TOP_UP, at_tick)
            return Outcome(SupplyReason.TOP_UP)
        case Did.EMERGENCY:
            started = parts.point.begin_emergency(at_tick)
            return Outcome(SupplyReason.EMERGENCY_CREDIT if started else None)
        case Did.TARIFF:
            registers.begin(memory, body_of(admitted, TariffBody), at_tick)
            parts.point.journal_credit(CreditCause.TARIFF, at_tick)
            return _NOTHING
        case Did.STORED if admitted.kind in _MONEY:
            parts.point.journal_credit(_MONEY[admitted.kind], at_tick)
            # A debt that is lowered gives back what payments have brought beyond it.
            return Outcome(SupplyReason.TOP_UP)
        case _:
            return _after_storing(admitted)


def _after_storing(order: Order) -> Outcome:
    if order.kind is Kind.LIMITER and not body_of(order, LimiterBody).engaged:
        return Outcome(SupplyReason.LIMITER)
    return Outcome(clock_cause=ClockCause.REBASE) if order.kind is Kind.REBASE else _NOTHING


def _receive_time(document: Document, parts: Parts, at_tick: Tick) -> Outcome:
    admitted = admit_time(document.data, parts.root)
    if isinstance(admitted, RefusedDocument):
        return _refuse(admitted, parts, at_tick)
    source, time = admitted
    state, time_ms = parts.memory.clock, UtcMs(time.time_ms)
    offset_ms = time_ms - clock.estimate_ms(state, at_tick)
    dispute = parts.identity.nonce("dispute", parts.memory.nonces, parts.memory.epoch)
    if isinstance(time, OneWayTime):
        found = clock.hear_one_way(state, source, time.number, time_ms, time.spread_ms, at_tick, dispute)
    elif time.meter != parts.identity.id:
        found = ClaimVerdict.NOT_ADDRESSED
    else:
        found = clock.hear_fresh(state, source, time.nonce, time_ms, time.spread_ms, at_tick, dispute)
    if found is ClaimVerdict.DISPUTED:
        parts.memory.nonces += 1
    parts.recorder.journal(at_tick, ClaimHeard(ClaimSource(source), found, offset_ms, time_ms))
    return Outcome(clock_cause=ClockCause.CRYSTAL_RATE) if found is ClaimVerdict.CRYSTAL_RATE else _NOTHING


def _receive_root(document: Document, parts: Parts, at_tick: Tick) -> Outcome:
    try:
        accepted = accept_root(document.data, parts.root)
    except DocumentError:
        return _refuse(RefusedDocument(Refusal.MALFORMED), parts, at_tick)
    if isinstance(accepted, Refusal):
        return _refuse(RefusedDocument(accepted), parts, at_tick)
    parts.memory.root = accepted
    judged = OrderJudged("", NoOrder.ROOT, "root", accepted.version, OrderVerdict.ACCEPTED, Did.STORED)
    parts.recorder.journal(at_tick, judged)
    return Outcome(judged=judged)


def _receive_issuers(document: Document, parts: Parts, at_tick: Tick) -> Outcome:
    try:
        accepted = accept_issuers(document.data, parts.root, parts.memory.issuers)
    except DocumentError:
        return _refuse(RefusedDocument(Refusal.MALFORMED), parts, at_tick)
    if isinstance(accepted, Refusal):
        return _refuse(RefusedDocument(accepted), parts, at_tick)
    refusal = take_issuers(parts.memory, accepted, at_tick)
    if refusal is not None:
        return _refuse(RefusedDocument(refusal), parts, at_tick)
    judged = OrderJudged("", NoOrder.ISSUERS, "issuers", accepted.version, OrderVerdict.ACCEPTED, Did.STORED)
    parts.recorder.journal(at_tick, judged)
    return Outcome(judged=judged)


def _refuse(refused: RefusedDocument, parts: Parts, at_tick: Tick) -> Outcome:
    order = refused.order
    record = (
        OrderJudged("", NoOrder.UNREADABLE, "", 0, OrderVerdict.REFUSED, refused.refusal)
        if order is None
        else _judged(order, OrderVerdict.REFUSED, refused.refusal, refused.known_number)
    )
    noted_tick = parts.memory.garbage_noted_at
    if refused.signed or noted_tick is None or at_tick - noted_tick >= _GARBAGE_NOTED_EVERY_MS:
        if not refused.signed:
            parts.memory.garbage_noted_at = at_tick
        parts.recorder.journal(at_tick, record)
    else:
        parts.recorder.emit_record(at_tick, record)
    return Outcome(judged=record)


def _judged(
    order: Order, verdict: OrderVerdict, reason: Did | Refusal, number: int | None = None
) -> OrderJudged:
    known = UNSET if number is None else number
    return OrderJudged(order.id, order.kind, order.object, order.rev, verdict, reason, known)
