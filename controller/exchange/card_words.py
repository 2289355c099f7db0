"""What a meter says on a card: the same words as over a link, with the same MACs (docs/kiosk.md).

A kiosk carries them and can change nothing: each word names the card, and has the meter's own MAC. So a meter
that only cards reach is known, and shown, as any other. A meter that a link reaches says its state there;
of its card only the receipts and its totals count here, since words on cards have a count of their own.
"""

from collections import Counter

import msgspec
from msgspec import Struct
from sqlalchemy import update
from sqlmodel import Session, col

from cardreader.files.meter_state import MeterState, StateWord
from controller.database.kiosk_tables import CardMeterRow
from controller.database.tables import MeterRow
from controller.exchange import proving
from controller.exchange.intake import columns_of_report, store_receipts
from controller.exchange.key_book import KeyBook
from controller.exchange.purses import PursesHeard
from controller.exchange.sync_answer import RootSent, note_card_holdings, welcome
from controller.exchange.words import IntakeRefusal
from controller.meters.admission import Admission, Waiting, Waits, admission_of, quarantine
from controller.meters.lives import begin_meter_lives
from controller.meters.registry import BY_CARD, NOT_HEARD, known_meters, place_at_cards
from controller.meters.retired import note_late, retired_among
from protocols.errors import DocumentError
from protocols.link.kiosk_words import NOTHING, CardHeard
from protocols.link.messages import KeyTold, MeterHolds, Receipt, Reported, is_authentic, read_report
from protocols.link.proofs import Proof, Purpose, proof_of

_holds: msgspec.json.Decoder[MeterHolds] = msgspec.json.Decoder(MeterHolds)
_states: msgspec.json.Decoder[MeterState] = msgspec.json.Decoder(MeterState)
_encoder = msgspec.json.Encoder()


class CardWords(Struct, frozen=True, kw_only=True):
    """The authentic words of one meter on one card; at least one of them. `forged`: how many were not."""

    meter: str
    card: str
    state: MeterState | None
    report: Reported | None
    holds: MeterHolds | None
    receipts: tuple[Receipt, ...]
    forged: int

    @property
    def epoch(self) -> int | None:
        """The life in which the meter said them; None where no word says it, or they differ."""
        said = [each for each in (self.state, self.report, self.holds, *self.receipts) if each is not None]
        epochs = {each.epoch for each in said}
        return epochs.pop() if len(epochs) == 1 else None


def hear_card(heard: CardHeard, book: KeyBook) -> CardWords | IntakeRefusal:
    """The words of the meter on a card, whose MACs are right under a key that counts now.

    One that tells of a new key comes first: under that key the meter says all that lies beside it.
    """
    _hear_new_key(heard, book)
    found: CardWords | IntakeRefusal = IntakeRefusal.NOT_AUTHENTIC
    for key in book.keys_of(heard.meter):
        found = _hear_under(heard, key)
        if isinstance(found, CardWords):
            book.note_proof(heard.meter, key)
            break
    return found


def _hear_new_key(heard: CardHeard, book: KeyBook) -> None:
    """Keep the key of which the meter tells in its state or its holdings, where one before vouches for it.

    Each of both tells it: on a full card there may be room for the state alone.
    """
    way = f"card/{heard.card}"
    for raw in (heard.state, *heard.words):
        word = bytes(raw)
        for purpose, decoder in ((Purpose.CARD, _states), (Purpose.HOLDS, _holds)):
            try:
                said = decoder.decode(word)
            except msgspec.MsgspecError:
                continue  # another kind of word, or garbage: it proves nothing
            if said.meter == heard.meter and isinstance(said.key, KeyTold):
                book.prove_told(word, purpose, way, heard.meter, said.key)


def _hear_under(heard: CardHeard, key: bytes) -> CardWords | IntakeRefusal:
    way = f"card/{heard.card}"
    found: dict[type, MeterState | Reported | MeterHolds] = {}
    receipts: list[Receipt] = []
    forged = 0
    for word in heard.words:
        one = _word(bytes(word), key, way)
        if one is None or one.meter != heard.meter:
            forged += 1
        elif isinstance(one, Receipt):
            receipts.append(one)
        else:
            found[type(one)] = one
    if heard.state != NOTHING:
        state = _state(bytes(heard.state), key)
        if state is None or (state.meter, state.card) != (heard.meter, heard.card):
            forged += 1
        else:
            found[MeterState] = state
    if not found and not receipts:
        return IntakeRefusal.NOT_AUTHENTIC if forged else IntakeRefusal.MALFORMED
    said, report, holds = (found.get(kind) for kind in (MeterState, Reported, MeterHolds))
    return CardWords(
        meter=heard.meter,
        card=heard.card,
        state=said if isinstance(said, MeterState) else None,
        report=report if isinstance(report, Reported) else None,
        holds=holds if isinstance(holds, MeterHolds) else None,
        receipts=tuple(receipts),
        forged=forged,
    )


