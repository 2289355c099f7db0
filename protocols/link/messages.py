"""The messages on the link besides signed envelopes: births, readings, syncs, reports (design §5).

JSON by msgspec, versioned, at most 16 KiB. A meter's reports (receipts, reported, events) carry a MAC under
the meter's own key over the bytes of the report, so that neither a link nor an intruder on it can forge
them. What each meter holds, its readings and its asks, a link's births, and what the controller acknowledges
to a meter carry a short MAC as their last member (`protocols.link.proofs`). An unknown field is ignored, so
that older receivers read newer senders.
"""

import hmac
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from protocols.decoding import read_json
from protocols.documents.accounts import Account
from protocols.documents.bodies import Id, Named
from protocols.documents.envelope import WireEnvelope
from protocols.limits import (
    ID_CHARS_MAX,
    ISSUERS_TOLD_MAX,
    KEY_GENERATIONS_MAX,
    KEYS_VOUCHING_MAX,
    PAYLOAD_BYTES_MAX,
    READINGS_PER_BATCH_MAX,
    REV_MAX,
    TEXT_CHARS_MAX,
)
from protocols.link.numbers import SPANS_MAX
from protocols.reasons import ClockStatus, Energy, OrderVerdict, Source, Supply, SupplyReason

Nonce = Annotated[str, Meta(max_length=ID_CHARS_MAX)]
Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
# Every JSON reader and both databases keep 53 bits. A larger number would make the store refuse its batch.
Int = Annotated[int, Meta(ge=-REV_MAX, le=REV_MAX)]
# One life of a meter or link, from its commissioning on; drawn by chance, so that no two are the same. Its
# words are numbered in it, and it says it with each. 0: an older firmware, or an image that such a one wrote.
Epoch = Annotated[int, Meta(ge=0, le=REV_MAX)]
# Room for the rest of a batch: the names of its fields, the link's name, and the last word's MAC.
_AROUND_BYTES: Final = 320
# So large may a word be that fits into a batch alone.
WORD_BYTES_MAX: Final = PAYLOAD_BYTES_MAX - _AROUND_BYTES
# One of each source.
WITNESSES_MAX: Final = len(Source)


class Status(Struct, frozen=True, kw_only=True):
    """A link's birth (`online`), or its last will. `sequence` counts births: a later one wins.

    It carries the link's MAC. `echo`: the nonce of the controller's birth that the link has heard last. The
    controller does not know every `epoch`; one that it does not know counts only with the present nonce.
    """

    link: Id
    online: bool
    sequence: Int
    meters: Int
    epoch: Epoch = 0
    echo: Nonce = ""
    v: Literal[1] = 1


class ControllerStatus(Struct, frozen=True, kw_only=True):
    """The controller's birth (`online`), or its last will. A link answers a new birth with its sync.

    Otherwise the controller would miss, until a link's next connect, what the link published meanwhile.
    `signed`: the same as a birth in an envelope, which only the holder of the service's key can make (see
    `protocols.link.births`); None from an older service.
    """

    online: bool
    sequence: Int
    signed: WireEnvelope | None = None
    v: Literal[1] = 1


class Reading(Struct, frozen=True, kw_only=True):
    """One meter's register. `time_ms` is the meter's estimate; `number` rises by one with each reading.

    It carries the meter's MAC.
    """

    meter: Id
    number: Int
    time_ms: Int
    energy_wh: Int
    balance_ueur: Int
    supply: Supply
    epoch: Epoch = 0


class Readings(Struct, frozen=True, kw_only=True):
    """A batch of readings from one link."""

    link: Id
    readings: Annotated[tuple[Reading, ...], Meta(max_length=READINGS_PER_BATCH_MAX)]
    v: Literal[1] = 1


class CalendarHeld(Struct, frozen=True):
    object: str
    rev: Int
    digest: str


class StatementHeld(Struct, frozen=True, omit_defaults=True):
    """The highest statement of an issuer in an epoch; `epoch` 0 is left out.

    Of an issuer a meter may hold two: of its present epoch, and of the one that was closed last.
    """

    issuer: str
    number: Int
    total_ueur: Int
    epoch: Annotated[int, Meta(ge=0, le=REV_MAX)] = 0


