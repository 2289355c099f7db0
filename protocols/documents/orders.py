"""The documents that change a meter: orders, leases and signed times.

Duty: say what each document holds, who must sign it (its role) and how long it may live. How
signatures are carried is `envelope`; who may sign is `roles`; how revisions join is `merging`.

An order revises one *object* (`hold/moratorium-2020`, `flag/medical`, `calendar/season-2020`).
Its `rev` counts the object's revisions. `not_before_ms` and `not_after_ms` bound the half-open
interval in which it is good; for a cut order that interval is when the cut itself may happen.
Design §5.
"""

from enum import StrEnum, unique
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from protocols.decoding import read_json
from protocols.errors import DocumentError
from protocols.identifiers import ID_FORM
from protocols.limits import (
    CLAIM_SPREAD_MS_MAX,
    CLAIM_SPREAD_MS_MIN,
    ID_CHARS_MAX,
    OBJECTS_MAX,
    REV_MAX,
    REVISIONS_MAX,
    SCOPE_METERS_MAX,
    STATEMENT_UEUR_MAX,
    TEXT_CHARS_MAX,
    WINDOWS_MAX,
    ReleaseHours,
)
from protocols.reasons import FlagName, HoldKind
from protocols.spans import InstantMs, Window

ORDER_TYPE: Final = "application/vnd.relance.order+json"
TIME_TYPE: Final = "application/vnd.relance.time+json"

# In a pattern `$` alone would also let a line feed follow; `$(?!\n)` means the end to Python and to readers
# of the JSON schema alike.
Id = Annotated[str, Meta(min_length=1, max_length=ID_CHARS_MAX, pattern=rf"^{ID_FORM}$(?!\n)")]
ObjectName = Annotated[
    str,
    Meta(min_length=3, max_length=ID_CHARS_MAX + 16, pattern=rf"^[a-z]+/{ID_FORM}$(?!\n)"),
]
Rev = Annotated[int, Meta(ge=1, le=REV_MAX)]
Ueur = Annotated[int, Meta(ge=0, le=STATEMENT_UEUR_MAX)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


@unique
class Kind(StrEnum):
    HOLD = "hold"
    RELEASE = "release"
    PAYMENT = "payment"
    EMERGENCY_CREDIT = "emergency_credit"
    SET_FLAG = "set_flag"
    CANCEL_CUT = "cancel_cut"
    CUT_CALENDAR = "cut_calendar"
    CUT_ORDER = "cut_order"
    SHORTEN_HOLD = "shorten_hold"
    LIFT_HOLD = "lift_hold"
    CLEAR_FLAG = "clear_flag"
    LIMITER = "limiter"
    TARIFF = "tariff"
    REBASE = "rebase"
    LEASE = "lease"


@unique
class Role(StrEnum):
    """What a signer may do. Thresholds stand in the root document and count distinct holders."""

    PROTECT = "protect"
    HARM = "harm"
    LEASE = "lease"
    TIME = "time"
    ROOT = "root"


class _Body(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the bodies: immutable, and a field nobody knows is an error, not a surprise."""


class HoldBody(_Body, frozen=True):
    """No cut in `[from_ms, until_ms)`. Declares or extends: revisions of one hold join."""

    from_ms: InstantMs
    until_ms: InstantMs
    hold_kind: HoldKind = HoldKind.MORATORIUM


class ReleaseBody(_Body, frozen=True):
    """Restore now, and hold for `hours` of ticks from carrying it out (design §4.2)."""

    hours: ReleaseHours = 72


class PaymentBody(_Body, frozen=True):
    """A statement: the running total of all payments of one issuer to this meter (design §4.3)."""

    issuer: Id
    number: Rev
    total_ueur: Ueur


class EmergencyCreditBody(_Body, frozen=True):
    """Start the emergency credit as if its button had been pressed; once per rev."""


class FlagBody(_Body, frozen=True):
    """Set (`set_flag`) or clear (`clear_flag`) a household's flag."""

    name: FlagName


class CancelCutBody(_Body, frozen=True):
    """Cancel a cut order, come or still to come; leaves a tombstone."""

    cut: ObjectName


class CutCalendarBody(_Body, frozen=True):
    """When the meter may cut: UTC windows `[start_ms, end_ms)`, sorted and disjoint.

    `rule`, `zone` and `holidays` say what the windows were compiled from; the meter ignores them.
    """

    windows: Annotated[tuple[Window, ...], Meta(max_length=WINDOWS_MAX)]
    rule: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)] = ""
    zone: Annotated[str, Meta(max_length=ID_CHARS_MAX)] = ""
    holidays: Annotated[str, Meta(max_length=ID_CHARS_MAX)] = "none"


class CutOrderBody(_Body, frozen=True):
    """Cut inside the order's own interval, and inside a window like every cut."""


class HoldFloorBody(_Body, frozen=True):
    """A two-person floor under a hold: `shorten_hold` gives its new interval."""

    from_ms: InstantMs
    until_ms: InstantMs


class LiftBody(_Body, frozen=True):
    """A two-person floor with an empty interval."""


class LimiterBody(_Body, frozen=True):
    """Engage or disengage the limiter at the profile's power."""

    engaged: bool


class TariffBody(_Body, frozen=True):
    """Prices from now on. Register switches come with a later schema."""

    price_ueur_per_kwh: Annotated[int, Meta(ge=0, le=100_000_000)]
    fixed_ueur_per_day: Annotated[int, Meta(ge=0, le=100_000_000)]