def take_card(
    session: Session, words: CardWords, kiosk: str, root: RootSent, now_ms: int, purses: PursesHeard
) -> Counter[IntakeRefusal]:
    """Take in what a meter has said on a card, in the caller's transaction. Repetition changes nothing."""
    refused: Counter[IntakeRefusal] = Counter()
    if words.forged:
        refused[IntakeRefusal.NOT_AUTHENTIC] += words.forged
    epoch = words.epoch
    if epoch is None or not _is_admitted(session, words, now_ms):
        refused[IntakeRefusal.UNKNOWN_EPOCH if epoch is None else IntakeRefusal.NOT_ADMITTED] += 1
        return refused
    known = known_meters(session, [words.meter]).get(words.meter)
    if known is None:
        place_at_cards(session, words.meter, epoch, now_ms)
        welcome(session, [words.meter], now_ms)
    elif known.epoch == NOT_HEARD:
        begin_meter_lives(session, {words.meter: (NOT_HEARD, epoch)})
    elif known.epoch != epoch:
        refused[IntakeRefusal.UNKNOWN_EPOCH] += 1
        return refused
    refused += store_receipts(session, words.receipts, now_ms)
    by_card = known is None or known.link == BY_CARD
    if _is_news(session, words, kiosk, now_ms):
        _take_state(session, words, root, now_ms, purses, by_card=by_card)
    if by_card:
        proving.read_back(session, {words.meter}, now_ms)
    return refused


def _is_admitted(session: Session, words: CardWords, now_ms: int) -> bool:
    retired = retired_among(session, [words.meter])
    if retired:
        note_late(session, [] if words.report is None else [words.report], now_ms)
        return False
    if known_meters(session, [words.meter]) or admission_of(session) is not Admission.CLOSED:
        return True
    quarantine(session, {f"meter/{words.meter}": Waiting(BY_CARD, Waits.NOT_ADMITTED)}, now_ms)
    return False


def _is_news(session: Session, words: CardWords, kiosk: str, now_ms: int) -> bool:
    """Note the newest state of a meter on a card, and where that was seen; False for no newer one.

    A card that its meter has not read since may come to another kiosk: its documents must be there then.
    """
    said = words.state
    row = session.get(CardMeterRow, words.meter)
    if said is None or (row is not None and row.epoch == said.epoch and said.number <= row.number):
        if said is not None and row is not None and said.number == row.number and said.card == row.card:
            row.kiosk, row.seen_ms = kiosk, now_ms
            session.add(row)
            session.flush()
        return False
    new = CardMeterRow(
        meter=words.meter,
        kiosk=kiosk,
        card=said.card,
        pairing=said.pairing,
        epoch=said.epoch,
        number=said.number,
        state=_encoder.encode(said).decode(),
        journal=said.journal,
        journal_hash=said.journal_hash,
        seen_ms=now_ms,
    )
    session.merge(new)
    session.flush()
    return True


def _take_state(
    session: Session,
    words: CardWords,
    root: RootSent,
    now_ms: int,
    purses: PursesHeard,
    *,
    by_card: bool,
) -> None:
    if not by_card:
        # A link says all that better; what it has credited is true however it is said.
        if words.state is not None:
            proving.credit(session, {words.meter: words.state.totals}, now_ms)
        return
    if words.report is not None:
        columns = columns_of_report(words.report, now_ms) | {"report_number": 0}
        session.execute(update(MeterRow).where(col(MeterRow.id) == words.meter).values(**columns))
        proving.credit(session, {words.meter: words.report.totals}, now_ms)
        purses.hear_report(words.report)
    if words.holds is not None:
        note_card_holdings(session, words.holds, root, now_ms)
        purses.hear_holdings(words.holds)


def _state(word: bytes, key: bytes) -> MeterState | None:
    try:
        found = StateWord.decode(word)
        return found.state if found.proof(key) is Proof.AUTHENTIC else None
    except DocumentError:
        return None


def _word(word: bytes, key: bytes, way: str) -> Receipt | Reported | MeterHolds | None:
    """A report, holdings or receipt with a right MAC; None for anything else."""
    if proof_of(word, Purpose.HOLDS, way, key) is Proof.AUTHENTIC:
        try:
            return _holds.decode(word)
        except msgspec.MsgspecError:
            return None
    try:
        report, body, mac = read_report(word)
    except DocumentError:
        return None
    if not is_authentic(body, mac, key):
        return None
    if isinstance(report, Reported):
        return report if report.link == way else None
    return report if isinstance(report, Receipt) else None
