"""Why meters will not be cut by a plan: a sentence for each reason."""

from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo

from protocols.cutting.hindrances import Hindrance, NotCut, Obstacle
from protocols.words.en.times import local

_NAMED_MAX: Final = 5
_FIXED: Final = {
    Obstacle.PROTECTED: "the household is protected: a meter with a limiter limits in place of a cut",
    Obstacle.NO_CALENDAR: "no calendar is in force: without windows no meter cuts",
    Obstacle.NO_WINDOW: "its calendar has no window then",
    Obstacle.NO_LEASE: "no lease is in force; `relance serve` issues them",
}


def not_cut_in_words(groups: Iterable[NotCut], zone: ZoneInfo) -> list[str]:
    """Who will not be cut, and why: one sentence for each reason."""
    return [f"{_who(group.meters)} will not be cut: {why_not(group.hindrance, zone)}." for group in groups]


def why_not(hindrance: Hindrance, zone: ZoneInfo, *, ahead: bool = False) -> str:
    """One reason, as a clause: `the hold winter forbids it until …`. `ahead`: for all the time to come."""
    name = hindrance.object.partition("/")[2]
    until = "" if hindrance.until_ms is None else f" until {local(hindrance.until_ms, zone)}"
    match hindrance.why:
        case Obstacle.HOLD:
            return f"the hold {name} forbids it{until}"
        case Obstacle.FLAG:
            return f"the flag {name} forbids it until two people clear it"
        case Obstacle.RELEASE:
            return f"the hours of a release run{until} at least"
        case Obstacle.NO_WINDOW if ahead:
            return "its calendar has no window ahead"
        case _:
            return _FIXED[hindrance.why]


def _who(meters: tuple[str, ...]) -> str:
    named = ", ".join(meters[:_NAMED_MAX])
    more = len(meters) - _NAMED_MAX
    return f"{named} and {more} more" if more > 0 else named
