"""What a guarded meter remembers: the content of its non-volatile image (design §4.4).

Plain records of integers, strings and frozen values, without behaviour: `clock`, `holds`,
`known`, `causes` and `opening` each own a part and say what it means. Tables are replaced, never
changed in place: see `sharing`. An image is a map of these fields' names, so that no name here can change
without a new version of the image; `release_ends_at` and `garbage_noted_at` are ticks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.msgpack import Decoder

from emulator.firmware.credit import Credit
from emulator.firmware.guarded.clock import Clock
from emulator.firmware.guarded.sharing import no_entries
from emulator.firmware.packed import PackedTable
from emulator.firmware.ticks import FIRST_TICK, Tick
from protocols.documents.bodies import Named, TariffBody
from protocols.documents.issuers import Issuers
from protocols.documents.merging import Protection
from protocols.documents.roles import Root
from protocols.documents.statements import NO_TOTALS, Statement, Totals
from protocols.instants import UtcMs
from protocols.link.question import Question
from protocols.reasons import PaymentMode, Source, Supply, SupplyReason
from protocols.spans import Window

# `release_ends_at` of a meter that no release holds.
NO_RELEASE: Final = Tick(0)


class Calendar(Struct, frozen=True, gc=False):
    """A cut calendar as stored; windows that touch are joined. `digest` is what a lease names it by."""

    rev: int
    digest: str
    windows_ms: tuple[Window, ...]

    def __hash__(self) -> int:
        """By its digest: a season of windows is long, and the digest covers them."""
        return hash(self.digest)


class Lease(Struct, frozen=True, gc=False):
    rev: int
    calendar: str
    calendar_rev: int
    calendar_digest: str
    ends_ms: int
    names: tuple[Named, ...]


class CutOrder(Struct, frozen=True, gc=False):
    rev: int
    from_ms: int
    until_ms: int


class CutSeen(NamedTuple):
    """The rev of a cut order that came, and the end of its interval, `until_ms`."""

    rev: int
    until_ms: int


class ReleaseDate(Struct, frozen=True, gc=False):
    """What ticks lost left of a release: it holds until the clock is trusted and `ends_ms` has surely passed.

    `ends_ms` None: not known; it is set, `left_ms` ahead, when the clock is trusted again.
    """

    ends_ms: UtcMs | None
    left_ms: int


class Allowance(Struct, frozen=True, gc=False):
    """What an issuer could credit at `tick`; from then on it grows."""

    level_ueur: int
    tick: Tick


class Debt(Struct, frozen=True, gc=False):
    """How payments bring a debt back. `taken_q`: since `began`, of what the cap of a period allows."""

    share_permille: int
    payment_cap_ueur: int
    period_cap_ueur: int
    period_days: int
    began: Tick
    taken_q: int = 0


class ParameterSet(Struct, frozen=True, gc=False):
    """A version of what two people set of a meter. `groups` None: those of its commissioning."""

    version: int
    from_ms: int
    mode: PaymentMode
    groups: tuple[str, ...] | None


class Parameters(Struct, frozen=True, gc=False):
    """The versions that a meter keeps, the lowest first, which of them is in force, and its groups."""

    sets: tuple[ParameterSet, ...]
    in_force: int
    groups: tuple[str, ...] | None


class Deferral(Struct, frozen=True, gc=False):
    """Nothing is charged by estimates in `[from_ms, until_ms)`."""

    from_ms: int
    until_ms: int


class OwnKeys(Struct, frozen=True, gc=False):
    """The keys that a meter uses in place of those of its manufacture.

    `earlier`: its own keys before, the first one first. The rest is as in `protocols.link.messages.KeyTold`.
    """

    generation: int
    public: str
    key: bytes
    asks: Mapping[Source, bytes]
    earlier: tuple[bytes, ...]


class CardKept(Struct, frozen=True, gc=False, array_like=True):
    """Of cards: the highest pairing epoch that has authenticated, and how many words went up on cards."""

    epoch: int = 0
    words: int = 0


class DatesNoted(Struct, frozen=True, gc=False, array_like=True):
    """When an unsigned date was logged last, and how many have come since."""

    logged_at: Tick
    passed_over: int = 0


class KeyHours(Struct, frozen=True, gc=False):
    """The hours of one key's releases: the tick at which they end, and what lost ticks left of them."""

    ends_at: Tick = NO_RELEASE
    date: ReleaseDate | None = None


