"""Why a meter will not be cut although a cut is planned: as values; `protocols.words` has the sentences."""

from enum import StrEnum, unique

from msgspec import Struct


@unique
class Obstacle(StrEnum):
    """What keeps a meter from cutting.

    `protected` limits the supply in place of a cut, where the meter has a limiter; all others forbid the cut.
    `no_window`: the calendar has no window at that time; `no_lease`: nothing keeps the calendar alive.
    """

    HOLD = "hold"
    FLAG = "flag"
    RELEASE = "release"
    PROTECTED = "protected"
    NO_CALENDAR = "no_calendar"
    NO_WINDOW = "no_window"
    NO_LEASE = "no_lease"


class Hindrance(Struct, frozen=True, kw_only=True):
    """One obstacle. `object`: the order's object, such as `hold/winter`; empty where no order is the cause.

    `until_ms`: when it ends by itself; None: two people must end it, or a calendar or lease must come.
    """

    why: Obstacle
    object: str = ""
    until_ms: int | None = None


class NotCut(Struct, frozen=True, kw_only=True):
    """Meters that a plan names and that will not be cut, all for the same reason."""

    hindrance: Hindrance
    meters: tuple[str, ...]
