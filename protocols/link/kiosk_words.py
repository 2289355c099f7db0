"""What a kiosk and the controller say to each other besides signed envelopes (docs/kiosk.md).

Each word is a JSON object with a MAC under the kiosk's own key as its last member (`protocols.link.proofs`);
in the place of a link it covers `kiosk/NAME`. The MAC says that the kiosk has sent it, and nothing more: a
payment is what the issuer's key has signed, and what a meter says has the meter's own MAC.

Up: a status (birth, last will, and how the kiosk stands), *items* (a statement, a receipt, what a card has
brought from its meter), and asks for the time. The kiosk keeps an item until an acknowledgement names its
number *and* its digest: a kiosk that was restored from a backup gives numbers twice. Down: acknowledgements,
limits, and documents for the cards of meters. `echo` names the nonce of the status that is answered: so an
old answer does not count as having heard the controller. Pure.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from msgspec import Meta, Struct

from protocols.decoding import read_json
from protocols.documents.bodies import Id
from protocols.documents.envelope import WireEnvelope
from protocols.documents.till_receipts import RefundStanding
from protocols.errors import DocumentError
from protocols.limits import (
    ID_CHARS_MAX,
    KIOSK_ACKS_MAX,
    KIOSK_DOCUMENTS_MAX,
    KIOSK_REFUNDS_MAX,
    KIOSK_STATEMENTS_MAX,
    KIOSK_WAITING_MAX,
    PAYLOAD_BYTES_MAX,
)
from protocols.link.keys import kiosk_key
from protocols.link.messages import Int, Nonce, TimeAsk, read_message
from protocols.link.proofs import Proof, Purpose, proof_of, with_mac
from protocols.reasons import ClockStanding, Source

Serial = Annotated[str, Meta(pattern=r"^([0-9a-f]{16})?$(?!\n)")]
_Count = Annotated[int, Meta(ge=0, le=KIOSK_WAITING_MAX)]
# 64 bits of an item's digest: an acknowledgement of another item must not fit by chance.
DIGEST_CHARS: Final = 16
_Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$(?!\n)")]
# JSON's null, where a word is left out.
NOTHING: Final = msgspec.Raw(b"null")
# The kinds of words of a meter on a card, besides its state: a report, its holdings, receipts.
_WORDS_MAX: Final = 24
# Room in a word for its fields, and in a message down for what stands around a document.
AROUND_BYTES: Final = 512


class KioskStatus(Struct, frozen=True, kw_only=True):
    """A kiosk's birth (`online`), its last will, and how it stands.

    `sequence` counts connections: a later one wins. `count` counts what it says over one connection, of
    which the last will is the end. `nonce`: the answer names it. `clock`: what it believes of its own clock,
    `time_ms`: that clock. `limits`: the version that it obeys. `waiting`: its items that are not
    acknowledged; `offline_ueur`, `offline_count`: the payments among them. `heard_ms`: its own clock when it
    last heard the controller; 0: never. `issued_ueur`, `issued_count`: all that its store has ever stated, so
    that a restored one shows; `issued_numbers`: the sum of the last numbers of all meters and epochs, since a
    void may state a total of before; 0: it does not say. `root`, `issuers`: the versions that it holds, and
    `generation` that of its card keys; 0: none. `oldest`: the oldest generation of them that it holds; 0: it
    does not say. `taken`: the number of the last document for cards that it has taken, with all before it.
    `statements`: the place of the last of its own statements that it was told. `refunds`: the digest of all
    that it was told of refunds (`refunds_digest`); empty: an older program, which hears nothing of them.
    """

    kiosk: Id
    online: bool
    sequence: Int
    count: Int = 0
    nonce: Nonce = ""
    clock: ClockStanding = ClockStanding.DOUBTFUL
    time_ms: Int = 0
    limits: Int = 0
    root: Int = 0
    issuers: Int = 0
    generation: Int = 0
    oldest: Int = 0
    taken: Int = 0
    waiting: _Count = 0
    offline_ueur: Int = 0
    offline_count: _Count = 0
    heard_ms: Int = 0
    issued_ueur: Int = 0
    issued_count: _Count = 0
    issued_numbers: Int = 0
    statements: Int = 0
    refunds: Annotated[str, Meta(pattern=r"^([0-9a-f]{16})?$(?!\n)")] = ""
    v: Literal[1] = 1


class KioskItem(Struct, frozen=True, kw_only=True):
    """One item of a kiosk's queue. `body`: an envelope, or a `CardHeard`. `at_ms`: the kiosk's own clock."""

    kiosk: Id
    number: Int
    at_ms: Int
    body: msgspec.Raw
    v: Literal[1] = 1


class CardHeard(Struct, frozen=True, kw_only=True):
    """What a card has brought from its meter: words with the meter's own MACs, over `card/SERIAL`.

    `state`: of EF.STATE; null where the meter has not read the card. `words`: the report and the holdings of
    EF.REPORTS, and the receipts of EF.PROOFS, as they lie there.
    """

    card: Serial
    meter: Id
    state: msgspec.Raw
    words: Annotated[tuple[msgspec.Raw, ...], Meta(max_length=_WORDS_MAX)] = ()
    v: Literal[1] = 1


class KioskAsk(Struct, frozen=True, kw_only=True):
    """An ask for the time: that of a meter on a card, or the kiosk's own where `ask` is null.

    `ask`: the meter's word with its MAC, over `card/CARD`. The kiosk's own has `nonce`.
    """

    kiosk: Id
    source: Source
    nonce: Nonce
    card: Serial = ""
    ask: msgspec.Raw
    v: Literal[1] = 1

    def meters_ask(self) -> TimeAsk | None:
        """The ask of a meter that this carries; None where it is the kiosk's own. Raises DocumentError."""
        return None if self.ask == NOTHING else read_message(bytes(self.ask), TimeAsk)