class Opening(Struct, frozen=True, gc=False):
    """The last opening, with all that was known then: `question` can be judged again."""

    epoch: int
    tick: Tick
    to: Supply
    object: str
    question: Question


# A meter seldom asks these: it holds them as bytes.


class Allowances(PackedTable[str, Allowance]):
    __slots__ = ()

    decoder = Decoder(dict[str, Allowance])


class HarmRevs(PackedTable[str, int]):
    __slots__ = ()

    decoder = Decoder(dict[str, int])


@dataclass(slots=True)
class Memory:
    """Everything that survives a power cut.

    `warned` holds, per cause, the tick its warning began. `release_ends_at` is the tick at which a release's
    hours are over; it and `release_date` join the hours that `released_by` keeps per key. `voided`: the
    short keyids of the keys whose protection two people have taken away. `harm_revs` holds the highest rev
    of each object that only two people may revise; `cuts_seen` the rev and the end of each cut order that
    could still be good, also of those carried out: a repetition must not cut twice. Cut orders issued up to
    `cuts_cancelled_until_ms` count as cancelled: tombstones that had to make room. `issuers_of` holds, per
    issuer of statements, the person whose signature made it known here, while there is no `issuers` document.
    `allowances` holds what each of its issuers may credit, `waiting` a statement above that. `epoch` is the
    life of the meter, not that of its ticks: drawn by chance at its commissioning, its nonces and numbers are
    counted in it. 0: an image from before lives were told apart. `tariff`: the one in force, if it has
    registers or if anything was deferred; else its prices are in `credit` alone. `debt`: the terms of a debt,
    whose sums are in `credit`. `card`: None while no card has ever authenticated. `keys`: None while those of
    its manufacture are in use. `dates`: None while nobody has set a date unsigned.
    """

    clock: Clock
    credit: Credit
    supply: Supply = Supply.ON
    reason: SupplyReason = SupplyReason.NONE
    tick: Tick = FIRST_TICK
    nonces: int = 0
    root: Root | None = None
    garbage_noted_at: Tick | None = None
    protections: Mapping[str, Protection] = field(default_factory=no_entries)
    release_ends_at: Tick = NO_RELEASE
    release_date: ReleaseDate | None = None
    released_by: Mapping[str, KeyHours] = field(default_factory=no_entries)
    voided: tuple[str, ...] = ()
    calendars: Mapping[str, Calendar] = field(default_factory=no_entries)
    lease: Lease | None = None
    cut_orders: Mapping[str, CutOrder] = field(default_factory=no_entries)
    tombstones: Mapping[str, int] = field(default_factory=no_entries)
    cuts_cancelled_until_ms: int = 0
    harm_revs: Mapping[str, int] = field(default_factory=no_entries)
    cuts_seen: Mapping[str, CutSeen] = field(default_factory=no_entries)
    emergency_revs: tuple[int, ...] = ()
    totals: Totals = NO_TOTALS
    issuers_of: Mapping[str, str] = field(default_factory=no_entries)
    limiter_ordered: bool = False
    warned: Mapping[str, Tick] = field(default_factory=no_entries)
    low_credit_told: bool = False
    opening: Opening | None = None
    epoch: int = 0
    issuers: Issuers | None = None
    allowances: Mapping[str, Allowance] = field(default_factory=no_entries)
    waiting: Mapping[str, Statement] = field(default_factory=no_entries)
    tariff: TariffBody | None = None
    debt: Debt | None = None
    parameters: Parameters | None = None
    deferrals: Mapping[str, Deferral] = field(default_factory=no_entries)
    card: CardKept | None = None
    keys: OwnKeys | None = None
    dates: DatesNoted | None = None
