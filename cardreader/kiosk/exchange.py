"""What a card's visit means to the store: who opened it, what its meter has said, which letters wait for it.

What a meter says lies on the card with the meter's own MAC: the kiosk carries it, and needs no key for it.
Each function works in one transaction of the store, and none speaks to a card in it: a card may hang, and
the line and the screen write too.
"""

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Final

from sqlmodel import Session, col, select

from cardreader.channel.keys import KeySet, kiosk_keys, kiosk_version
from cardreader.host.secure import KeysNotHeldError
from cardreader.host.session import HostSession, select_application
from cardreader.host.transport import CardChannel
from cardreader.kiosk.home import GenerationKey, KioskHome
from cardreader.kiosk.store import keep_ask, queue_outgoing
from cardreader.kiosk.tables import CardDocumentRow, CardSeenRow, MeterAskRow, UpChannel
from cardreader.loading.contents import CardContents
from protocols.documents.envelope import read_envelope
from protocols.documents.orders import TimeAnswer, read_time
from protocols.errors import DocumentError
from protocols.instants import UtcMs
from protocols.link.kiosk_words import card_heard_bodies
from protocols.link.messages import TimeAsk, read_message

# With the serial number of the card that it is for, since only that card takes it.
LETTER: Final = "letter/"


def open_with_kiosk_keys(card: CardChannel, home: KioskHome, challenge: bytes) -> HostSession:
    """A session with the newest of this kiosk's keys that the card has.

    `challenge`: 8 bytes never used before: a card that has no such keys does not answer to it. Raises
    NotOurCardError, and StatusError: KeysNotHeldError for a card that has none of them.
    """
    select_application(card)
    newest, *earlier = home.cards.all
    for each in earlier:
        with suppress(KeysNotHeldError):
            return _open_with(card, newest, challenge)
        newest = each
    return _open_with(card, newest, challenge)


def _open_with(card: CardChannel, key: GenerationKey, challenge: bytes) -> HostSession:
    def keys_of(serial: bytes) -> KeySet:
        return kiosk_keys(key.secret, key.generation, serial)

    return HostSession.open_by_serial(card, kiosk_version(key.generation), keys_of, challenge)


def note_seen(store: Session, serial: str, sequence: int, now_ms: int) -> int:
    """Notes that the card was opened. Returns its chain: another one where somebody else has opened it."""
    row = store.get(CardSeenRow, serial)
    untouched = row is not None and sequence >= 0 and sequence == row.sequence + 1
    if row is None:
        row = CardSeenRow(serial=serial, meter="", chain=0)
    row.chain += 0 if untouched else 1
    row.sequence, row.seen_ms = sequence, now_ms
    store.add(row)
    return row.chain


def letters_waiting(store: Session) -> dict[str, CardDocumentRow]:
    """The key letters that wait for their cards, by the serial number of each."""
    rows = store.exec(select(CardDocumentRow).where(col(CardDocumentRow.object).startswith(LETTER)))
    return {row.object.removeprefix(LETTER): row for row in rows}


def answers_asked(found: CardContents, document: bytes) -> bool:
    """Whether this answer of a time authority is to an ask that lies on the card.

    A meter takes the answer to its own nonce alone; any other one would take the room of that.
    """
    nonces = set[str]()
    for word in found.asks.words:
        with suppress(DocumentError):  # garbage on a card: nobody answers it
            nonces.add(read_message(word, TimeAsk).nonce)
    try:
        answer = read_time(read_envelope(document).payload)
    except DocumentError:
        return False  # no meter takes it
    return isinstance(answer, TimeAnswer) and answer.nonce in nonces


def hear(
    store: Session,
    found: CardContents,
    asks: Sequence[bytes],
    meter: str,
    serial: str,
    now_ms: UtcMs,
) -> bool:
    """Queues what the card's meter says where it is news, and keeps these asks of it. Returns whether it was.

    What is queued once is not queued again, whatever kiosk's command reads the card.
    """
    for word in asks:
        try:
            asked = read_message(word, TimeAsk)
        except DocumentError:
            continue  # garbage on a card: nobody answers it
        ask = MeterAskRow(
            meter=meter, source=asked.source.value, card=serial, nonce=asked.nonce, word=word, at_ms=now_ms
        )
        keep_ask(store, ask)
    words = (found.state.word, *found.reports.words, *found.proofs.words)
    digest = sha256(b"\0".join(words)).hexdigest()
    row = store.get(CardSeenRow, serial) or CardSeenRow(serial=serial, meter=meter)
    is_news = bool(found.state.word) and row.words != digest
    row.meter, row.seen_ms = meter, now_ms
    if is_news:
        row.words = digest
        said = found.state.word, found.reports.words, found.proofs.words
        for body in card_heard_bodies(serial, meter, *said):
            queue_outgoing(store, UpChannel.RECEIPTS, body, now_ms)
    store.add(row)
    return is_news
