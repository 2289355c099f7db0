"""What a guarded meter remembers: the content of its non-volatile image (design §4.4).

Plain records of integers, strings and frozen values, without behaviour: `clock`, `holds`,
`permission`, `causes` and `opening` each own a part and say what it means.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from emulator.firmware.credit import Credit
from emulator.firmware.guarded.clock import Clock
from emulator.firmware.guarded.gate import Question
from protocols.merging import Protection
from protocols.orders import Named
from protocols.reasons import Supply, SupplyReason
from protocols.roles import Root
from protocols.statements import Totals


@dataclass(frozen=True, slots=True)
class Calendar:
    """A cut calendar as stored; windows that touch are joined. `digest` is what a lease names it by."""

    rev: int
    digest: str
    windows_ms: tuple[tuple[int, int], ...]


# Calendars that meters of one process hold at a time: some regions, some seasons, and what is tried out.
@lru_cache(maxsize=256)
def shared_calendar(rev: int, digest: str, windows_ms: tuple[tuple[int, int], ...]) -> Calendar:
    """The same calendar as one object, however many emulated meters store it: it is a season long."""
    return Calendar(rev, digest, windows_ms)


@dataclass(frozen=True, slots=True)
class Lease:
    rev: int
    calendar: str
    calendar_rev: int
    calendar_digest: str
    ends_ms: int
    names: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class CutOrder:
    rev: int
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class ReleaseDate:
    """What ticks lost left of a release: it holds until the clock is trusted and `ends_ms` has surely passed.

    `ends_ms` None: not known; it is set, `left_ms` ahead, when the clock is trusted again.
    """

    ends_ms: int | None
    left_ms: int


@dataclass(frozen=True, slots=True)
class Opening:
    """The last opening, with all that was known then: `question` can be judged again."""

    epoch: int
    tick: int
    to: Supply
    object: str
    question: Question


@dataclass(slots=True)
class Memory:
    """Everything that survives a power cut.

    `warned` holds, per cause, the tick its warning began. `release_ends_at` is the tick at which a
    release's hours are over, 0 for none. `harm_revs` holds the highest rev of each object that only
    two people may revise; `cuts_seen` the rev and the end of each cut order that could still be good,
    also of those carried out: a repetition must not cut twice. Cut orders issued up to
    `cuts_cancelled_until_ms` count as cancelled: tombstones that had to make room.
    """

    clock: Clock
    credit: Credit
    supply: Supply = Supply.ON
    reason: SupplyReason = SupplyReason.NONE
    tick: int = 0
    nonces: int = 0
    root: Root | None = None
    garbage_noted_at: int | None = None
    protections: dict[str, Protection] = field(default_factory=dict)
    release_ends_at: int = 0
    release_date: ReleaseDate | None = None
    calendars: dict[str, Calendar] = field(default_factory=dict)
    lease: Lease | None = None
    cut_orders: dict[str, CutOrder] = field(default_factory=dict)
    tombstones: dict[str, int] = field(default_factory=dict)
    cuts_cancelled_until_ms: int = 0
    harm_revs: dict[str, int] = field(default_factory=dict)
    cuts_seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    emergency_revs: tuple[int, ...] = ()
    totals: Totals = field(default_factory=Totals)
    limiter_ordered: bool = False
    warned: dict[str, int] = field(default_factory=dict)
    low_credit_told: bool = False
    opening: Opening | None = None
