"""Who is behind a meter: columns of `meters list --who`, rows of `meters show`, fields of `--json`."""

from typing import Any

from msgspec import to_builtins

from controller.meters.behind import HouseholdView
from controller.meters.views import MeterView

WHO_HEADS = ("meter", "EAN", "area", "DSO", "category", "energy", "flags")
WIDE_WHO_HEADS = (*WHO_HEADS, "language", "groups", "profile", "firmware", "link")
_UNKNOWN = "unknown"


def who_row(view: MeterView, *, wide: bool) -> tuple[str, ...]:
    """A line of `meters list --who`: what the DSO's file says, and the energy that the meter names itself."""
    found = view.household
    if found is None:
        return (view.id, *[_UNKNOWN] * 4, view.energy or _UNKNOWN, *[_UNKNOWN] * (6 if wide else 1))
    texts = (found.ean, found.area, found.dso, found.category, view.energy or found.energy)
    more = (found.language, _words(found.groups), found.profile, found.firmware, found.link)
    shown = (*texts, _words(found.flags), *(more if wide else ()))
    # Who has no name yet would be named by the EAN twice.
    meter = "none yet" if view.expected and view.id == found.ean else view.id
    return (meter, *(text or _UNKNOWN for text in shown))


def household_rows(view: MeterView) -> list[tuple[str, str]]:
    """The lines of `meters show` about the household; where file and meter differ, that is said."""
    found = view.household
    if found is None:
        return [("household", "unknown: no file of the DSO names this meter")]
    place = ", ".join(text or _UNKNOWN for text in (found.area, found.dso, found.category, found.language))
    return [
        ("EAN", found.ean),
        ("area, DSO, category, language", place),
        ("groups", _words(found.groups)),
        ("flags in the DSO's file", _words(found.flags)),
        *(("differs from the DSO's file", line) for line in _differences(view, found)),
    ]


def household_fields(view: MeterView) -> dict[str, Any]:
    """The JSON fields about the household; null where nobody knows it."""
    found = None if view.household is None else to_builtins(view.household)
    return {"expected": view.expected, "household": found}


def _differences(view: MeterView, found: HouseholdView) -> list[str]:
    if view.expected:
        return []
    pairs = (
        ("energy", view.energy, found.energy),
        ("profile", view.profile, found.profile),
        ("firmware", view.firmware, found.firmware),
        ("link", view.link, found.link),
    )
    return [
        f"{name} {said}, not {expected}"
        for name, said, expected in pairs
        if said is not None and expected is not None and said != expected
    ]


def _words(words: tuple[str, ...]) -> str:
    return " ".join(words) or "none"