# Half of an X25519 pair, as hex.
Half = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class KeyTold(Struct, frozen=True):
    """The half that a meter drew for the key under which it speaks (`agreement`), and who vouches for it.

    `generation`: of the fleet's key whose half it took. `vouches`: a MAC under each key that it had before,
    the first one first.
    """

    generation: Annotated[int, Meta(ge=1, le=KEY_GENERATIONS_MAX)]
    public: Half
    vouches: Annotated[tuple[Nonce, ...], Meta(max_length=KEYS_VOUCHING_MAX)]


class MeterHolds(Struct, frozen=True, kw_only=True):
    """What one meter holds, so that the controller can send what is missing. It carries the meter's MAC.

    `number` is drawn from the count of the meter's reports: the later of the two words is the newer one.
    `issuers_version`: of its issuers document, 0 where it has none; absent from an older firmware. `key`:
    absent while the meter speaks under the key of its manufacture.
    """

    meter: Id
    energy: Energy
    firmware: str
    profile: str
    supply: Supply
    clock: ClockStatus
    protections: tuple[Named, ...]
    calendars: tuple[CalendarHeld, ...]
    lease_rev: Int
    lease_ends_ms: Int
    statements: tuple[StatementHeld, ...]
    cut_orders: tuple[str, ...]
    tombstones: tuple[str, ...]
    root_version: Int
    issuers_version: Int | UnsetType = UNSET
    key: KeyTold | UnsetType = UNSET
    number: Int = 0
    epoch: Epoch = 0
    echo: Nonce = ""


class Sync(Struct, frozen=True, kw_only=True):
    """Sent at every connect, in as many messages as the size limit requires. `more`: another follows."""

    link: Id
    meters: tuple[MeterHolds, ...]
    more: bool
    v: Literal[1] = 1


class Receipt(Struct, frozen=True, kw_only=True, tag="receipt", tag_field="report"):
    """A meter's answer to one order. `kind`, `reason`, `known_number` are those of `records.OrderJudged`.

    `document` is the digest of the document that it answers (`envelope.document_digest`): an id alone could
    name two. Empty: an older firmware.
    """

    meter: Id
    order: str
    kind: str
    object: str
    rev: Int
    verdict: OrderVerdict
    reason: str
    number: Int
    known_number: Int | UnsetType = UNSET
    document: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)] = ""
    epoch: Epoch = 0
    v: Literal[1] = 1


class Witness(Struct, frozen=True, kw_only=True):
    """The last time that a meter heard from one source, as the meter judges it now (design §4.1).

    `fresh`: an answer to the meter's own nonce; else a one-way time, which is a lower bound only.
    `heard_ms`: when it was heard, by the meter's estimate. `offset_ms`: that time less the meter's estimate
    for the same instant; for an answer the middle of the interval that it allows, for a one-way time its
    lower end. `agrees`: whether the interval of the meter's clock and that of the source have an instant in
    common.
    """

    source: Source
    fresh: bool
    agrees: bool
    heard_ms: Int
    offset_ms: Int


class Reported(Struct, frozen=True, kw_only=True, tag="reported", tag_field="report"):
    """A meter's state after a change: the confirmation that makes a delivery *effective*.

    `number` rises with every report of the meter: a lower number that arrives later is ignored.
    `journal` is the number of the black box's last entry when the report was made. The report confirms every
    order whose receipt has that number or a lower one, whichever of the two messages arrives first.
    `earliest_ms`, `latest_ms`: the interval of the meter's clock; None: unbounded. `witnesses`: the last one
    of each source that the meter has heard and not forgotten, the latest first. `account`: what went in and
    out of the purse; None from an older firmware. `link` is the link over which the meter says it; empty: an
    older firmware. `totals`: what the meter has credited, of each issuer; of too many, the first by name.
    `last_event`: the number of the last entry of the black box that is told as an event; 0: none, or an older
    firmware. `oldest_entry`: the lowest number that the black box still holds; 0: an older firmware.
    """

    meter: Id
    number: Int
    journal: Int
    supply: Supply
    reason: SupplyReason
    clock: ClockStatus
    earliest_ms: Int
    latest_ms: Int | None
    time_ms: Int
    balance_ueur: Int
    emergency_ueur: Int
    next_possible_ms: Int | None
    dispute_nonce: Nonce
    code: Text
    witnesses: Annotated[tuple[Witness, ...], Meta(max_length=WITNESSES_MAX)] = ()
    account: Account | None = None
    link: Annotated[str, Meta(max_length=ID_CHARS_MAX)] = ""
    totals: Annotated[tuple[StatementHeld, ...], Meta(max_length=ISSUERS_TOLD_MAX)] = ()
    last_event: Int = 0
    oldest_entry: Int = 0
    epoch: Epoch = 0
    echo: Nonce = ""
    v: Literal[1] = 1


