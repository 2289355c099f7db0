"""The explanation of a meter's supply as values: what `why METER` finds (design §6).

`controller.why.rules` finds them in the black box; `protocols.words` has a sentence for each.
"""

from msgspec import Struct

from protocols.cutting.hindrances import Hindrance
from protocols.link.messages import Witness
from protocols.link.question import HoldSpan, Interval
from protocols.reasons import Because, ClockStatus, Supply, SupplyReason
from protocols.spans import Window


class LastReport(Struct, frozen=True, kw_only=True):
    """The meter's last report. None: it has never reported."""

    meter: str
    supply: str | None
    supply_reason: str | None
    clock: str | None
    reported_ms: int | None


class Unreadable(Struct, frozen=True):
    """Entries that this version cannot read. Any of them may be the last change."""

    numbers: tuple[int, ...]


class EarlierEntries(Struct, frozen=True):
    """How many entries are older than those that were considered."""

    count: int


class MissingEntries(Struct, frozen=True):
    """Entries of the black box that have not arrived: each span with its first and last number.

    `asked`: the meter holds them, and is asked for them. `lost`: it does not hold them any more.
    """

    asked: tuple[tuple[int, int], ...]
    lost: tuple[tuple[int, int], ...]


class NoChange(Struct, frozen=True):
    """No change of the supply is among the entries that have arrived."""


class LastChange(Struct, frozen=True, kw_only=True):
    """The last change of the supply. `time_ms`: by the meter's own estimate."""

    number: int
    time_ms: int
    before: Supply
    after: Supply
    reason: SupplyReason


class VerdictMissing(Struct, frozen=True):
    """The verdict that led to the last cut has not arrived."""


class OpenedForSafety(Struct, frozen=True):
    """The supply was cut for a safety cause, which no hold forbids."""


class Opened(Struct, frozen=True, kw_only=True):
    """Why the gate permitted the last cut. `met`: holds that met the interval, so that the cut was wrong."""

    interval: Interval
    window: Window | None
    lease_ends_ms: int | None
    known: tuple[str, ...]
    met: tuple[str, ...]


class CutRefused(Struct, frozen=True, kw_only=True):
    """The last cut that the gate refused. `held`: the holds that met the interval."""

    number: int
    time_ms: int
    cause: SupplyReason
    reason: Because
    held: tuple[HoldSpan, ...]


class Vouched(Struct, frozen=True):
    """A source of the meter's time, as of its last report."""

    witness: Witness


class WrongDate(Struct, frozen=True, kw_only=True):
    """The last date of a source that differed from the meter's own clock."""

    number: int
    source: str
    offset_ms: int
    verdict: str


class ClockDoubted(Struct, frozen=True):
    """The clock is not trusted: the meter cuts nobody."""

    number: int
    status: ClockStatus


class ProtectedNow(Struct, frozen=True, kw_only=True):
    """A hold that forbids cuts now. `unconfirmed`: the delivery's state; None: the meter has the order."""

    object: str
    rev: int
    until_ms: int
    unconfirmed: str | None


class HoldAhead(Struct, frozen=True, kw_only=True):
    """A hold that will forbid cuts; `unconfirmed` as in `ProtectedNow`."""

    object: str
    rev: int
    from_ms: int
    until_ms: int
    unconfirmed: str | None


class FlagSet(Struct, frozen=True, kw_only=True):
    """A flag of the household: it forbids every cut until two people clear it.

    `limits`: it limits in place of a cut, where the meter has a limiter.
    """

    object: str
    limits: bool
    unconfirmed: str | None


class KeyVoided(Struct, frozen=True, kw_only=True):
    """Two people have lifted all protection that a key of `holder` had signed. `object`: `void/KEYID`.

    `unconfirmed` as in `ProtectedNow`: then the meter may still hold it.
    """

    object: str
    holder: str
    unconfirmed: str | None


class ReleaseInForce(Struct, frozen=True, kw_only=True):
    """A release whose hours run. `until_ms`: their end at the earliest; `left_ms`: what is left of them.

    `unconfirmed` as in `ProtectedNow`: then the hours begin only when the meter has the release. `by`: who
    made it, as far as that is known.
    """

    object: str
    rev: int
    by: str
    until_ms: int
    left_ms: int
    unconfirmed: str | None


class CutAhead(Struct, frozen=True, kw_only=True):
    """A planned cut in force. `windows`: the parts of the calendar's windows inside its interval.

    `first_ms`: when it may happen first by the orders in force; None: not at all, for the `hindrances`.
    """

    object: str
    rev: int
    from_ms: int
    until_ms: int
    windows: tuple[Window, ...]
    first_ms: int | None
    hindrances: tuple[Hindrance, ...]
    unconfirmed: str | None


class NextCut(Struct, frozen=True, kw_only=True):
    """The meter's own forecast: the first instant at which it would permit a cut; None: it knows of none.

    `said_ms`: when it reported that. `fresh`: it knew all orders in force then, none of them contradicts it,
    and the instant is to come.
    """

    instant_ms: int | None
    said_ms: int | None
    fresh: bool


class NextByOrders(Struct, frozen=True, kw_only=True):
    """The first instant that the orders in force leave open to a cut; None: none, for the `hindrances`."""

    instant_ms: int | None
    hindrances: tuple[Hindrance, ...]


Explanation = (
    LastReport
    | Unreadable
    | EarlierEntries
    | MissingEntries
    | NoChange
    | LastChange
    | VerdictMissing
    | OpenedForSafety
    | Opened
    | CutRefused
    | Vouched
    | WrongDate
    | ClockDoubted
    | ProtectedNow
    | HoldAhead
    | FlagSet
    | KeyVoided
    | ReleaseInForce
    | CutAhead
    | NextCut
    | NextByOrders
)
