"""Admits documents: checks signers, addressee, dates and number (design §5).

Duty: turn envelope bytes into an order that this meter accepts, or a refusal; nothing here changes
the meter. Protection is admitted if it may not have ended, also before it begins; harm only if it
is valid at every instant and the clock is trusted. A lease is admitted like protection, since the gate
judges its end again. Of a rebase no date is judged, not even the root's: its nonce is its limit.
What a voided key has signed for protection counts as not signed, under whatever root (`voiding.counting`).
"""

from collections.abc import Collection
from dataclasses import replace

from msgspec import Struct

from emulator.firmware.guarded.clock import earliest_ms, latest_ms
from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.ticks import Tick
from protocols.documents.bodies import PaymentBody
from protocols.documents.issuers import Issuers, has_issued
from protocols.documents.kind_rule import Dates, Kind, Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import (
    ORDER_TYPE,
    TIME_TYPE,
    Order,
    SignedTime,
    body_of,
    good_until_ms,
    numbering_key,
    read_order,
    read_time,
)
from protocols.documents.roles import Root, Signed, SignedBy, meets, open_signed, root_allows, time_source
from protocols.documents.voiding import counting
from protocols.errors import DocumentError
from protocols.instants import UtcMs
from protocols.reasons import ClockStatus, Refusal, Source


class RefusedDocument(Struct, frozen=True, gc=False):
    """A document that changes nothing. `order`: None if unreadable; `signed`: by a known key.

    `known_number`: where a higher number would be taken, what the meter holds (`numbers`); None for the rest.
    """

    refusal: Refusal
    order: Order | None = None
    signed: bool = False
    known_number: int | None = None


class Admitted(Struct, frozen=True, gc=False):
    """An order that is good now.

    `signers`: whose room it takes, by name; none of a statement that an issuer has signed. `root`: what
    admitted it. `countersigned`: an issuer's statement that enough people for harm have signed too.
    """

    order: Order
    signers: tuple[SignedBy, ...]
    root: Root
    countersigned: bool = False

    @property
    def holder(self) -> str:
        """Who signed it; of several the first by name, and of none nobody: an empty name."""
        return self.signers[0].holder if self.signers else ""


def admit_order(
    data: bytes, root: Root, identity: Identity, memory: Memory, tick: Tick
) -> Admitted | RefusedDocument:
    """An order that was signed by enough people, is meant for this meter, and is good now."""
    try:
        signed = open_signed(data, root, ORDER_TYPE)
        order = read_order(signed.payload)
    except DocumentError:
        return RefusedDocument(Refusal.MALFORMED)
    role = KINDS[order.kind].role
    issuers = memory.issuers if order.kind is Kind.PAYMENT else None
    if issuers is None:
        known = bool(signed.keyids)
        if memory.voided:
            signed = replace(signed, keyids=counting(order, signed.keyids, memory.voided))
        refusal = _refusal_by_signers(order, signed)
    else:
        known, refusal = _judged_by_issuer(data, order, signed, issuers)
    if refusal is not None:
        return RefusedDocument(refusal, order, known)
    if not is_addressed(order, identity, memory):
        return RefusedDocument(Refusal.NOT_ADDRESSED, order, known)
    low_ms, high_ms = earliest_ms(memory.clock, tick), latest_ms(memory.clock, tick)
    # A rebase is limited by the dispute's nonce alone: the clock that would judge dates is the one disputed.
    has_dates = KINDS[order.kind].dates is not Dates.NONE
    # A doubted clock refuses harm for its own reason below; a lease is only judged by what is certain.
    if has_dates and not root_allows(root, role, low_ms if high_ms is None else high_ms):
        return RefusedDocument(Refusal.EXPIRED, order, known)
    refusal = _refusal_by_time(order, memory.clock.status, low_ms, high_ms)
    if refusal is not None:
        return RefusedDocument(refusal, order, known)
    if issuers is not None:
        # No key of an issuer counts as a person's, not even where a root names it later.
        people = replace(signed, keyids=signed.keyids - {each.keyid for each in issuers.issuers})
        return Admitted(order, (), root, meets(people, root, Role.HARM))
    return Admitted(order, signed.signers(role), root)