class MeterEvent(Struct, frozen=True, kw_only=True, tag="event", tag_field="report"):
    """One record of the black box with its number in the chain.

    `record` is one of `protocols.link.records`, as the bytes that the chain's hash covers. The controller
    stores it unchanged, even if a newer firmware wrote it and this version cannot read it. `after`: no entry
    between that number and this one is told as an event, so that a gap shows; unset: an older firmware.
    """

    meter: Id
    number: Int
    time_ms: Int
    record: msgspec.Raw
    after: Int | UnsetType = UNSET
    epoch: Epoch = 0
    v: Literal[1] = 1


class TimeAsk(Struct, frozen=True, kw_only=True):
    """A meter asks one time authority. Every authority receives it; the one that is named answers.

    It carries a MAC under the meter's key for asks to that authority (`keys.ask_key`); `key`: the half that
    the meter drew for it, where it was agreed on later.
    """

    meter: Id
    source: Source
    nonce: Nonce
    key: Half | UnsetType = UNSET
    v: Literal[1] = 1


class Acked(Struct, frozen=True, kw_only=True):
    """What the controller has stored of one meter's black box, in the meter's life `epoch`.

    All entries up to `upto`, and the spans `beyond`, each with its first and last number; what it leaves out
    is told again. `heard`: the number of the meter's newest report or holdings that the controller knows; it
    shows that this is no recording. It carries the meter's MAC.
    """

    meter: Id
    epoch: Epoch
    heard: Int
    upto: Int
    beyond: Annotated[tuple[tuple[Int, Int], ...], Meta(max_length=SPANS_MAX)] = ()


class Acks(Struct, frozen=True, kw_only=True):
    """Acknowledgements to the meters of one link; none where only `births` is to be told.

    `births`: the number of the birth by which the controller lists the link as online; 0: it lists it as
    offline. A link that knows better says its birth again. It is a hint, and needs no proof.
    """

    link: Id
    births: Int
    meters: tuple[Acked, ...]
    v: Literal[1] = 1


Report = Receipt | Reported | MeterEvent


class _SyncWords(Struct, frozen=True, kw_only=True):
    """A `Sync` whose meters are still the bytes that their MACs cover."""

    link: Id
    meters: tuple[msgspec.Raw, ...]
    more: bool
    v: Literal[1] = 1


class _ReadingsWords(Struct, frozen=True, kw_only=True):
    """`Readings` that are still the bytes that their MACs cover."""

    link: Id
    readings: Annotated[tuple[msgspec.Raw, ...], Meta(max_length=READINGS_PER_BATCH_MAX)]
    v: Literal[1] = 1


class _AcksWords(Struct, frozen=True, kw_only=True):
    """`Acks` whose words are still the bytes that their MACs cover."""

    link: Id
    births: Int
    meters: tuple[msgspec.Raw, ...]
    v: Literal[1] = 1


class Authenticated(Struct, frozen=True):
    """A report's bytes and their MAC: HMAC-SHA-256 with the meter's key, as hex."""

    report: msgspec.Raw
    mac: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


Message = Status | ControllerStatus | Readings | Sync | TimeAsk | Acks
M = TypeVar("M", bound=Message)

