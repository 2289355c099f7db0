"""Whom a reactivation has not brought back, when a cut is planned for them: in English, for operators."""

from collections.abc import Sequence
from typing import Final

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


def _meters(meters: Sequence[str]) -> str:
    return "1 meter" if len(meters) == 1 else f"{len(meters)} meters"


def _named(meters: Sequence[str]) -> str:
    more = len(meters) - _NAMED_MAX
    return ", ".join(meters[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
