"""A card at the desk: opened with the kiosk's keys, read whole, and written by one verified commit.

What a card brings from its meter is kept for the controller when it is read; what the controller has sent for
its meter goes onto it with whatever else is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine

from cardreader.files.access import KeyHolder
from cardreader.files.identity import CardState, Pairing
from cardreader.files.layout import CardFile
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import HostSession
from cardreader.host.transport import CardChannel
from cardreader.iso7816 import instructions as iso
from cardreader.issuing.practice import practice_answers, practice_key
from cardreader.kiosk.exchange import LETTER, TIME, hear, note_seen, open_with_kiosk_keys
from cardreader.kiosk.home import KioskHome
from cardreader.kiosk.ledger import TillPurse
from cardreader.kiosk.rules import CardEvidence, Shown, TillLimits
from cardreader.kiosk.store import (
    documents_for,
    drop_document,
    writing_kiosk,
)
from cardreader.kiosk.tables import CardSeenRow
from cardreader.loading.contents import CardContents, read_contents
from cardreader.loading.loads import LeftOut, plan_load
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


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A kiosk at work: its home, its store, and the name that it leaves in the logs of cards.

    `limits`: that the controller has set; None: none. `tells_time`: whether it does not doubt its own clock:
    else no time goes onto a card (CLK-08). `memory`: of the last cards: whoever lives longer than one act
    hands it on, and a card that has not changed is not read again.
    """

    home: KioskHome
    engine: Engine
    station: str
    limits: TillLimits | None = None
    tells_time: bool = False
    memory: CardMemory = field(default_factory=CardMemory)


@dataclass(frozen=True, slots=True)
class CardAtDesk:
    """A card of a household, opened and read. `chain`: see `CardSeenRow`."""

    session: HostSession
    found: CardContents
    serial: str
    pairing: Pairing
    chain: int

    @property
    def meter(self) -> str:
        """The meter that it belongs to."""
        return self.pairing.meter


@dataclass(frozen=True, slots=True)
class PutOnCard:
    """What was put onto a card: the slot of the first document, and what had no room."""

    slot: CardFile
    left_out: tuple[LeftOut, ...]


def look_at(
    kiosk: Kiosk, channel: CardChannel, challenge: bytes, now_ms: UtcMs
) -> tuple[HostSession, CardContents, int]:
    """Opens and reads any card of ours, and notes that it was this kiosk; with its chain (`CardSeenRow`).

    `challenge`: 8 bytes never used before. Raises NotOurCardError for a foreign one, CardGoneError for one
    that is pulled out.
    """
    session = open_with_kiosk_keys(channel, kiosk.home, challenge)
    with writing_kiosk(kiosk.engine) as store:
        chain = note_seen(store, session.greeting.serial.hex(), session.greeting.sequence, now_ms)
    return session, read_contents(session, kiosk.memory), chain


def receive_card(kiosk: Kiosk, channel: CardChannel, challenge: bytes, now_ms: UtcMs) -> CardAtDesk:
    """Opens and reads a household's card, and keeps what it brings.

    Raises as `look_at`, and RefusedError for a card of nobody.
    """
    session, found, chain = look_at(kiosk, channel, challenge, now_ms)
    serial, pairing = session.greeting.serial.hex(), paired(found)
    with writing_kiosk(kiosk.engine) as store:
        hear(store, found, pairing.meter, serial, now_ms)
        row = store.get_one(CardSeenRow, serial)
        row.pairing, row.reference = pairing.epoch, pairing.reference
        store.add(row)
    return CardAtDesk(session, found, serial, pairing, chain)


def paired(found: CardContents) -> Pairing:
    """Whose card it is. Raises RefusedError for one that belongs to nobody."""
    if found.pairing is None or found.pairing.state is not CardState.PAIRED:
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
    before_commit: Callable[[], None],
) -> PutOnCard:
    """Puts documents onto the card, the first one whatever lies there; also what waits for its meter.

    All is staged, verified, and then committed at once; `before_commit` is called in between, and also where
    the card holds everything already. Raises RefusedError where the first one does not fit, or what the card
    has staged is something else; CardGoneError where the card was pulled out: then nobody knows, and the next
    visit tells.
    """
    done = {each.slot: each.object for each in progress_of(card.found).documents if each.is_done}
    answered = {card.found.documents[slot] for slot in card.found.documents if slot.name in done}
    with writing_kiosk(kiosk.engine) as store:
        kept = documents_for(store, card.meter)
        for each in kept:
            if each.envelope in answered:
                drop_document(store, card.meter, each.object)
    extra = [
        each.envelope
        for each in kept
        if each.envelope not in answered
        and each.object != LETTER
        and (kiosk.tells_time or not each.object.startswith(TIME))
    ]
    if kiosk.home.practice:
        extra += practice_answers(kiosk.home.practice, card.found.asks.words, now_ms)
    new = (*documents, *extra)
    wanted = (*new, *waiting(card.found, new))
    inventory = card.found.inventory
    free_bytes = (
        int.from_bytes(card.session.ask(iso.DATA_FREE_BYTES)) if inventory is None else inventory.free_bytes
    )
    # What lies there of the same thing is replaced, however high it says that it counts.
    plan = plan_load(wanted, card.found.documents, free_bytes, lambda _document: False)
    slots = {**card.found.documents, **plan.writes}
    slot = next((each for each, held in slots.items() if held == documents[0]), None)
    if slot is None:
        why = next((each.why for each in plan.left_out if each.document == documents[0]), "no_slot")
        raise RefusedError(f"it does not fit onto the card: {why}; put the card into the meter first")
    if not plan.writes:
        before_commit()
        return PutOnCard(slot, plan.left_out)
    visit = Visit(KeyHolder.KIOSK, Deed.WRITTEN, now_ms, kiosk.station)
    written = stage(card.session, card.found, plan.writes, visit)
    before_commit()
    card.session.commit()
    if inventory is not None:
        kiosk.memory.keep(written)
    return PutOnCard(slot, plan.left_out)


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
