"""The question to the gate, as data: the firmware judges it, the black box keeps it (design §4.2).

`emulator.firmware.guarded.gate` has the rules that judge a question. Here are only the values, in the form
in which a journal and the link carry them.
"""

from msgspec import Struct

from protocols.reasons import ClockStatus, SupplyReason
from protocols.spans import Window


# `gc=False` in this file: there are many of these values, and they hold no reference cycles to collect.
class Interval(Struct, frozen=True, gc=False):
    """The instants that it may be now: `[earliest_ms, latest_ms]`, both included; None: unbounded."""

    status: ClockStatus
    earliest_ms: int
    latest_ms: int | None


class Permission(Struct, frozen=True, gc=False):
    """What the calendar and its lease permit.

    `windows_ms` are sorted, disjoint, half-open; windows that touch are joined. `lease_ends_ms` None: no
    lease permits this calendar. `complete`: every revision that the lease names is stored.
    """

    windows_ms: tuple[Window, ...] = ()
    lease_ends_ms: int | None = None
    complete: bool = False


class HoldSpan(Struct, frozen=True, gc=False):
    """No cut in `[from_ms, until_ms)`."""

    name: str
    from_ms: int
    until_ms: int


class Evidence(Struct, frozen=True, gc=False):
    """The facts behind the cause: an empty purse, a limiter order, or a cut order's own interval."""

    nothing_left: bool = False
    limiter_ordered: bool = False
    order_from_ms: int = 0
    order_until_ms: int = 0
    cancelled: bool = False


class Flags(Struct, frozen=True, gc=False):
    """`release_holds`: a release forbids cuts now; its hours are counted in ticks, whatever the date.

    A class for one bool, because journals of version 0.1 hold `"flags":{"release_holds":…}`.
    """

    release_holds: bool = False


class Question(Struct, frozen=True, gc=False):
    """All inputs of a verdict: the gate can judge it again, and must come to the same verdict."""

    cause: SupplyReason
    interval: Interval
    permission: Permission
    holds: tuple[HoldSpan, ...]
    evidence: Evidence
    flags: Flags
