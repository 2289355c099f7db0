"""Which signed documents go onto a card, into which slot, and which do not fit.

Two documents are *the same thing* where only one of them counts at the meter: statements of one issuer,
leases, revisions of one calendar. They take one slot, and the one that counts more stays: a higher total, a
later revision. All protection that joins takes a slot for each document, and so does each root of a chain: a
meter that has slept needs them all, one after another. What is on the card and not wanted any more stays
until its slot is needed: the meter knows it already.

The caller names the documents in the order of their importance (`by_importance`): what does not fit is left
out from the end, and named with its reason. Only a root takes the slot of what is wanted and less important,
since a meter believes nothing newer without it; the office sends that again. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum, unique
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from cardreader.card.store import PAGE_BYTES
from cardreader.files.layout import ANSWERS, LEASE, LOG, ORDERS, PARAMETERS, STATEMENTS, CardFile
from cardreader.files.visits import Visit
from cardreader.host.session import HostSession
from cardreader.iso7816 import instructions as iso
from cardreader.loading.room import LOG_PAGES, pages
from protocols.documents.bodies import PaymentBody
from protocols.documents.envelope import read_envelope
from protocols.documents.issuers import ISSUERS_TYPE, read_issuers
from protocols.documents.kind_rule import Joins, Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE, TIME_TYPE, Order, body_of, read_order
from protocols.documents.roles import ROOT_TYPE, read_root
from protocols.errors import DocumentError

_PARAMETER_KINDS: Final = frozenset({Kind.CUT_CALENDAR, Kind.TARIFF})
_DOCUMENTS_REMEMBERED: Final = 64
_ISSUERS: Final = "issuers"


@unique
class WhyLeftOut(StrEnum):
    """Why a document does not go onto the card.

    `unreadable`: it is no signed document that a meter takes. `too_large`: larger than any slot for its kind.
    `no_slot`: all slots for its kind hold what is wanted too. `no_room`: the card is full.
    """

    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    NO_SLOT = "no_slot"
    NO_ROOM = "no_room"


class LeftOut(NamedTuple):
    """A document that does not go onto the card, and why."""

    document: bytes
    why: WhyLeftOut


class LoadPlan(NamedTuple):
    """What is to be written, by slot; what stays as it is; and what is left out."""

    writes: Mapping[CardFile, bytes]
    kept: tuple[bytes, ...]
    left_out: tuple[LeftOut, ...]


class Cargo(NamedTuple):
    """How a document is carried: in one of `slots`. Of one name (`same`) the highest `counts`.

    `root`: the version of a root; 0: it is none.
    """

    slots: tuple[CardFile, ...]
    same: str
    counts: tuple[int, int]
    root: int = 0


def by_importance(documents: Sequence[bytes]) -> list[bytes]:
    """Documents as `plan_load` wants them: money and protection, then whom to believe, then what permits.

    Roots come in their sequence, since a meter takes one only after those before it: of a chain that does not
    fit the beginning is carried, and the next visit brings the rest.
    """
    return sorted(documents, key=_importance)


def _importance(document: bytes) -> tuple[int, int]:
    cargo = cargo_or_none(document)
    if cargo is None:
        return 3, 0
    if cargo.root:
        return 1, cargo.root
    if cargo.same == _ISSUERS:
        return 2, 0
    return (3 if cargo.slots in (PARAMETERS, (LEASE,)) else 0), 0


def plan_load(
    wanted: Sequence[bytes],
    held: Mapping[CardFile, bytes],
    free_bytes: int,
    is_genuine: Callable[[bytes], bool],
) -> LoadPlan:
    """The plan for a card that holds these documents and has so much room.

    `wanted`: the most important first. `is_genuine` says of a document on the card whether its signatures are
    right; one that is not gives way, however high it says that it counts. Garbage on the card is no error.
    """
    ranks = dict[str | None, int]()
    for rank, each in enumerate(wanted):
        if (named := cargo_or_none(each)) is not None:
            ranks.setdefault(named.same, rank)
    slots, kept, left_out = dict(held), list[bytes](), list[LeftOut]()
    writes, free = dict[CardFile, bytes](), free_bytes // PAGE_BYTES - LOG_PAGES
    for document in wanted:
        cargo = cargo_or_none(document)
        if cargo is None:
            left_out.append(LeftOut(document, WhyLeftOut.UNREADABLE))
        elif len(document) > cargo.slots[0].bytes_max:
            left_out.append(LeftOut(document, WhyLeftOut.TOO_LARGE))
        elif (slot := _slot_for(cargo, slots, ranks)) is None:
            left_out.append(LeftOut(document, WhyLeftOut.NO_SLOT))
        elif _stays(slots.get(slot), document, cargo, is_genuine):
            kept.append(slots[slot])
        elif (needed := pages(document)) - pages(writes.get(slot, b"")) > free:
            left_out.append(LeftOut(document, WhyLeftOut.NO_ROOM))
        else:
            free -= needed - pages(writes.get(slot, b""))
            slots[slot] = writes[slot] = document
    return LoadPlan(writes, tuple(kept), tuple(left_out))


def load(
    session: HostSession,
    held: Mapping[CardFile, bytes],
    wanted: Sequence[bytes],
    visit: Visit,
    is_genuine: Callable[[bytes], bool],
) -> LoadPlan:
    """Puts documents onto a card, all of them at once; the log tells of it. `held`: as it was just read."""
    free_bytes = int.from_bytes(session.ask(iso.DATA_FREE_BYTES))
    plan = plan_load(wanted, held, free_bytes, is_genuine)
    if plan.writes:
        for slot, document in plan.writes.items():
            session.write(slot, document)
        session.append(LOG, visit.encode())
        session.commit()
    return plan


@lru_cache(maxsize=_DOCUMENTS_REMEMBERED)
def cargo_of(document: bytes) -> Cargo:
    """How a document is cargo. Raises DocumentError for what no card carries."""
    envelope = read_envelope(document)
    match envelope.payload_type:
        case str(each) if each == ORDER_TYPE:
            return _cargo_of_order(read_order(envelope.payload), envelope.payload)
        case str(each) if each == TIME_TYPE:
            # One of each authority: whose keys have signed. A new answer replaces the one before.
            keyids = ",".join(sorted(signature.keyid for signature in envelope.signatures))
            return Cargo(ANSWERS, f"time/{keyids}", (0, 0))
        case str(each) if each == ISSUERS_TYPE:
            return Cargo(PARAMETERS, _ISSUERS, (read_issuers(envelope.payload).version, 0))
        case str(each) if each == ROOT_TYPE:
            version = read_root(envelope.payload).version
            return Cargo(PARAMETERS, f"root/{version}", (0, 0), version)
        case other:
            raise DocumentError(f"envelope: payloadType {other!r}: no card carries it")


def _cargo_of_order(order: Order, payload: bytes) -> Cargo:
    if order.kind is Kind.PAYMENT:
        payment = body_of(order, PaymentBody)
        return Cargo(STATEMENTS, f"issuer/{payment.issuer}", (payment.epoch, payment.total_ueur))
    if order.kind is Kind.LEASE:
        return Cargo((LEASE,), "lease", (order.rev, 0))
    slots = PARAMETERS if order.kind in _PARAMETER_KINDS else ORDERS
    if KINDS[order.kind].joins is Joins.LATEST:
        return Cargo(slots, order.object, (order.rev, 0))
    return Cargo(slots, sha256(payload).hexdigest(), (0, 0))


def cargo_or_none(document: bytes) -> Cargo | None:
    """As `cargo_of`; None for what no card carries."""
    try:
        return cargo_of(document)
    except DocumentError:
        return None


def _slot_for(
    cargo: Cargo, slots: Mapping[CardFile, bytes], ranks: Mapping[str | None, int]
) -> CardFile | None:
    """The slot of the same thing, else an empty one, else one whose document nobody wants any more.

    For a root also that of the least important document which is less important than it.
    """
    named = {slot: _name_in(slots.get(slot)) for slot in cargo.slots}
    of_it = [slot for slot, name in named.items() if name == cargo.same]
    empty = [slot for slot in cargo.slots if slot not in slots]
    unwanted = [slot for slot, name in named.items() if name not in ranks]
    less = [slot for slot, name in named.items() if ranks.get(name, 0) > ranks[cargo.same] and cargo.root]
    less.sort(key=lambda slot: ranks[named[slot]], reverse=True)
    return next(iter((*of_it, *empty, *unwanted, *less)), None)


def _name_in(document: bytes | None) -> str | None:
    cargo = None if document is None else cargo_or_none(document)
    return None if cargo is None else cargo.same


def _stays(found: bytes | None, document: bytes, cargo: Cargo, is_genuine: Callable[[bytes], bool]) -> bool:
    """Whether what lies in the slot is this document, or one that counts more than it."""
    held = None if found is None else cargo_or_none(found)
    if found is None or held is None or held.same != cargo.same:
        return False
    return found == document or (held.counts > cargo.counts and is_genuine(found))
