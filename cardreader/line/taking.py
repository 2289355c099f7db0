"""What comes down to a kiosk, into its store and home. Each step is checked, and may be repeated.

The kiosk's own MAC says that the controller has sent it. Limits, root and issuers are signed besides, and
only rise; whether a document is true the meter decides. An item is forgotten only where the acknowledgement
names its number *and* its digest: a store that was put back to an earlier copy gives numbers twice.
"""

import logging

import msgspec
from sqlmodel import Session

from cardreader.kiosk.home import (
    ISSUERS_FILE,
    LIMITS_FILE,
    ROOT_FILE,
    CardsKey,
    KioskHome,
    cards_key_of,
    replace_cards_key,
    replace_in_home,
)
from cardreader.kiosk.line_marks import SEQUENCE, TAKEN
from cardreader.kiosk.store import (
    acknowledge,
    answer_name,
    asks_named,
    drop_document,
    keep_document,
    mark_sent,
    note_mark,
    noted_mark,
)
from cardreader.kiosk.tables import OutgoingRow
from protocols.documents.envelope import WireEnvelope, read_envelope
from protocols.documents.issuers import ISSUERS_TYPE, Issuers, accept_issuers
from protocols.documents.kiosk_limits import KioskLimits, accept_limits, read_limits
from protocols.documents.orders import TIME_TYPE, TimeAnswer, read_time
from protocols.documents.roles import ROOT_TYPE, Root, accept_root, open_signed, time_source
from protocols.errors import DocumentError
from protocols.link.kiosk_words import CardDocument, KioskOrders, item_digest, unwrap_cards_key
from protocols.reasons import Refusal

logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()


def limits_held(home: KioskHome) -> KioskLimits | None:
    """The limits that the kiosk obeys. Raises DocumentError for a damaged file."""
    return read_limits(read_envelope(home.limits).payload) if home.limits else None


def root_held(home: KioskHome) -> Root:
    """The root in force at the kiosk. Raises DocumentError in practice, where there is none."""
    root = home.known_root()
    if root is None:
        raise DocumentError("root: this home has none")
    return root


def take_paper(home: KioskHome, envelope: bytes) -> KioskHome:
    """Take a root or an issuers document where it is newer. Raises DocumentError, InputError."""
    kind = read_envelope(envelope).payload_type
    root = root_held(home)
    if kind == ROOT_TYPE:
        found = accept_root(envelope, root)
        return _replaced(home, ROOT_FILE, envelope, found)
    if kind != ISSUERS_TYPE:
        raise DocumentError(f"envelope: {kind!r}; a kiosk takes a root or issuers")
    issuers = accept_issuers(envelope, root, home.known_issuers())
    return _replaced(home, ISSUERS_FILE, envelope, issuers)


def take_home_part(home: KioskHome, orders: KioskOrders) -> KioskHome:
    """Take limits and card keys where they are newer. Raises DocumentError, InputError."""
    if orders.limits is not None:
        envelope = _encoder.encode(orders.limits)
        found = accept_limits(envelope, root_held(home), home.form.kiosk, limits_held(home))
        home = _replaced(home, LIMITS_FILE, envelope, found)
    cards = _cards_key(home, orders)
    return home if cards == home.cards else replace_cards_key(home, cards)


def _cards_key(home: KioskHome, orders: KioskOrders) -> CardsKey:
    """The card keys that the kiosk holds from now on. What has ended never comes back by an older word."""
    held = {each.generation: each.secret for each in home.cards.all}
    if orders.cards is None or orders.cards.generation < home.cards.generation:
        return home.cards
    if orders.cards.generation > home.cards.generation:
        for sent in (*orders.earlier, orders.cards):
            held[sent.generation] = unwrap_cards_key(sent, home.words_key)
    kept = {each: secret for each, secret in held.items() if each >= orders.ended}
    return cards_key_of(kept) if kept else home.cards


def take_orders(session: Session, orders: KioskOrders, now_ms: int) -> bool:
    """Take acknowledgements and documents; returns whether the next status has something to say of it."""
    news = False
    for ack in orders.acks:
        row = session.get(OutgoingRow, ack.number)
        if row is not None and item_digest(row.payload.strip()) == ack.digest:
            news = acknowledge(session, ack.number) or news
    if orders.heard > (noted_mark(session, SEQUENCE) or 0):
        note_mark(session, SEQUENCE, orders.heard)
    return _take_documents(session, orders, now_ms) or news


def take_answer(session: Session, envelope: bytes, root: Root, now_ms: int) -> bool:
    """Keep an authority's answer to a meter's ask for its card; False where no such ask waits.

    Raises DocumentError where it is malformed, or not signed by one authority.
    """
    signed = open_signed(envelope, root, TIME_TYPE)
    answer, source = read_time(signed.payload), time_source(signed, root)
    if source is None or not isinstance(answer, TimeAnswer):
        raise DocumentError("answer: not one of a time authority to an ask")
    asks = asks_named(session, answer.meter, source.value, answer.nonce)
    for ask in asks:
        mark_sent(session, ask)
        keep_document(session, ask.meter, answer_name(ask), envelope, now_ms)
    return bool(asks)


def _take_documents(session: Session, orders: KioskOrders, now_ms: int) -> bool:
    taken = noted_mark(session, TAKEN) or 0
    if orders.after > taken:
        return True  # some are missing: the status says where we stand
    for document in orders.documents:
        if document.number > taken:
            _take_document(session, document, now_ms)
            taken = document.number
    if orders.documents:
        note_mark(session, TAKEN, taken)
    return bool(orders.documents)


def _take_document(session: Session, document: CardDocument, now_ms: int) -> None:
    if document.letter:
        keep_document(session, document.meter, document.object, bytes.fromhex(document.letter), now_ms)
    elif document.envelope is None:
        drop_document(session, document.meter, document.object)
    else:
        keep_document(session, document.meter, document.object, _wired(document.envelope), now_ms)


def _wired(envelope: WireEnvelope) -> bytes:
    return _encoder.encode(envelope)


def _replaced(
    home: KioskHome, name: str, envelope: bytes, found: Root | Issuers | KioskLimits | Refusal
) -> KioskHome:
    if isinstance(found, Refusal):
        if found is not Refusal.STALE_REV:
            logger.warning("line: %s was refused: %s", name, found.value)
        return home
    return replace_in_home(home, name, envelope)
