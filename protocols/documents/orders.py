"""The documents that change a meter: orders, leases and signed times.

Duty: define the fields around a body, and read and write documents. `bodies` defines what an order carries;
`kinds` says who must sign it, how long it is valid, and the other properties of its kind. How signatures
are carried is in `envelope`, who may sign in `roles`, how revisions join in `merging`.

An order revises one *object* (`hold/moratorium-2020`, `flag/medical`, `calendar/season-2020`).
Its `rev` counts the object's revisions. `not_before_ms` and `not_after_ms` bound the half-open
interval in which it is valid; for a cut order that interval is when the cut itself may happen.
Design §5.
"""

import re
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from protocols.decoding import read_json
from protocols.documents.bodies import (
    Body,
    CutCalendarBody,
    DeferralBody,
    HoldBody,
    HoldFloorBody,
    Id,
    ObjectName,
    ParametersBody,
    Rev,
    TariffBody,
)
from protocols.documents.kind_rule import Dates, Kind, Role
from protocols.documents.kinds import KINDS
from protocols.errors import DocumentError
from protocols.limits import (
    CLAIM_SPREAD_MS_MAX,
    CLAIM_SPREAD_MS_MIN,
    ID_CHARS_MAX,
    SCOPE_METERS_MAX,
    TEXT_CHARS_MAX,
)
from protocols.spans import InstantMs, protected_until_ms

ORDER_TYPE: Final = "application/vnd.relance.order+json"
TIME_TYPE: Final = "application/vnd.relance.time+json"


