"""A card at the desk: opened with the kiosk's keys, read whole, and written by one verified commit.

What a card brings from its meter is kept for the controller when it is read; what the controller has sent for
its meter goes onto it with whatever else is written.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Engine

from cardreader.files.access import KeyHolder
from cardreader.files.identity import CardState, Pairing
from cardreader.files.layout import CardFile
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import HostSession, ask, put_letter, select_application
from cardreader.host.transport import CardChannel
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.status import StatusError, StatusWord
from cardreader.issuing.practice import practice_answers, practice_key
from cardreader.kiosk.exchange import (
    LETTER,
    answers_asked,
    hear,
    letters_waiting,
    note_seen,
    open_with_kiosk_keys,
)
from cardreader.kiosk.home import LIMITS_FILE, KioskHome
from cardreader.kiosk.ledger import TillPurse
from cardreader.kiosk.replaced import SupersededCardError, latest_made, speaks_on_a_later_card
from cardreader.kiosk.rules import CardEvidence, Shown, TillLimits
from cardreader.kiosk.store import TIME, documents_for, drop_document, reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import CardSeenRow
from cardreader.loading.contents import CardContents, read_contents
from cardreader.loading.loads import LeftOut, LoadPlan, by_importance, plan_load
from cardreader.loading.memory import CardMemory
from cardreader.loading.progress import progress_of, waiting
from cardreader.loading.staging import stage
from protocols.documents.bodies import PaymentBody
from protocols.documents.envelope import read_envelope, valid_keyids
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, body_of, read_order
from protocols.errors import DocumentError, RefusedError
from protocols.instants import UtcMs
from protocols.link.keys import meter_key
from protocols.link.proofs import Proof

# Another letter's, an earlier one, or one that does not open: no later visit will take it.
_LETTER_REFUSED: Final = (StatusWord.WRONG_DATA, StatusWord.CONDITIONS)


# What happens between staging and the commit; it is told all documents that the card holds after that.
BeforeCommit = Callable[[Collection[bytes]], None]


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A kiosk at work: its home, its store, and the name that it leaves in the logs of cards.

    `limits`: that the controller has set; None: none are known (`till_limits`). `tells_time`: whether it does
    not doubt its own clock: else no time goes onto a card (CLK-08). `ahead_ms`: how far the machine's clock
    is before what the kiosk then believes. `memory`: of the last cards: whoever lives longer than one act
    hands it on, and a card that has not changed is not read again.
    """

    home: KioskHome
    engine: Engine
    station: str
    limits: TillLimits | None = None
    tells_time: bool = False
    ahead_ms: int = 0
    memory: CardMemory = field(default_factory=CardMemory)

    def till_limits(self) -> TillLimits | None:
        """The limits that bind a payment; None: no controller sets any here.

        Raises RefusedError where a controller does and its limits are missing: a file that is gone or empty
        must not read as no limits, and not as no revocation. Supply comes back all the same.
        """
        if self.limits is None and self.home.form.broker is not None and not self.home.practice:
            raise RefusedError(
                f"{LIMITS_FILE}: missing or empty, so nobody knows what this kiosk may take: no payment "
                "until its line has brought the limits (code K5)"
            )
        return self.limits

    def now_ms(self, wall_ms: int) -> UtcMs:
        """What the time is here where the machine's clock says this: for all that is dated or printed.

        By what the kiosk has judged; where it doubts its clock, as the machine says.
        """
        return UtcMs(wall_ms - self.ahead_ms)

    def judged_ms(self, wall_ms: int) -> int | None:
        """What the kiosk believes the time to be where the machine's clock says this; None: it doubts it."""
        return wall_ms - self.ahead_ms if self.tells_time else None


@dataclass(frozen=True, slots=True)
class CardAtDesk:
    """A card of a household, opened and read. `chain`: see `CardSeenRow`.

    `is_news`: whether its meter had said what was not queued for the controller yet.
    """

    session: HostSession
    found: CardContents
    serial: str
    pairing: Pairing
    chain: int
    is_news: bool

    @property
    def meter(self) -> str:
        """The meter that it belongs to."""
        return self.pairing.meter