class RebaseBody(_Body, frozen=True):
    """Begin a new tick epoch for the dispute of this nonce; carries no time (design §4.1)."""

    nonce: Annotated[str, Meta(min_length=1, max_length=ID_CHARS_MAX)]


class Named(Struct, frozen=True, forbid_unknown_fields=True):
    """One object in force as the controller knows it: its floor (0 for none) and the revs above it."""

    object: ObjectName
    floor: Annotated[int, Meta(ge=0, le=REV_MAX)] = 0
    revs: Annotated[tuple[Rev, ...], Meta(max_length=REVISIONS_MAX)] = ()


class LeaseBody(_Body, frozen=True):
    """Keeps one calendar alive, to the order's `not_after_ms`, and names all protection in force."""

    calendar: ObjectName
    calendar_rev: Rev
    calendar_digest: Digest
    names: Annotated[tuple[Named, ...], Meta(max_length=OBJECTS_MAX)] = ()


Body = (
    HoldBody
    | ReleaseBody
    | PaymentBody
    | EmergencyCreditBody
    | FlagBody
    | CancelCutBody
    | CutCalendarBody
    | CutOrderBody
    | HoldFloorBody
    | LiftBody
    | LimiterBody
    | TariffBody
    | RebaseBody
    | LeaseBody
)


class KindRule(Struct, frozen=True):
    """What a kind of order revises, who signs it, and what its body is."""

    role: Role
    prefix: str
    body: type[Body]


KINDS: Final[dict[Kind, KindRule]] = {
    Kind.HOLD: KindRule(Role.PROTECT, "hold", HoldBody),
    Kind.RELEASE: KindRule(Role.PROTECT, "release", ReleaseBody),
    Kind.PAYMENT: KindRule(Role.PROTECT, "payment", PaymentBody),
    Kind.EMERGENCY_CREDIT: KindRule(Role.PROTECT, "emergency", EmergencyCreditBody),
    Kind.SET_FLAG: KindRule(Role.PROTECT, "flag", FlagBody),
    Kind.CANCEL_CUT: KindRule(Role.PROTECT, "cut", CancelCutBody),
    Kind.CUT_CALENDAR: KindRule(Role.HARM, "calendar", CutCalendarBody),
    Kind.CUT_ORDER: KindRule(Role.HARM, "cut", CutOrderBody),
    Kind.SHORTEN_HOLD: KindRule(Role.HARM, "hold", HoldFloorBody),
    Kind.LIFT_HOLD: KindRule(Role.HARM, "hold", LiftBody),
    Kind.CLEAR_FLAG: KindRule(Role.HARM, "flag", FlagBody),
    Kind.LIMITER: KindRule(Role.HARM, "limiter", LimiterBody),
    Kind.TARIFF: KindRule(Role.HARM, "tariff", TariffBody),
    Kind.REBASE: KindRule(Role.HARM, "clock", RebaseBody),
    Kind.LEASE: KindRule(Role.LEASE, "lease", LeaseBody),
}


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
    """A fresh answer to a meter's own nonce: true time is within `time_ms ± spread_ms` while answering."""

    meter: Id
    nonce: Annotated[str, Meta(min_length=16, max_length=ID_CHARS_MAX)]
    time_ms: InstantMs
    spread_ms: Annotated[int, Meta(ge=CLAIM_SPREAD_MS_MIN, le=CLAIM_SPREAD_MS_MAX)]


class OneWayTime(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="one_way", tag_field="form"
):
    """A numbered broadcast or card time: when heard, true time is at least `time_ms - spread_ms`."""

    number: Rev
    time_ms: InstantMs
    spread_ms: Annotated[int, Meta(ge=CLAIM_SPREAD_MS_MIN, le=CLAIM_SPREAD_MS_MAX)]


SignedTime = TimeAnswer | OneWayTime

B = TypeVar("B", bound=Body)

# Bodies read and remembered: more than the orders that are under way at once.
_BODIES_REMEMBERED: Final = 256

_orders = msgspec.json.Decoder(Order)
_bodies = {kind: msgspec.json.Decoder(rule.body) for kind, rule in KINDS.items()}
_times: msgspec.json.Decoder[TimeAnswer | OneWayTime] = msgspec.json.Decoder(TimeAnswer | OneWayTime)
_encoder = msgspec.json.Encoder(order="deterministic")


def make_body(body: Body) -> msgspec.Raw:
    """A body as it stands in an order."""
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
    """What a lease names a calendar by: SHA-256 over its body's bytes, as hex."""
    return sha256(bytes(order.body)).hexdigest()


def read_time(payload: bytes) -> SignedTime:
    """A signed time from its bytes. Raises DocumentError where it is malformed."""
    return read_json(_times, payload, "time")


@lru_cache(maxsize=_BODIES_REMEMBERED)
def _read_body(kind: Kind, body: bytes) -> Body:
    """Remembered: a fleet-wide order reaches thousands of emulated meters, which then share its body."""
    return read_json(_bodies[kind], body, "order: body")


def _check_body(order: Order) -> None:
    body = _read_body(order.kind, bytes(order.body))
    if isinstance(body, HoldBody | HoldFloorBody) and body.until_ms <= body.from_ms:
        raise DocumentError("order: body: until_ms must be later than from_ms")
    if isinstance(body, CutCalendarBody):
        edges = [edge for window in body.windows for edge in window]
        if any(later <= sooner for sooner, later in pairwise(edges)):
            raise DocumentError("order: body: windows must be sorted, disjoint and not empty")