class Scope(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whom an order addresses: named meters, one group, or the whole fleet; exactly one of them."""

    meters: Annotated[tuple[Id, ...], Meta(max_length=SCOPE_METERS_MAX)] = ()
    group: Annotated[str, Meta(max_length=ID_CHARS_MAX)] = ""
    fleet: bool = False

    def __post_init__(self) -> None:
        if (bool(self.meters), bool(self.group), self.fleet).count(True) != 1:
            raise ValueError("scope names meters, a group or the fleet: exactly one of them")


class Order(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The signed document. `body` stays raw until its kind is known: see `body_of`."""

    id: Id
    kind: Kind
    object: ObjectName
    scope: Scope
    rev: Rev
    issued_at_ms: InstantMs
    not_before_ms: InstantMs
    not_after_ms: InstantMs
    basis: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
    body: msgspec.Raw
    v: Literal[1] = 1


class TimeAnswer(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="answer", tag_field="form"
):
    """The answer to a meter's own nonce: when it was made, true time was within `time_ms ± spread_ms`."""

    meter: Id
    nonce: Annotated[str, Meta(min_length=16, max_length=ID_CHARS_MAX)]
    time_ms: InstantMs
    spread_ms: Annotated[int, Meta(ge=CLAIM_SPREAD_MS_MIN, le=CLAIM_SPREAD_MS_MAX)]


class OneWayTime(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="one_way", tag_field="form"
):
    """A numbered time by broadcast or card: when it is heard, true time is at least `time_ms - spread_ms`."""

    number: Rev
    time_ms: InstantMs
    spread_ms: Annotated[int, Meta(ge=CLAIM_SPREAD_MS_MIN, le=CLAIM_SPREAD_MS_MAX)]


SignedTime = TimeAnswer | OneWayTime

B = TypeVar("B", bound=Body)

_SHORT_KEYID_CHARS: Final = 16
_KEYID: Final = re.compile(r"[0-9a-f]{64}")

# Size of the cache of bodies: more than the orders that are on their way at once.
_BODIES_REMEMBERED: Final = 256
# Objects of releases: one of each key of a root, and those of older commands.
_NUMBERED_REMEMBERED: Final = 256

_orders = msgspec.json.Decoder(Order)
_bodies = {kind: msgspec.json.Decoder(rule.body) for kind, rule in KINDS.items()}
_times: msgspec.json.Decoder[TimeAnswer | OneWayTime] = msgspec.json.Decoder(TimeAnswer | OneWayTime)
_encoder = msgspec.json.Encoder(order="deterministic")


def make_body(body: Body) -> msgspec.Raw:
    """A body as the raw JSON that an order holds."""
    return msgspec.Raw(_encoder.encode(body))


def write_document(document: Order | SignedTime) -> bytes:
    """The bytes that are signed."""
    return _encoder.encode(document)


def read_order(payload: bytes) -> Order:
    """An order from signed bytes. Raises DocumentError where it breaks the form of its kind."""
    order = read_json(_orders, payload, "order")
    prefix = KINDS[order.kind].prefix
    if not order.object.startswith(prefix + "/"):
        raise DocumentError(f"order: object {order.object!r}; a {order.kind} revises {prefix}/NAME")
    if order.not_after_ms <= order.not_before_ms:
        raise DocumentError("order: not_after_ms must be later than not_before_ms")
    _check_body(order)
    return order


def body_of(order: Order, expected: type[B]) -> B:
    """The order's body as `expected`; asking for another kind's body is a bug of the caller."""
    body = _read_body(order.kind, bytes(order.body))
    assert isinstance(body, expected), (order.kind, expected)
    return body


def digest_of(order: Order) -> str:
    """The digest by which a lease names a calendar: SHA-256 over the bytes of its body, as hex."""
    return sha256(bytes(order.body)).hexdigest()


def numbering_key(order: Order) -> str | None:
    """The keyid that numbers a release, or None where its dates are judged as those of any protection.

    The object of a numbered release is `release/KEYID`, its rev the number: how often this key has released,
    over all meters. It must be signed with this key. So a key can use up only its own numbers (design §5).
    """
    return None if KINDS[order.kind].dates is not Dates.NUMBER else keyid_named_by(order.object)


@lru_cache(maxsize=_NUMBERED_REMEMBERED)
def keyid_named_by(object_name: str) -> str | None:
    """The keyid in an object such as `release/KEYID`; None where it is named otherwise.

    Cached: each meter asks it several times of each release, and a fleet's release is the same for all.
    """
    found = _KEYID.fullmatch(object_name.partition("/")[2])
    return None if found is None else found.group()


def good_until_ms(order: Order) -> int:
    """When an order stops being valid: its `not_after_ms`; of protection "for ever", the end of all dates."""
    if KINDS[order.kind].role is Role.PROTECT:
        return protected_until_ms(order.not_after_ms)
    return order.not_after_ms


def presented_until_ms(order: Order) -> int | None:
    """Until when a release may be put in that a clerk has dated; None: no end is meant, or it is no such one.

    A dated one begins when it was issued: its span is that in which a household may present its card. Every
    other numbered release is backdated, as all protection is, and its dates are nobody's business: so one
    that was signed by a wrong clock works.
    """
    if numbering_key(order) is None or order.not_before_ms != order.issued_at_ms:
        return None
    return good_until_ms(order)


def short_keyid(keyid: str) -> str:
    """The first 64 bits of a keyid: by these a meter notes which key signed.

    To find a second key with the same ones takes 2**64 attempts, and would only put what that key signs
    beside what the first one has signed.
    """
    return keyid[:_SHORT_KEYID_CHARS]


def fingerprint_of(order: Order) -> str:
    """Says which document this is among those of one number: 64 bits of SHA-256 over all that is signed."""
    return sha256(write_document(order)).hexdigest()[:16]


def read_time(payload: bytes) -> SignedTime:
    """A signed time from its bytes. Raises DocumentError where it is malformed."""
    return read_json(_times, payload, "time")


@lru_cache(maxsize=_BODIES_REMEMBERED)
def _read_body(kind: Kind, body: bytes) -> Body:
    """Cached: a fleet-wide order reaches thousands of emulated meters, which then share its body."""
    return read_json(_bodies[kind], body, "order: body")


def _check_body(order: Order) -> None:
    body = _read_body(order.kind, bytes(order.body))
    if isinstance(body, HoldBody | HoldFloorBody | DeferralBody) and body.until_ms <= body.from_ms:
        raise DocumentError("order: body: until_ms must be later than from_ms")
    if isinstance(body, CutCalendarBody):
        edges = [edge for window in body.windows for edge in window]
        if any(later <= sooner for sooner, later in pairwise(edges)):
            raise DocumentError("order: body: windows must be sorted, disjoint and not empty")
    if (
        isinstance(body, ParametersBody)
        and body.back_to is not None
        and (body.mode or body.groups is not None)
    ):
        raise DocumentError("order: body: back_to stands alone: it brings the values of that version")
    if isinstance(body, TariffBody):
        _check_registers(body)


def _check_registers(tariff: TariffBody) -> None:
    names = [each.obis for each in tariff.registers]
    if tariff.switches and not names:
        raise DocumentError("order: body: a tariff without registers has nothing to switch")
    if len({*names}) < len(names):
        raise DocumentError("order: body: each register stands in a tariff once")
    if any(later.at_ms <= sooner.at_ms for sooner, later in pairwise(tariff.switches)):
        raise DocumentError("order: body: switches must be sorted, at different instants")
    if any(each.register > len(names) for each in tariff.switches):
        raise DocumentError("order: body: a switch names a register that the tariff has not")
