"""Whom a reactivation has not brought back, when a cut is planned for them: in English, for operators."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from protocols.words.en.times import local_in_words

_NAMED_MAX: Final = 5


def unreached_in_words(campaign: str, nobody: Sequence[str], undone: Sequence[str]) -> list[str]:
    """A sentence for those whom nobody has reached, and one for those who know and are not done."""
    found: list[str] = []
    if nobody:
        found.append(
            f"{_meters(nobody)} may be cut, and the reactivation {campaign} has reached nobody there:"
            f" {_named(nobody)}; `relance reactivation visit {campaign}` has their doors"
        )
    if undone:
        found.append(
            f"{_meters(undone)} may be cut, reached by the reactivation {campaign} and not done:"
            f" {_named(undone)}"
        )
    return found


def left_in_words(left: int) -> list[str]:
    """A sentence on those who have left, and what to do for those who came after; none where all stayed."""
    if not left:
        return []
    have = "1 household has" if left == 1 else f"{left} households have"
    now = "nobody knows who lives there now: they get no reminder, no visit and no warning"
    return [f"{have} left since it was opened, and {now}, so open a new reactivation for them."]


def early_end_in_words(campaign: str, deadline_ms: int, until_ms: int | None, zone: ZoneInfo) -> str:
    """That meters may be cut before the deadline that households are told."""
    told = f"households of the reactivation {campaign} are told {local_in_words(deadline_ms, zone)}"
    if until_ms is None:
        return f"{told}, and no moratorium forbids cuts until then"
    return (
        f"{told}, and the last moratorium for the fleet ends before that, on {local_in_words(until_ms, zone)}"
    )


def kept_by_groups_in_words(groups: Sequence[str], outside: int) -> str:
    """Which moratoriums for groups last, and how many households they do not reach; empty where none does."""
    if not groups:
        return ""
    households = "1 household is" if outside == 1 else f"{outside} households are"
    return f"; that for {', '.join(groups)} lasts, and {households} outside"


def _meters(meters: Sequence[str]) -> str:
    return "1 meter" if len(meters) == 1 else f"{len(meters)} meters"


def _named(meters: Sequence[str]) -> str:
    more = len(meters) - _NAMED_MAX
    return ", ".join(meters[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
