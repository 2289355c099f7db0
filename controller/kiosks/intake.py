"""Takes in what kiosks say: how they stand, payments, receipts, and what cards brought (docs/kiosk.md).

The kiosk's MAC says that it has sent a word. A payment counts by the signature of the kiosk's issuer key, in
the epoch in force and within the kiosk's limits; what a meter says counts by the meter's own MAC. What cannot
be believed is kept apart where it is a signed statement, for people and for the meter's own word, and else
refused and counted. Each is idempotent, whatever comes late, doubled, or from a kiosk that was restored.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlmodel import Session, select

from controller.database.kiosk_tables import CardMeterRow, KioskReceiptRow, KioskRow, KioskStatementRow
from controller.exchange.card_words import hear_card, take_card
from controller.exchange.key_book import KeyBook
from controller.exchange.purses import PursesHeard
from controller.exchange.sync_answer import RootSent
from controller.exchange.words import IntakeRefusal
from controller.kiosks.refunds import note_deed
from controller.kiosks.rules import StatementStanding, is_newer, standing_of, stored_up_to
from controller.kiosks.store import limits_of, next_place
from controller.kiosks.voids import settle_voids
from controller.meters.registry import known_meters
from controller.office.audit import SERVICE, AuditAct, record
from controller.payments.store import book_issued
from protocols.documents.bodies import PaymentBody
from protocols.documents.envelope import read_envelope, valid_keyids
from protocols.documents.issuers import Issuer
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, body_of, read_order
from protocols.documents.statements import Statement
from protocols.documents.till_receipts import TillDeed, open_till_receipt
from protocols.errors import DocumentError
from protocols.instants import DAY_MS
from protocols.link.carriage import Arrival
from protocols.link.kiosk_words import (
    ItemAck,
    KioskItem,
    KioskStatus,
    item_digest,
    read_card_heard,
    read_word_of_fleet,
)
from protocols.link.proofs import Proof
from protocols.link.topics import Channel

# JSON writes NUL as this escape only; PostgreSQL stores none.
_NUL: Final = b"\\u0000"
_encoder = msgspec.json.Encoder()
_REFUSALS: Final = {
    Proof.FORGED: IntakeRefusal.NOT_AUTHENTIC,
    Proof.UNVERIFIED: IntakeRefusal.UNVERIFIED,
}
KioskSaid = KioskStatus | KioskItem


class KioskTaken(Struct):
    """What a batch came to. `acks`: what each kiosk may forget; `greeted`: kiosks with a status to answer."""

    acks: dict[str, list[ItemAck]] = {}
    greeted: dict[str, KioskStatus] = {}
    touched: set[str] = set()
    refused: Counter[IntakeRefusal] = Counter()


def hear_kiosk(arrival: Arrival, fleet_key: bytes) -> KioskSaid | IntakeRefusal:
    """An authentic word of a kiosk, or why it is none. Pure."""
    place = arrival.place
    if _NUL in arrival.payload:
        return IntakeRefusal.MALFORMED
    kind: type[KioskSaid] = KioskStatus if place.channel is Channel.KIOSK_STATUS else KioskItem
    try:
        said = read_word_of_fleet(arrival.payload, kind, place.kiosk, fleet_key)
    except DocumentError:
        return IntakeRefusal.MALFORMED
    return _REFUSALS[said] if isinstance(said, Proof) else said


def take_kiosk_words(
    session: Session,
    words: Sequence[tuple[Channel, KioskSaid]],
    book: KeyBook,
    root: RootSent,
    now_ms: int,
    purses: PursesHeard,
) -> KioskTaken:
    """Take in a batch of authentic words, in the caller's transaction."""
    taken = KioskTaken(refused=Counter())
    for channel, said in words:
        row = session.get(KioskRow, said.kiosk)
        if row is None or row.revoked_ms is not None:
            taken.refused[IntakeRefusal.NOT_ADMITTED] += 1
            if row is not None and isinstance(said, KioskStatus) and said.online:
                taken.greeted[row.id] = said  # it hears that it is revoked, and nothing else
        elif isinstance(said, KioskStatus):
            _take_status(session, row, said, now_ms, taken)
        elif channel is Channel.KIOSK_STATEMENTS:
            _acknowledge(taken, said, _take_statement(session, row, bytes(said.body), root, now_ms))
        else:
            refused = _take_receipt(session, row, said, book, root, now_ms, purses)
            taken.touched.add(row.id)
            taken.refused += refused
            _acknowledge(taken, said, None)
    for name, acks in taken.acks.items():
        row = session.get_one(KioskRow, name)
        row.stored = stored_up_to(row.stored, {each.number for each in acks})
        session.add(row)
    return taken


