"""What a visit of a card exchanges with the line: what its meter has said goes up, what waits comes down.

What a meter says lies on the card with the meter's own MAC: the kiosk carries it, and needs no key for it.
Times go onto a card only while the kiosk does not doubt its clock (CLK-08).
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct
from sqlmodel import Session

from cardreader.channel.keys import KeySet, kiosk_keys, kiosk_version
from cardreader.files.access import KeyHolder
from cardreader.files.identity import CardState
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import HostSession, ask, put_letter, select_application
from cardreader.host.transport import CardChannel
from cardreader.iso7816 import instructions as iso
from cardreader.kiosk.home import KioskHome
from cardreader.kiosk.line_marks import clock_seen
from cardreader.kiosk.store import documents_for, keep_ask, note_mark, noted_mark, queue_outgoing
from cardreader.kiosk.tables import CardSeenRow, UpChannel
from cardreader.loading.contents import CardContents, read_contents
from cardreader.loading.loads import LeftOut, load
from cardreader.loading.progress import waiting
from protocols.decoding import read_json
from protocols.errors import DocumentError, RefusedError
from protocols.instants import UtcMs
from protocols.link.kiosk_words import write_card_heard
from protocols.link.messages import TimeAsk, read_message
from protocols.reasons import ClockStanding

TIME: Final = "time/"
LETTER: Final = "letter"
# Beside a card's serial number: the number of the meter's last word on it that went up.
_SAID: Final = "said/"


class CardExchanged(Struct, frozen=True, kw_only=True):
    """What came of it. `said`: whether the meter had anything to say that is not queued yet.

    `written`: the documents that are on the card now; `left_out`: those for which there is no room.
    `times_held`: how many times were held back, since the kiosk doubts its clock.
    """

    meter: str
    card: str
    said: bool
    written: int
    left_out: tuple[LeftOut, ...]
    times_held: int


class KioskNow(Struct, frozen=True):
    """The kiosk's clocks at a visit."""

    now_ms: UtcMs
    tick_ms: int
    boot: str


def open_with_kiosk_keys(card: CardChannel, home: KioskHome, challenge: bytes) -> HostSession:
    """A session with this kiosk's keys. `challenge`: 8 bytes never used before.

    Raises NotOurCardError, StatusError.
    """
    cards = home.cards

    def keys_of(serial: bytes) -> KeySet:
        return kiosk_keys(cards.secret, cards.generation, serial)

    select_application(card)
    return HostSession.open_by_serial(card, kiosk_version(cards.generation), keys_of, challenge)


def renew_card_keys(card: CardChannel, letters: list[bytes]) -> bool:
    """Give a card the key letters that wait for its meter; it takes only its own, and only later ones."""
    select_application(card)
    number = int.from_bytes(ask(card, iso.DATA_LETTERS))
    for letter in letters:
        try:
            put_letter(card, letter)
        except RefusedError:
            continue  # of another card of this meter, or an earlier one
    return int.from_bytes(ask(card, iso.DATA_LETTERS)) > number


def exchange(
    session: Session, host: HostSession, home: KioskHome, now: KioskNow, is_genuine: Callable[[bytes], bool]
) -> CardExchanged:
    """Queue what a card's meter has said, and put onto the card what waits for it.

    In the caller's transaction, which is to be committed although the card is pulled out meanwhile: what was
    read is read. Raises RefusedError for a card of nobody, StatusError and CardGoneError as the session does.
    """
    found = read_contents(host)
    pairing, identity = found.pairing, found.identity
    if pairing is None or identity is None or pairing.state is not CardState.PAIRED:
        raise RefusedError("this card belongs to no meter: nobody is served with it")
    serial, meter = identity.serial.hex(), pairing.meter
    note_seen(session, serial, host.greeting.sequence, now.now_ms)
    said = hear(session, found, meter, serial, now.now_ms)
    trusted = clock_seen(session, now.tick_ms, now.boot).standing is ClockStanding.TRUSTED
    rows = [row for row in documents_for(session, meter) if row.object != LETTER]
    times = [row for row in rows if row.object.startswith(TIME)]
    wanted = [row.envelope for row in rows if trusted or row not in times]
    visit = Visit(KeyHolder.KIOSK, Deed.WRITTEN, now.now_ms if trusted else 0, home.form.kiosk)
    plan = load(host, found.documents, (*wanted, *waiting(found, tuple(wanted))), visit, is_genuine)
    return CardExchanged(
        meter=meter,
        card=serial,
        said=said,
        written=len(plan.writes),
        left_out=tuple(plan.left_out),
        times_held=0 if trusted else len(times),
    )


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


class _Numbered(Struct):
    number: int = 0
    epoch: int = 0


_numbered: msgspec.json.Decoder[_Numbered] = msgspec.json.Decoder(_Numbered)


def hear(session: Session, found: CardContents, meter: str, serial: str, now_ms: UtcMs) -> bool:
    """Queue the meter's words where they are news, and keep its asks."""
    for word in found.asks.words:
        try:
            keep_ask(session, meter, read_message(word, TimeAsk).source.value, word, now_ms)
        except DocumentError:
            continue  # garbage on a card: nobody answers it
    word = found.state.word
    number = _number_of(word)
    row = session.get(CardSeenRow, serial) or CardSeenRow(serial=serial, meter=meter)
    row.meter, row.seen_ms = meter, now_ms
    session.add(row)
    if not word or (noted_mark(session, f"{_SAID}{serial}") or -1) == number:
        return False
    note_mark(session, f"{_SAID}{serial}", number)
    body = write_card_heard(serial, meter, word, found.reports.words, found.proofs.words)
    queue_outgoing(session, UpChannel.RECEIPTS, body, now_ms)
    return True


def _number_of(word: bytes) -> int:
    if not word:
        return -1
    try:
        return read_json(_numbered, word, "EF.STATE").number
    except DocumentError:
        return -1
