"""The kinds of order and the roles that sign them, and what the row of a kind says (design §5).

The rows are in `kinds`. Each closed list here has a few members with a meaning of their own: a new kind
chooses among them, and whoever asks its row needs no new case.
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


@unique
class Joins(StrEnum):
    """How the revisions of one object join, and so which order takes the place of which.

    `interval`: protection that joins; it gives way to a revision whose interval covers its own.
    `from_its_order`: protection that joins, from each order on and without end; any later revision covers it.
    `remembered`: the meter remembers that it took place; it gives way to a revision of as many hours.
    `floor`: two people lower the protection of the object; whatever is below gives way.
    `tombstone`: the object is void for ever; whatever has a lower revision gives way.
    `latest`: the highest revision says all that the lower ones said, or makes them void.
    `each`: every revision acts once; none takes the place of another.
    """

    INTERVAL = "interval"
    FROM_ITS_ORDER = "from_its_order"
    REMEMBERED = "remembered"
    FLOOR = "floor"
    TOMBSTONE = "tombstone"
    LATEST = "latest"
    EACH = "each"


@unique
class ShownBy(StrEnum):
    """The part of a sync with which a meter shows that it holds an order.

    `revision`: the object's floor is at or above it, or its revision is named. `floor`: the floor is.
    `receipt`: a sync has no word for it; that the meter has accepted it is known from the receipt alone.
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

    `lapses`: it is sent within a minute or never, and never again by itself.
    `until_stored`: it is sent again until the meter's receipt has come.
    `until_effective`: it is sent again until a report shows its effect; a receipt is not enough.
    """

    LAPSES = "lapses"
    UNTIL_STORED = "until_stored"
    UNTIL_EFFECTIVE = "until_effective"


@unique
class Dates(StrEnum):
    """At which instants of its clock's interval a meter demands that an order is good.

    `every_instant` and `end_only` demand a trusted clock too. `end_only`: what begins later is
    taken, and kept until then.
    `none`: the order carries no time that a meter could judge.
    """

    EVERY_INSTANT = "every_instant"
    SOME_INSTANT = "some_instant"
    END_ONLY = "end_only"
    NONE = "none"


class KindRule(Struct, frozen=True, kw_only=True):
    """What is true of a kind of order.

    role: who signs. prefix: its objects are `prefix/NAME`. body: what it carries.
    joins, shown_by, silence, dates: see there.
    resent_rank: whether it is sent again where a sync shows that a meter lacks it, and in which sequence:
      lower first. None: never.
    life_ms: how long it is good, from its issue or from the end that its body names, whichever is later.
      None: it ends exactly when its drafter says.
    backdated_ms: how long before its issue it is good already. None: it begins when its drafter says.
    life_ms_max: the longest life, from its issue, that a meter accepts. None: any.
    retained: whether the broker keeps it for meters to come, where it addresses the fleet.
    one_meter: whether a meter takes it only where it is addressed by name and alone.
    needs_supply: whether a report reads it back only where there is supply, or a button restores it.
    undone_by: the kind that lifts, clears or cancels it. None: a later order of its own kind, or nothing.
    quota: how many objects of the kind one person may have in force. None, as for all today: no quota.
    revivable: whether an order of the kind whose expiry was found to be premature may be active again. False
      for all today: an expired order is issued anew.
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