def book_proved(session: Session, meters: Sequence[str], now_ms: int) -> int:
    """Book statements that waited for a meter's own word: it has spoken, or it has credited them."""
    booked = 0
    for meter in meters:
        query = select(KioskStatementRow).where(
            KioskStatementRow.meter == meter, KioskStatementRow.standing != StatementStanding.BOOKED
        )
        waiting = session.exec(query).all()
        if not waiting:
            continue
        card = session.get(CardMeterRow, meter)
        credited = {} if card is None else credited_ueur(card)
        for row in waiting:
            held_ueur = credited.get((row.issuer, row.epoch), 0)
            if row.standing == StatementStanding.UNKNOWN_METER or row.total_ueur <= held_ueur:
                booked += _book(session, row, now_ms)
    return booked


class _Totals(Struct):
    issuer: str
    total_ueur: int
    epoch: int = 0


class _StateTotals(Struct):
    totals: tuple[_Totals, ...] = ()


_totals: msgspec.json.Decoder[_StateTotals] = msgspec.json.Decoder(_StateTotals)


def credited_ueur(row: CardMeterRow) -> dict[tuple[str, int], int]:
    """What a meter has said on its card that it has credited, by issuer and epoch."""
    return {(each.issuer, each.epoch): each.total_ueur for each in _totals.decode(row.state).totals}


def _acknowledge(taken: KioskTaken, item: KioskItem, refusal: IntakeRefusal | None) -> None:
    """What is refused is acknowledged too: it would be refused again for ever, and fill the kiosk's queue."""
    if refusal is not None:
        taken.refused[refusal] += 1
    ack = ItemAck(item.number, item_digest(bytes(item.body)))
    taken.acks.setdefault(item.kiosk, []).append(ack)


def _take_status(session: Session, row: KioskRow, said: KioskStatus, now_ms: int, taken: KioskTaken) -> None:
    if not is_newer(said, row.sequence, row.count, online=bool(row.online)):
        # A kiosk whose store was put back to an earlier copy counts from there: it hears where we stand.
        if said.online and (said.sequence < row.sequence or not row.online):
            taken.greeted[row.id] = said
        return
    row.online, row.sequence, row.count = int(said.online), said.sequence, said.count
    if said.online:
        row.status, row.heard_ms = _encoder.encode(said).decode(), now_ms
        # A controller that was restored numbers on above what the kiosk has taken.
        row.numbered = max(row.numbered, said.taken)
        taken.greeted[row.id] = said
    session.add(row)


def _take_statement(
    session: Session, kiosk: KioskRow, envelope: bytes, root: RootSent, now_ms: int
) -> IntakeRefusal | None:
    found = _signed_by(envelope, kiosk)
    if isinstance(found, IntakeRefusal):
        return found
    meter, stated = found
    key = (meter, stated.issuer, stated.epoch, stated.total_ueur)
    before = session.get(KioskStatementRow, key)
    if before is not None:
        _state_again(session, kiosk, before, stated.number, envelope)
        settle_voids(session, kiosk, meter, now_ms)
        return None
    query = select(KioskStatementRow).where(
        KioskStatementRow.meter == meter,
        KioskStatementRow.issuer == stated.issuer,
        KioskStatementRow.epoch == stated.epoch,
    )
    rows = session.exec(query).all()
    known = [Statement(row.issuer, row.number, row.total_ueur, row.epoch) for row in rows]
    earlier = (row.total_ueur for row in rows if row.received_ms <= now_ms - DAY_MS)
    issuer = _issuer(root, kiosk)
    standing = standing_of(
        stated,
        known,
        limits_of(kiosk),
        None if issuer is None else issuer.epoch,
        before_ueur=max(earlier, default=0),
        heard=bool(known_meters(session, [meter])),
    )
    row = KioskStatementRow(
        meter=meter,
        issuer=stated.issuer,
        epoch=stated.epoch,
        total_ueur=stated.total_ueur,
        number=stated.number,
        kiosk=kiosk.id,
        envelope=envelope,
        standing=standing,
        received_ms=now_ms,
    )
    session.add(row)
    session.flush()
    if standing is StatementStanding.BOOKED:
        _book(session, row, now_ms)
    elif standing is not StatementStanding.UNKNOWN_METER:
        act = AuditAct.DOUBT_PAYMENT
        record(
            session, now_ms, SERVICE, act, meter, kiosk=kiosk.id, total_ueur=stated.total_ueur, why=standing
        )
    book_proved(session, [meter] if known_meters(session, [meter]) else [], now_ms)
    return None