_encoder = msgspec.json.Encoder()
_authenticated = msgspec.json.Decoder(Authenticated)
_reports: msgspec.json.Decoder[Receipt | Reported | MeterEvent] = msgspec.json.Decoder(Report)
_sync_words = msgspec.json.Decoder(_SyncWords)
_readings_words = msgspec.json.Decoder(_ReadingsWords)
_acks_words = msgspec.json.Decoder(_AcksWords)
_plain: dict[type, msgspec.json.Decoder[object]] = {
    kind: msgspec.json.Decoder(kind) for kind in (Status, ControllerStatus, Readings, Sync, TimeAsk, Acks)
}


def write_message(message: Message) -> bytes:
    """The bytes of a message as they travel."""
    return _encoder.encode(message)


def read_message(data: bytes, kind: type[M]) -> M:
    """A message of `kind`. Raises DocumentError for any other bytes."""
    message = read_json(_plain[kind], data, kind.__name__.lower())
    assert isinstance(message, kind)
    return message


def write_sync(link: str, words: Sequence[bytes], *, more: bool) -> bytes:
    """A sync that carries the words of these meters exactly as they are."""
    return _encoder.encode(_SyncWords(link=link, meters=tuple(map(msgspec.Raw, words)), more=more))


def write_readings(link: str, words: Sequence[bytes]) -> bytes:
    """A batch that carries these readings exactly as they are."""
    return _encoder.encode(_ReadingsWords(link=link, readings=tuple(map(msgspec.Raw, words))))


def write_acks(link: str, births: int, words: Sequence[bytes]) -> bytes:
    """Acknowledgements that carry these words exactly as they are."""
    return _encoder.encode(_AcksWords(link=link, births=births, meters=tuple(map(msgspec.Raw, words))))


def read_acks(data: bytes) -> tuple[Acks, list[bytes]]:
    """Acknowledgements, and the word of each meter, whose MAC is not checked yet.

    Raises DocumentError for anything else.
    """
    acks, raw = read_message(data, Acks), read_json(_acks_words, data, "acks")
    return acks, list(map(bytes, raw.meters))


def in_messages(words: Sequence[bytes], words_max: int | None = None) -> Iterator[Sequence[bytes]]:
    """The words in batches that each fit into a message with what stands around them."""
    batch: list[bytes] = []
    size = _AROUND_BYTES
    for word in words:
        if batch and (size + len(word) + 1 > PAYLOAD_BYTES_MAX or len(batch) == words_max):
            yield batch
            batch, size = [], _AROUND_BYTES
        batch.append(word)
        size += len(word) + 1
    if batch:
        yield batch


def read_holds(data: bytes) -> tuple[str, list[tuple[MeterHolds, bytes]]]:
    """The link of a sync, and what each meter holds with its word, whose MAC is not checked yet.

    Raises DocumentError for anything else.
    """
    sync, raw = read_message(data, Sync), read_json(_sync_words, data, "sync")
    return sync.link, list(zip(sync.meters, map(bytes, raw.meters), strict=True))


def read_readings(data: bytes) -> tuple[str, list[tuple[Reading, bytes]]]:
    """The link of a batch, and each reading with its word, whose MAC is not checked yet.

    Raises DocumentError for anything else.
    """
    batch, raw = read_message(data, Readings), read_json(_readings_words, data, "readings")
    return batch.link, list(zip(batch.readings, map(bytes, raw.readings), strict=True))


def write_report(report: Report, key: bytes) -> bytes:
    """A report with its MAC under the meter's key."""
    body = _encoder.encode(report)
    return _encoder.encode(Authenticated(msgspec.Raw(body), _mac(body, key)))


def read_report(data: bytes) -> tuple[Report, bytes, str]:
    """A report, the bytes that its MAC covers, and the MAC, which is not checked yet: see `is_authentic`.

    Raises DocumentError if it is malformed.
    """
    outer = read_json(_authenticated, data, "report")
    body = bytes(outer.report)
    return read_json(_reports, body, "report"), body, outer.mac


def is_authentic(body: bytes, mac: str, key: bytes) -> bool:
    """Whether this MAC of a report was made with `key` (HMAC-SHA-256, in constant time)."""
    return hmac.compare_digest(_mac(body, key), mac)


def _mac(body: bytes, key: bytes) -> str:
    return hmac.digest(key, body, "sha256").hex()