@dataclass(frozen=True, slots=True)
class PutOnCard:
    """What was put onto a card: the slot of the first document, and what had no room."""

    slot: CardFile
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Brought:
    """What waited for a card's meter. `written`: how many documents were put onto the card.

    `times_held`: how many times were held back, since the kiosk doubts its clock.
    """

    written: int
    left_out: tuple[LeftOut, ...]
    times_held: int


def look_at(
    kiosk: Kiosk, channel: CardChannel, challenge: bytes, now_ms: UtcMs
) -> tuple[HostSession, CardContents, int]:
    """Opens and reads any card of ours, and notes that it was this kiosk; with its chain (`CardSeenRow`).

    Key letters that wait for this card are given to it first. `challenge`: 8 bytes never used before. Raises
    NotOurCardError for a foreign one, CardGoneError for one that is pulled out.
    """
    answered = _give_letter(kiosk, channel)
    session = open_with_kiosk_keys(channel, kiosk.home, challenge)
    with writing_kiosk(kiosk.engine) as store:
        if answered is not None and _has_its_keys(kiosk, session, answered):
            drop_document(store, answered.meter, answered.name)
        chain = note_seen(store, session.greeting.serial.hex(), session.greeting.sequence, now_ms)
    return session, read_contents(session, kiosk.memory), chain


def receive_card(kiosk: Kiosk, channel: CardChannel, challenge: bytes, now_ms: UtcMs) -> CardAtDesk:
    """Opens and reads a household's card, and keeps what it brings.

    Raises as `look_at`, and RefusedError for a card of nobody.
    """
    return take_in_card(kiosk, look_at(kiosk, channel, challenge, now_ms), now_ms)


def take_in_card(kiosk: Kiosk, looked: tuple[HostSession, CardContents, int], now_ms: UtcMs) -> CardAtDesk:
    """Keeps what a card brings that was looked at.

    Raises RefusedError for a card of nobody; and, once its words are kept, SupersededCardError for one that
    was replaced here: its meter would not read it any more, and may have spoken on it before.
    """
    session, found, chain = looked
    serial, pairing = session.greeting.serial.hex(), paired(found)
    with writing_kiosk(kiosk.engine) as store:
        asks = () if speaks_on_a_later_card(store, pairing) else found.asks.words
        is_news = hear(store, found, asks, pairing.meter, serial, now_ms)
        row = store.get_one(CardSeenRow, serial)
        row.pairing, row.reference = pairing.epoch, pairing.reference
        if found.identity is not None:
            row.energy = found.identity.energy
        store.add(row)
        latest = latest_made(store, pairing.meter)
    if pairing.epoch < latest:
        raise SupersededCardError(pairing, latest)
    return CardAtDesk(session, found, serial, pairing, chain, is_news)


@dataclass(frozen=True, slots=True)
class _Answered:
    """The letter that a card has answered. `name`: its object in the store."""

    meter: str
    name: str
    serial: str


def _give_letter(kiosk: Kiosk, channel: CardChannel) -> _Answered | None:
    """Gives a card its new keys; None: no letter waits for it.

    An answer is nobody's word yet: any card can say a serial number and 9000. So the letter stays.
    """
    with reading_kiosk(kiosk.engine) as store:
        letters = {
            serial: (_Answered(row.meter, row.object, serial), row.envelope)
            for serial, row in letters_waiting(store).items()
        }
    if not letters:
        return None
    select_application(channel)
    found = letters.get(ask(channel, iso.DATA_SERIAL).hex())
    if found is None:
        return None
    answered, letter = found
    try:
        put_letter(channel, letter)
    except StatusError as error:
        if error.status not in _LETTER_REFUSED:
            raise
    return answered