class ItemAck(Struct, frozen=True, array_like=True):
    """The controller has stored the item with this number and digest."""

    number: Int
    digest: _Digest


class CardDocument(Struct, frozen=True, kw_only=True):
    """What is to go onto the cards of a meter. `object`: of it a later `number` replaces an earlier one.

    `envelope` None: nothing of this object is to go there any more. `letter`: a key letter in its place, hex.
    """

    meter: Id
    object: Annotated[str, Meta(min_length=1, max_length=2 * ID_CHARS_MAX)]
    number: Int
    envelope: WireEnvelope | None = None
    letter: Annotated[str, Meta(pattern=r"^([0-9a-f]{2}){0,128}$(?!\n)")] = ""


class CardsKeySent(Struct, frozen=True):
    """The card keys of a generation, wrapped with the kiosk's own key (RFC 3394), as hex."""

    generation: Annotated[int, Meta(ge=1, le=65_535)]
    wrapped: Annotated[str, Meta(pattern=r"^[0-9a-f]{80}$(?!\n)")]


class RefundTold(Struct, frozen=True, array_like=True):
    """How far the office is with the refund of a payment."""

    payment: Id
    meter: Id
    amount_ueur: Int
    standing: RefundStanding


class StatementTold(Struct, frozen=True, array_like=True):
    """A statement of the kiosk's own key that the controller has booked; `place`: in their sequence."""

    place: Int
    envelope: WireEnvelope


class KioskOrders(Struct, frozen=True, kw_only=True):
    """What goes down to a kiosk. `echo`: the nonce of the status that it answers; empty: of none.

    `heard`: the highest number of a connection that the controller has heard of; a kiosk below it was
    restored, and numbers on. `limits`: the newest, where the kiosk does not obey them yet. `cards`: the
    newest card keys, where it lacks some or holds such as have ended; `earlier`: those before that have not,
    and `ended`: all below this generation have. `documents` rise by their numbers; no other document lies
    between `after` and the first of them. A kiosk that has not taken all up to `after` takes none, and its
    next status says so. A root and issuers come as the envelopes that they are.

    `stored`: up to which number the controller has stored all items; what was acknowledged above it may be
    lost with a restored store, and is sent again. `refunds`: all of this kiosk, where it has not said that it
    knows them. `statements`: to a kiosk that has forgotten some of its own, from its last one on; no other
    lies between `statements_after` and the first of them, and `statements_last` is the place of the last that
    there is. Only that one says what was paid: a later statement may take a payment back.
    """

    kiosk: Id
    echo: Nonce = ""
    heard: Int = 0
    acks: Annotated[tuple[ItemAck, ...], Meta(max_length=KIOSK_ACKS_MAX)] = ()
    limits: WireEnvelope | None = None
    cards: CardsKeySent | None = None
    earlier: Annotated[tuple[CardsKeySent, ...], Meta(max_length=2)] = ()
    ended: Int = 0
    after: Int = 0
    documents: Annotated[tuple[CardDocument, ...], Meta(max_length=KIOSK_DOCUMENTS_MAX)] = ()
    stored: Int | None = None
    refunds: Annotated[tuple[RefundTold, ...], Meta(max_length=KIOSK_REFUNDS_MAX)] = ()
    statements: Annotated[tuple[StatementTold, ...], Meta(max_length=KIOSK_STATEMENTS_MAX)] = ()
    statements_after: Int = 0
    statements_last: Int = 0
    v: Literal[1] = 1