def _state_again(
    session: Session, kiosk: KioskRow, row: KioskStatementRow, number: int, envelope: bytes
) -> None:
    """A later statement of the same total: a void has taken the kiosk back to it. So it is the last one."""
    if number <= row.number:
        return
    row.number, row.envelope = number, envelope
    if row.place:
        row.place = next_place(session, kiosk)
    session.add(row)
    session.flush()


def _book(session: Session, row: KioskStatementRow, now_ms: int) -> bool:
    kiosk = session.get_one(KioskRow, row.kiosk)
    if not row.place:
        row.place = next_place(session, kiosk)
    row.standing = StatementStanding.BOOKED
    session.add(row)
    session.flush()
    stated = Statement(row.issuer, row.number, row.total_ueur, row.epoch)
    is_new = book_issued(session, row.meter, stated, f"kiosk/{row.kiosk}", now_ms)
    settle_voids(session, kiosk, row.meter, now_ms)
    return is_new


def _signed_by(envelope: bytes, kiosk: KioskRow) -> tuple[str, Statement] | IntakeRefusal:
    """The meter and the statement in an envelope that the kiosk's own key has signed."""
    try:
        sealed = read_envelope(envelope)
        public = bytes.fromhex(kiosk.public)
        issuer = Issuer(name=kiosk.office, epoch=1, public=kiosk.public, allowance_ueur_per_day=1)
        if sealed.payload_type != ORDER_TYPE or not valid_keyids(sealed, {issuer.keyid: public}):
            return IntakeRefusal.NOT_AUTHENTIC
        order = read_order(sealed.payload)
    except DocumentError:
        return IntakeRefusal.MALFORMED
    if order.kind is not Kind.PAYMENT or len(order.scope.meters) != 1:
        return IntakeRefusal.NOT_EXPECTED
    body = body_of(order, PaymentBody)
    if body.issuer != kiosk.office:
        return IntakeRefusal.NOT_EXPECTED
    return order.scope.meters[0], Statement(body.issuer, body.number, body.total_ueur, body.epoch)


def _issuer(root: RootSent, kiosk: KioskRow) -> Issuer | None:
    """The kiosk's issuer in force; None where nobody has signed it yet, or it is closed."""
    found = None if root.issuers is None else root.issuers.issuers.of(kiosk.office)
    return found if found is not None and found.public == kiosk.public else None


def _take_receipt(
    session: Session,
    kiosk: KioskRow,
    item: KioskItem,
    book: KeyBook,
    root: RootSent,
    now_ms: int,
    purses: PursesHeard,
) -> Counter[IntakeRefusal]:
    body = bytes(item.body)
    try:
        heard = read_card_heard(body)
    except DocumentError:
        return _keep_receipt(session, kiosk, item, body, now_ms)
    words = hear_card(heard, book)
    if isinstance(words, IntakeRefusal):
        return Counter([words])
    refused = take_card(session, words, kiosk.id, root, now_ms, purses)
    book_proved(session, [words.meter] if known_meters(session, [words.meter]) else [], now_ms)
    return refused


def _keep_receipt(
    session: Session, kiosk: KioskRow, item: KioskItem, body: bytes, now_ms: int
) -> Counter[IntakeRefusal]:
    """A receipt that the kiosk's key has signed is kept, once, and what it says of a refund counts."""
    issuer = Issuer(name=kiosk.office, epoch=1, public=kiosk.public, allowance_ueur_per_day=1)
    try:
        sealed = read_envelope(body)
        if not valid_keyids(sealed, {issuer.keyid: bytes.fromhex(kiosk.public)}):
            return Counter([IntakeRefusal.NOT_AUTHENTIC])
        receipt = open_till_receipt(body, issuer)
    except DocumentError:
        return Counter([IntakeRefusal.MALFORMED])
    if receipt.kiosk != kiosk.id:
        return Counter([IntakeRefusal.NOT_EXPECTED])
    digest = item_digest(body)
    if session.get(KioskReceiptRow, (kiosk.id, digest)) is not None:
        return Counter()
    session.add(
        KioskReceiptRow(
            kiosk=kiosk.id,
            digest=digest,
            number=item.number,
            at_ms=item.at_ms,
            received_ms=now_ms,
            envelope=body,
            meter=receipt.meter,
            deed=receipt.deed,
            payment=receipt.payment,
            amount_ueur=receipt.amount_ueur,
        )
    )
    session.flush()
    if receipt.deed is TillDeed.VOIDED:
        settle_voids(session, kiosk, receipt.meter, now_ms)
    return Counter() if note_deed(session, receipt, now_ms) else Counter([IntakeRefusal.NO_ROOM])
