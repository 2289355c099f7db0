"""The kinds of order, the roles that sign them, and the properties that a kind has (design §5).

`kinds` holds one row of these properties for each kind. A new kind chooses among the members of the closed
lists here, so that the code that reads its row needs no new case.
"""

from enum import StrEnum, unique

from msgspec import Struct

from protocols.documents.bodies import Body


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
    VOID = "void"
    LIMITER = "limiter"
    TARIFF = "tariff"
    DEFERRAL = "deferral"
    DEBT = "debt"
    REFUND = "refund"
    PARAMETERS = "parameters"
    KEYS = "keys"
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


@unique
class Joins(StrEnum):
    """How the revisions of one object join, and so which order supersedes which.

    `interval`: protection that joins; a later revision whose interval covers the earlier one supersedes it.
    `from_its_order`: protection that joins, from each order's begin on; any later revision supersedes it.
    `remembered`: the meter remembers that it was carried out; a later revision of as many hours or more
      supersedes it.
    `floor`: two people lower the protection of the object; it supersedes every lower revision.
    `tombstone`: the object is void for ever; it supersedes every lower revision.
    `taken_away`: two people take away all protection that one key has signed, in whatever object; it
      supersedes the orders that stand on that key alone, and none of its own kind.
    `latest`: only the highest revision counts; it supersedes the lower ones.
    `each`: every revision acts once; none supersedes another.
    """

    INTERVAL = "interval"
    FROM_ITS_ORDER = "from_its_order"
    REMEMBERED = "remembered"
    FLOOR = "floor"
    TOMBSTONE = "tombstone"
    TAKEN_AWAY = "taken_away"
    LATEST = "latest"
    EACH = "each"


@unique
class ShownBy(StrEnum):
    """The part of a sync that shows that a meter holds an order.

    `revision`: the object's floor is at or above the order's revision, or that revision is listed.
    `floor`: the object's floor is at or above it. `receipt`: no part of a sync shows it, only the receipt.
    """

    REVISION = "revision"
    FLOOR = "floor"
    STATEMENT = "statement"
    TOMBSTONE = "tombstone"
    CALENDAR = "calendar"
    CUT_ORDER = "cut_order"
    LEASE = "lease"
    RECEIPT = "receipt"


@unique
class Silence(StrEnum):
    """What follows when a meter does not answer an order.

    `lapses`: its message expires after a minute, and no retry follows; a sync may ask for it (`resent_rank`).
    `until_stored`: it is sent again until the meter's receipt has come.
    `until_effective`: it is sent again until a report shows its effect; a receipt is not enough.
    """

    LAPSES = "lapses"
    UNTIL_STORED = "until_stored"
    UNTIL_EFFECTIVE = "until_effective"


@unique
class Dates(StrEnum):
    """At which instants of its clock's interval a meter demands that an order is valid.

    `every_instant` and `end_only` also demand a trusted clock. `end_only`: an order that begins later is
    accepted, and kept until then; so is protection of `some_instant`. `number`: at none where a key numbers
    the order (`orders.numbering_key`), else at some instant. `none`: the order carries no time that a meter
    could judge.
    """

    EVERY_INSTANT = "every_instant"
    SOME_INSTANT = "some_instant"
    END_ONLY = "end_only"
    NUMBER = "number"
    NONE = "none"


class KindRule(Struct, frozen=True, kw_only=True):
    """The properties of a kind of order.

    role: who signs. prefix: its objects are `prefix/NAME`. body: what it carries.
    joins, shown_by, silence, dates: see their classes.
    resent_rank: whether it is sent again if a sync shows that a meter lacks it, and in which sequence:
      lower first. None: never.
    life_ms: how long it is valid, from its issue or from the end that its body names, whichever is later.
      None: it ends exactly when its drafter says.
    backdated_ms: how long before its issue its validity begins. None: it begins when its drafter says.
    life_ms_max: the longest life, from its issue, that a meter accepts. None: any.
    retained: whether the broker retains it for later connects, if it addresses the fleet.
    one_meter: whether a meter accepts it only if it addresses that meter alone, by name.
    needs_supply: whether a report confirms it only if the supply is on, or a button restores it.
    undone_by: the kind that lifts, clears or cancels it. None: a later order of its own kind, or nothing.
    quota: how many objects of the kind one person may have at a meter; what is beyond joins one object of
      that person (`room`). None: no quota.
    revivable: whether an order that only a wrong clock ended becomes active again. Protection does; harm that
      has expired stays expired.
    """

    role: Role
    prefix: str
    body: type[Body]
    joins: Joins
    shown_by: ShownBy
    resent_rank: int | None
    silence: Silence
    dates: Dates
    life_ms: int | None
    backdated_ms: int | None
    life_ms_max: int | None = None
    retained: bool = False
    one_meter: bool = False
    needs_supply: bool = False
    undone_by: Kind | None = None
    quota: int | None = None
    revivable: bool = False
