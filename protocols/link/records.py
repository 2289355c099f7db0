"""The records of the black box: one type for each kind of entry (design §4.4).

A meter writes records, a link carries them as events, and the controller explains cuts with them, all in
one form. Records are ordered by number, never by time. They hold what a person or a replay needs to see why
something happened: an order with its verdict, a claim with its offset, a verdict of the gate with its inputs.
"""

from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from protocols.link.question import Question
from protocols.reasons import (
    Because,
    ClaimSource,
    ClaimVerdict,
    ClockCause,
    ClockStatus,
    CreditCause,
    OrderVerdict,
    ScreenCode,
    Supply,
    SupplyReason,
)


class _Record(Struct, frozen=True, tag_field="event"):
    """Base: immutable, tagged by the name that also stands in `--json` and on the link."""


class SupplyChanged(_Record, frozen=True, tag="supply"):
    before: Supply
    after: Supply
    reason: SupplyReason


class ClaimHeard(_Record, frozen=True, tag="claim"):
    """A date from outside. `offset_ms`: the claim less the meter's best estimate; None where it has none.

    `passed_over`: how many unsigned dates came since the last one in the black box, and are not in it.
    """

    source: ClaimSource
    verdict: ClaimVerdict
    offset_ms: int | None
    time_ms: int
    passed_over: int | UnsetType = UNSET


class ClockChanged(_Record, frozen=True, tag="clock"):
    """`latest_ms` None: unbounded. `nonce` names a dispute."""

    status: ClockStatus
    earliest_ms: int
    latest_ms: int | None
    cause: ClockCause
    nonce: str = ""


class OrderJudged(_Record, frozen=True, tag="order"):
    """A meter's verdict on a document.

    `kind` is the order's `Kind`, or a `NoOrder`. `reason` is a `Refusal` if refused, else what it `Did`; in a
    card meter's record it is a sentence. Both are `str`: a reader of JSON cannot tell two enums apart.
    `known_number`: only for an order that is refused as `stale_number`, `stale_rev` or `below_floor`, the
    number that this meter holds of its object: one with a higher number is taken.
    """

    order: str
    kind: str
    object: str
    rev: int
    verdict: OrderVerdict
    reason: str = ""
    known_number: int | UnsetType = UNSET


class CreditChanged(_Record, frozen=True, tag="credit"):
    balance_ueur: int
    emergency_ueur: int
    cause: CreditCause


class WarningShown(_Record, frozen=True, tag="warning"):
    """A cut is announced for `cause`; it comes no earlier than `warning_s` after this."""

    cause: SupplyReason
    warning_s: int


class ScreenShown(_Record, frozen=True, tag="screen"):
    text: str
    code: ScreenCode


class GateJudged(_Record, frozen=True, tag="verdict"):
    """A verdict of the gate with all its inputs."""

    open: bool
    reason: Because
    question: Question


class FaultShown(_Record, frozen=True, tag="fault"):
    """An injected fault acted. Only emulated meters write it: a real meter does not know its faults."""

    name: str
    effect: str


RECORDS: Final = (
    SupplyChanged,
    ClaimHeard,
    ClockChanged,
    OrderJudged,
    CreditChanged,
    WarningShown,
    ScreenShown,
    GateJudged,
    FaultShown,
)
Record = (
    SupplyChanged
    | ClaimHeard
    | ClockChanged
    | OrderJudged
    | CreditChanged
    | WarningShown
    | ScreenShown
    | GateJudged
    | FaultShown
)

_records: msgspec.json.Decoder[
    SupplyChanged
    | ClaimHeard
    | ClockChanged
    | OrderJudged
    | CreditChanged
    | WarningShown
    | ScreenShown
    | GateJudged
    | FaultShown
] = msgspec.json.Decoder(Record)


def read_record(text: str) -> Record | None:
    """A record from its JSON. None if its type, or a value in it, is not known to this version.

    Raises msgspec.DecodeError for text that is not JSON, which is never stored as a record.
    """
    try:
        return _records.decode(text)
    except msgspec.ValidationError:
        return None
