"""What is said to a kiosk: acknowledgements, limits, documents for cards, a root or issuers that it lacks.

Everything is said again until the kiosk's own status shows that it has it. A kiosk that is revoked hears
that, and nothing else.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from sqlmodel import Session

from cardreader.channel.keys import generation_key
from controller.database.kiosk_tables import KioskDocumentRow, KioskRow
from controller.exchange.sync_answer import RootSent
from controller.kiosks.documents import LETTER
from controller.kiosks.refunds import told_to
from controller.kiosks.rules import CardGenerations, fitting_documents, lacks_card_keys
from controller.kiosks.store import (
    StatedBy,
    documents_after,
    generations_in,
    last_place,
    limits_of,
    stated_in,
    statements_after,
)
from protocols.documents.envelope import WireEnvelope
from protocols.limits import (
    KIOSK_ACKS_MAX,
    KIOSK_DOCUMENTS_MAX,
    KIOSK_REFUNDS_MAX,
    KIOSK_STATEMENTS_MAX,
    KIOSK_WAITING_MAX,
    PAYLOAD_BYTES_MAX,
)
from protocols.link.keys import kiosk_key
from protocols.link.kiosk_words import (
    AROUND_BYTES,
    CardDocument,
    CardsKeySent,
    ItemAck,
    KioskOrders,
    KioskStatus,
    StatementTold,
    refunds_digest,
    wrap_cards_key,
    write_word,
)

# What a kiosk is sent at a time before it has said what it has taken.
_MESSAGES_MAX: Final = 8
_FIELDS_BYTES: Final = 256
_wire: msgspec.json.Decoder[WireEnvelope] = msgspec.json.Decoder(WireEnvelope)


def answers_to(
    session: Session,
    row: KioskRow,
    status: KioskStatus,
    acks: Sequence[ItemAck],
    fleet_key: bytes,
    root: RootSent,
    *,
    echo: bool,
) -> list[bytes]:
    """The messages to a kiosk, each for its topic of orders, in this sequence.

    `status`: what it last said of itself; `echo`: whether that has just come, so that the kiosk may count us
    as heard.
    """
    key = kiosk_key(fleet_key, row.id)
    limits = limits_of(row)
    # A revocation counts by any number, and the kiosk's status does not say whether it has heard it.
    says_limits = limits.version > status.limits or row.revoked_ms is not None
    envelope = _wire.decode(row.limits) if says_limits else None
    nonce = status.nonce if echo else ""
    if row.revoked_ms is not None:
        return [write_word(KioskOrders(kiosk=row.id, limits=envelope), key)] if envelope else []
    said = list(_papers(status, root))
    generations = generations_in(session)
    cards = _cards(generations, fleet_key, key) if lacks_card_keys(status, generations) else ()
    if echo or envelope is not None or cards:
        # A connection that has ended counts as heard of: a store that was put back begins above it.
        heard = row.sequence + (not row.online)
        first = KioskOrders(
            kiosk=row.id,
            echo=nonce,
            heard=heard,
            limits=envelope,
            cards=cards[-1] if cards else None,
            earlier=cards[:-1],
            ended=generations.ended,
            stored=row.stored,
        )
        said.append(write_word(first, key))
    for begin in range(0, len(acks), KIOSK_ACKS_MAX):
        few = tuple(acks[begin : begin + KIOSK_ACKS_MAX])
        said.append(write_word(KioskOrders(kiosk=row.id, acks=few), key))
    money = (*_refunds(session, row, status), *_statements(session, row, status)) if echo else ()
    said += [write_word(each, key) for each in (*money, *_documents(session, row, status.taken))]
    return said


def _refunds(session: Session, row: KioskRow, status: KioskStatus) -> Iterator[KioskOrders]:
    """All that is known of its refunds, unless the kiosk knows just that; to an older program nothing."""
    told = told_to(session, row) if status.refunds else []
    if told and refunds_digest(told) != status.refunds:
        for begin in range(0, len(told), KIOSK_REFUNDS_MAX):
            yield KioskOrders(kiosk=row.id, refunds=tuple(told[begin : begin + KIOSK_REFUNDS_MAX]))


def _statements(session: Session, row: KioskRow, status: KioskStatus) -> Iterator[KioskOrders]:
    """Its own statements, to a kiosk that knows of fewer, or of less, than have come: its store was put back.

    It says in its next status how far it has taken them, and gets the rest.
    """
    if not _has_forgotten(status, stated_in(session, row.id)):
        return
    after, last = status.statements, last_place(session, row.id)
    waiting = statements_after(session, row.id, after, _MESSAGES_MAX * KIOSK_STATEMENTS_MAX)
    told = [StatementTold(each.place, _wire.decode(each.envelope)) for each in waiting]
    for begin in range(0, len(told), KIOSK_STATEMENTS_MAX):
        few = tuple(told[begin : begin + KIOSK_STATEMENTS_MAX])
        yield KioskOrders(kiosk=row.id, statements=few, statements_after=after, statements_last=last)
        after = few[-1].place


def _has_forgotten(status: KioskStatus, stated: StatedBy) -> bool:
    return (
        status.issued_ueur < stated.total_ueur
        or status.issued_count < min(stated.statements, KIOSK_WAITING_MAX)
        or 0 < status.issued_numbers < stated.numbers
    )


def lacks(row: KioskRow, status: KioskStatus, generations: CardGenerations, root: RootSent) -> bool:
    """Whether the kiosk has not yet shown all that it was given."""
    issuers = 0 if root.issuers is None else root.issuers.issuers.version
    return (
        limits_of(row).version > status.limits
        or row.numbered > status.taken
        or lacks_card_keys(status, generations)
        or root.version > status.root
        or issuers > status.issuers
    )


def _papers(status: KioskStatus, root: RootSent) -> Iterator[bytes]:
    """Roots before issuers: under the new root they may need other signatures."""
    if 0 < status.root < root.version:
        yield from root.steps_from(status.root)
    if root.issuers is not None and status.issuers < root.issuers.issuers.version:
        yield root.issuers.envelope


def _cards(generations: CardGenerations, fleet_key: bytes, key: bytes) -> tuple[CardsKeySent, ...]:
    """The keys of all generations that a kiosk holds, the oldest first."""
    return tuple(wrap_cards_key(each, generation_key(fleet_key, each), key) for each in generations.held)


def _documents(session: Session, row: KioskRow, taken: int) -> Iterator[KioskOrders]:
    """What lies above `taken`, in as many messages as it needs; the rest when the kiosk has taken them."""
    waiting = documents_after(session, row.id, taken, _MESSAGES_MAX * KIOSK_DOCUMENTS_MAX)
    after, bytes_max = taken, PAYLOAD_BYTES_MAX - AROUND_BYTES
    for _ in range(_MESSAGES_MAX):
        count = fitting_documents(
            [len(each.envelope) + _FIELDS_BYTES for each in waiting], bytes_max, KIOSK_DOCUMENTS_MAX
        )
        if not count:
            return
        few, waiting = waiting[:count], waiting[count:]
        yield KioskOrders(kiosk=row.id, after=after, documents=tuple(map(_document, few)))
        after = few[-1].number


def _document(row: KioskDocumentRow) -> CardDocument:
    """A document as it travels. One that fits into no message is said to be gone: cards hold no such one."""
    is_letter = row.object.startswith(LETTER)
    fits = row.digest and len(row.envelope) + _FIELDS_BYTES <= PAYLOAD_BYTES_MAX - AROUND_BYTES
    return CardDocument(
        meter=row.meter,
        object=row.object,
        number=row.number,
        envelope=_wire.decode(row.envelope) if fits and not is_letter else None,
        letter=row.envelope.hex() if fits and is_letter else "",
    )