def _has_its_keys(kiosk: Kiosk, session: HostSession, answered: _Answered) -> bool:
    """Whether the card of the letter has proved that it holds the newest keys, which letters bring.

    One that opens with those of an earlier generation alone is offered the letter again: those may be stolen.
    """
    is_its_card = session.greeting.serial.hex() == answered.serial
    return is_its_card and session.generation == kiosk.home.cards.generation


def is_paired(found: CardContents) -> bool:
    """Whether the card belongs to a meter."""
    return found.pairing is not None and found.pairing.state is CardState.PAIRED


def paired(found: CardContents) -> Pairing:
    """Whose card it is. Raises RefusedError for one that belongs to nobody."""
    if not is_paired(found) or found.pairing is None:
        state = "unreadable" if found.pairing is None else found.pairing.state.name.lower()
        raise RefusedError(f"this card is {state}: nobody is served with it")
    return found.pairing


def shown_by(home: KioskHome, card: CardAtDesk, purse: TillPurse) -> Shown:
    """The totals of this kiosk that the card shows, by what they prove."""
    proved = [0, *(_own_total(home, purse, document) for document in card.found.documents.values())]
    state = card.found.state.state
    said_ueur = max(
        (
            each.total_ueur
            for each in (() if state is None else state.totals)
            if (each.issuer, each.epoch) == (purse.issuer, purse.epoch)
        ),
        default=0,
    )
    if home.practice and state is not None and state.meter == purse.meter:
        key = meter_key(practice_key(home.practice), purse.meter)
        if card.found.state.proof(key) is Proof.AUTHENTIC:
            return Shown(max(*proved, said_ueur), 0)
    return Shown(max(proved), said_ueur)


def evidence_of(card: CardAtDesk, purse: TillPurse) -> CardEvidence:
    """What the card says of the payments on it."""
    state = card.found.state.state
    applied = [
        each.total_ueur
        for each in (() if state is None else state.totals)
        if (each.issuer, each.epoch) == (purse.issuer, purse.epoch)
    ]
    return CardEvidence(card.serial, card.chain, max(applied, default=0))


def write_card(
    kiosk: Kiosk,
    card: CardAtDesk,
    documents: Sequence[bytes],
    now_ms: UtcMs,
    before_commit: BeforeCommit,
) -> PutOnCard:
    """Puts documents onto the card, the first one whatever lies there; also what waits for its meter.

    All is staged, verified, and then committed at once; `before_commit` is called in between, and also where
    the card holds everything already. Raises RefusedError where the first one does not fit, or what the card
    has staged is something else; CardGoneError where the card was pulled out: then nobody knows, and the next
    visit tells.
    """
    plan = _plan(card, (*documents, *_waiting_here(kiosk, card, now_ms).documents))
    slot = _slot_of(card, plan, documents[0])
    _carry_out(kiosk, card, plan, now_ms, before_commit)
    return PutOnCard(slot, tuple(plan.left_out))


def bring_documents(
    kiosk: Kiosk,
    card: CardAtDesk,
    documents: Sequence[bytes],
    now_ms: UtcMs,
    before_commit: BeforeCommit,
) -> Brought:
    """As `write_card`, with documents of which none must fit."""
    waiting_here = _waiting_here(kiosk, card, now_ms)
    plan = _plan(card, (*documents, *waiting_here.documents))
    _carry_out(kiosk, card, plan, now_ms, before_commit)
    return Brought(len(plan.writes), tuple(plan.left_out), waiting_here.times_held)


def check_room(kiosk: Kiosk, card: CardAtDesk, document: bytes, now_ms: UtcMs) -> None:
    """Raises RefusedError where `write_card` would, since this document does not fit onto the card."""
    _slot_of(card, _plan(card, (document, *_waiting_here(kiosk, card, now_ms).documents)), document)


