"""What the gate is asked, as data: a firmware judges it, the black box holds it, `why` reads it (§4.2).

The rules that judge a question stand in `emulator.firmware.guarded.gate`. Here are only the values, in
the form in which a journal and the link carry them.
"""

from msgspec import Struct

from protocols.reasons import ClockStatus, SupplyReason
from protocols.spans import Window


# Values like these hold no cycles, and there are many of them: the collector need not know (`gc=False`).
class Interval(Struct, frozen=True, gc=False):
    """When it may be now: `[earliest_ms, latest_ms]`, both included; None: unbounded."""

    status: ClockStatus
    earliest_ms: int
    latest_ms: int | None


class Permission(Struct, frozen=True, gc=False):
    """What the calendar and its lease permit.

    `windows_ms` are sorted, disjoint, half-open; windows that touched have been joined. `lease_ends_ms`
    None: no lease keeps this calendar alive. `complete`: every revision that the lease names is stored.
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
    """What speaks for the cause: an empty purse, a limiter order, or a cut order's own interval."""

    nothing_left: bool = False
    limiter_ordered: bool = False
    order_from_ms: int = 0
    order_until_ms: int = 0
    cancelled: bool = False


class Flags(Struct, frozen=True, gc=False):
    """`release_holds`: a release counts its hours in ticks, so that it holds whatever the date.

    A class for one bool, because journals of version 0.1 hold `"flags":{"release_holds":…}`.
    """

    release_holds: bool = False


class Question(Struct, frozen=True, gc=False):
    """All that a verdict follows from: whoever has it can judge again."""

    cause: SupplyReason
    interval: Interval
    permission: Permission
    holds: tuple[HoldSpan, ...]
    evidence: Evidence
    flags: Flags