KioskWord = KioskStatus | KioskItem | KioskAsk | KioskOrders
W = TypeVar("W", bound=KioskWord)
_PURPOSES: Final[dict[type, Purpose]] = {
    KioskStatus: Purpose.KIOSK_STATUS,
    KioskItem: Purpose.KIOSK_WORD,
    KioskAsk: Purpose.KIOSK_WORD,
    KioskOrders: Purpose.KIOSK_ORDERS,
}
_encoder = msgspec.json.Encoder()
_words: dict[type, msgspec.json.Decoder[object]] = {kind: msgspec.json.Decoder(kind) for kind in _PURPOSES}
_cards: msgspec.json.Decoder[CardHeard] = msgspec.json.Decoder(CardHeard)


def way_of(kiosk: str) -> str:
    """What the MACs of a kiosk's words cover in the place of a link."""
    return f"kiosk/{kiosk}"


def write_word(word: KioskWord, key: bytes) -> bytes:
    """The word with its MAC. Raises DocumentError where it does not fit into a message."""
    data = with_mac(_encoder.encode(word), _PURPOSES[type(word)], way_of(word.kiosk), key)
    if len(data) > PAYLOAD_BYTES_MAX:
        raise DocumentError(f"{type(word).__name__}: {len(data)} bytes; at most {PAYLOAD_BYTES_MAX}")
    return data


def read_word(data: bytes, kind: type[W], kiosk: str, key: bytes) -> W | Proof:
    """A word of this kiosk; what is wrong with its MAC, where it is not right.

    Raises DocumentError for anything else, and for the word of another kiosk.
    """
    word = read_json(_words[kind], data, kind.__name__)
    assert isinstance(word, kind)
    if word.kiosk != kiosk:
        raise DocumentError(f"{kind.__name__}: of {word.kiosk}; expected {kiosk}")
    proof = proof_of(data, _PURPOSES[kind], way_of(kiosk), key)
    return word if proof is Proof.AUTHENTIC else proof


def read_word_of_fleet(data: bytes, kind: type[W], kiosk: str, fleet_key: bytes) -> W | Proof:
    """As `read_word`, for the controller, which holds the fleet's key."""
    return read_word(data, kind, kiosk, kiosk_key(fleet_key, kiosk))


def read_kiosk_ask(data: bytes) -> KioskAsk:
    """An ask that a kiosk has sent, for whoever has not the kiosk's key. Raises DocumentError."""
    ask = read_json(_words[KioskAsk], data, "kiosk's ask")
    assert isinstance(ask, KioskAsk)
    return ask


def wrap_cards_key(generation: int, secret: bytes, key: bytes) -> CardsKeySent:
    """The card keys of a generation (32 bytes), for the kiosk with this key alone."""
    return CardsKeySent(generation, aes_key_wrap(key, secret).hex())


def unwrap_cards_key(sent: CardsKeySent, key: bytes) -> bytes:
    """The card keys that were sent. Raises DocumentError where they are for another kiosk, or changed."""
    try:
        return aes_key_unwrap(key, bytes.fromhex(sent.wrapped))
    except InvalidUnwrap:
        raise DocumentError("card keys: not for this kiosk, or changed") from None


def item_digest(body: bytes) -> str:
    """By which an acknowledgement names an item's body."""
    return sha256(body).hexdigest()[:DIGEST_CHARS]


def refunds_digest(refunds: Iterable[RefundTold]) -> str:
    """By which a kiosk names all that it was told of refunds, in whatever sequence."""
    return sha256(b"\n".join(sorted(map(_encoder.encode, refunds)))).hexdigest()[:DIGEST_CHARS]


def write_card_heard(
    card: str, meter: str, state: bytes, reports: Sequence[bytes], receipts: Sequence[bytes]
) -> bytes:
    """The body of an item: of what a card brought as much as fits, the last receipts left out first."""
    words = [*reports, *receipts][:_WORDS_MAX]
    while True:
        heard = CardHeard(
            card=card,
            meter=meter,
            state=msgspec.Raw(state) if state else NOTHING,
            words=tuple(map(msgspec.Raw, words)),
        )
        body = _encoder.encode(heard)
        if len(body) <= PAYLOAD_BYTES_MAX - AROUND_BYTES or not words:
            return body
        words = words[:-1]


def card_heard_bodies(
    card: str, meter: str, state: bytes, reports: Sequence[bytes], receipts: Sequence[bytes]
) -> list[bytes]:
    """All that a card brought, in as many bodies as it needs: what does not fit into one follows in the next.

    The state goes with the first. A word that fits into none is left out: no file of a card holds one.
    """
    found, words = list[bytes](), [*reports, *receipts]
    while True:
        body = write_card_heard(card, meter, b"" if found else state, words, [])
        took = len(read_card_heard(body).words)
        if took or not found:
            found.append(body)
            words = words[took:]
        else:
            words = words[1:]
        if not words:
            return found


def read_card_heard(body: bytes) -> CardHeard:
    """What a card brought; the meter's MACs are not checked yet. Raises DocumentError for anything else."""
    return read_json(_cards, body, "what a card brought")