def _slot_of(card: CardAtDesk, plan: LoadPlan, document: bytes) -> CardFile:
    slots = {**card.found.documents, **plan.writes}
    slot = next((each for each, held in slots.items() if held == document), None)
    if slot is None:
        why = next((each.why for each in plan.left_out if each.document == document), "no_slot")
        raise RefusedError(f"it does not fit onto the card: {why}; put the card into the meter first")
    return slot


@dataclass(frozen=True, slots=True)
class _WaitingHere:
    documents: tuple[bytes, ...]
    times_held: int


def _waiting_here(kiosk: Kiosk, card: CardAtDesk, now_ms: UtcMs) -> _WaitingHere:
    """What waits in the store for the card's meter; what the meter has answered is forgotten."""
    done = {each.slot for each in progress_of(card.found).documents if each.is_done}
    answered = {document for slot, document in card.found.documents.items() if slot.name in done}
    with reading_kiosk(kiosk.engine) as store:
        kept = [(each.object, each.envelope) for each in documents_for(store, card.meter)]
    old = [name for name, envelope in kept if envelope in answered]
    if old:
        with writing_kiosk(kiosk.engine) as store:
            for name in old:
                drop_document(store, card.meter, name)
    news = [
        (name, each)
        for name, each in kept
        if each not in answered
        and not name.startswith(LETTER)
        and (not name.startswith(TIME) or answers_asked(card.found, each))
    ]
    documents = [each for name, each in news if kiosk.tells_time or not name.startswith(TIME)]
    held = len(news) - len(documents)
    if kiosk.home.practice:
        documents += practice_answers(kiosk.home.practice, card.found.asks.words, now_ms)
    return _WaitingHere(tuple(by_importance(documents)), held)


def _plan(card: CardAtDesk, documents: tuple[bytes, ...]) -> LoadPlan:
    wanted = (*documents, *waiting(card.found, documents))
    inventory = card.found.inventory
    free_bytes = (
        int.from_bytes(card.session.ask(iso.DATA_FREE_BYTES)) if inventory is None else inventory.free_bytes
    )
    # What lies there of the same thing is replaced, however high it says that it counts.
    return plan_load(wanted, card.found.documents, free_bytes, lambda _document: False)


def _carry_out(
    kiosk: Kiosk, card: CardAtDesk, plan: LoadPlan, now_ms: UtcMs, before_commit: BeforeCommit
) -> None:
    held = frozenset({**card.found.documents, **plan.writes}.values())
    if plan.writes:
        _put(kiosk, card, plan, now_ms, lambda: before_commit(held))
    else:
        before_commit(held)


def _put(
    kiosk: Kiosk, card: CardAtDesk, plan: LoadPlan, now_ms: UtcMs, before_commit: Callable[[], None]
) -> None:
    """Stages, verifies and commits a plan. A kiosk that doubts its clock writes no time (CLK-08)."""
    is_sure = kiosk.tells_time or kiosk.home.practice
    visit = Visit(KeyHolder.KIOSK, Deed.WRITTEN, now_ms if is_sure else 0, kiosk.station)
    written = stage(card.session, card.found, plan.writes, visit)
    before_commit()
    card.session.commit()
    if card.found.inventory is not None:
        kiosk.memory.keep(written)


def _own_total(home: KioskHome, purse: TillPurse, document: bytes) -> int:
    """The total of a statement that this kiosk's key has signed for this purse; 0 for anything else."""
    try:
        envelope = read_envelope(document)
        if envelope.payload_type != ORDER_TYPE:
            return 0
        order = read_order(envelope.payload)
        if order.kind is not Kind.PAYMENT or order.scope.meters != (purse.meter,):
            return 0
        body = body_of(order, PaymentBody)
        is_own = bool(valid_keyids(envelope, {home.signer.keyid: home.signer.public}))
    except DocumentError:
        return 0  # garbage proves nothing
    is_of_purse = (body.issuer, body.epoch) == (purse.issuer, purse.epoch)
    return body.total_ueur if is_own and is_of_purse else 0