def is_addressed(order: Order, identity: Identity, memory: Memory) -> bool:
    """Whether the scope means this meter.

    A protective order for a group applies to everyone it reaches: a meter that does not know the group
    cannot tell whether it should. Money is addressed to exactly one meter.
    """
    scope = order.scope
    if KINDS[order.kind].one_meter:
        return scope.meters == (identity.id,)
    if scope.group:
        return KINDS[order.kind].role is Role.PROTECT or scope.group in _groups(identity, memory)
    return scope.fleet or identity.id in scope.meters


def _groups(identity: Identity, memory: Memory) -> Collection[str]:
    """The groups of the parameters in force, or where they name none those of the commissioning."""
    held = memory.parameters
    return identity.groups if held is None or held.groups is None else held.groups


def admit_time(data: bytes, root: Root) -> tuple[Source, SignedTime] | RefusedDocument:
    """A time signed by exactly one authority."""
    try:
        signed = open_signed(data, root, TIME_TYPE)
        time = read_time(signed.payload)
    except DocumentError:
        return RefusedDocument(Refusal.MALFORMED)
    source = time_source(signed, root)
    if source is None:
        return RefusedDocument(Refusal.TOO_FEW_SIGNERS)
    return source, time


def _refusal_by_signers(order: Order, signed: Signed) -> Refusal | None:
    enough = meets(signed, signed.root, KINDS[order.kind].role) and _is_signed_by_its_key(order, signed)
    return None if enough else Refusal.TOO_FEW_SIGNERS


def _judged_by_issuer(
    data: bytes, order: Order, signed: Signed, issuers: Issuers
) -> tuple[bool, Refusal | None]:
    """Whether a known key signed a statement, and why it is none of an issuer and epoch in force."""
    body = body_of(order, PaymentBody)
    issuer = issuers.of(body.issuer)
    if issuer is None:
        return bool(signed.keyids), Refusal.UNKNOWN_ISSUER
    issued = has_issued(data, issuer)
    refusal = None if issued else Refusal.TOO_FEW_SIGNERS
    if body.epoch != issuer.epoch:
        refusal = Refusal.STALE_EPOCH if body.epoch < issuer.epoch else Refusal.UNKNOWN_ISSUER
    return issued or bool(signed.keyids), refusal


def _is_signed_by_its_key(order: Order, signed: Signed) -> bool:
    """Whether the key that numbers a release has signed it, and may: nobody uses up the numbers of others."""
    keyid = numbering_key(order)
    if keyid is None:
        return True
    listed = signed.root.roles.get(KINDS[order.kind].role)
    return keyid in signed.keyids and listed is not None and keyid in listed.keyids


def _refusal_by_time(
    order: Order, status: ClockStatus, low_ms: UtcMs, high_ms: UtcMs | None
) -> Refusal | None:
    rule = KINDS[order.kind]
    if rule.life_ms_max is not None and order.not_after_ms - order.issued_at_ms > rule.life_ms_max:
        return Refusal.LEASE_TOO_LONG
    if rule.dates is Dates.NONE or numbering_key(order) is not None:
        return None
    if rule.role is Role.PROTECT:
        # Protection for a moment that has not come is stored, not refused.
        return Refusal.EXPIRED if low_ms >= good_until_ms(order) else None
    if rule.dates is Dates.SOME_INSTANT:
        return _refusal_at_some_instant(order, low_ms, high_ms)
    if status is not ClockStatus.TRUSTED or high_ms is None:
        return Refusal.CLOCK_NOT_TRUSTED
    if high_ms >= order.not_after_ms:
        return Refusal.EXPIRED
    if rule.dates is Dates.EVERY_INSTANT and low_ms < order.not_before_ms:
        return Refusal.NOT_YET
    return None


def _refusal_at_some_instant(order: Order, low_ms: UtcMs, high_ms: UtcMs | None) -> Refusal | None:
    if low_ms >= order.not_after_ms:
        return Refusal.EXPIRED
    if high_ms is not None and high_ms < order.not_before_ms:
        return Refusal.NOT_YET
    return None
