"""What the orders in force do to a meter, and when it may be cut next: a sentence for each (design §6)."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from protocols.cutting.hindrances import Hindrance
from protocols.instants import MINUTE_MS
from protocols.link.explanation import (
    CutAhead,
    FlagSet,
    HoldAhead,
    KeyVoided,
    NextByOrders,
    NextCut,
    ProtectedNow,
    ReleaseInForce,
)
from protocols.words.en.hindrances import why_not
from protocols.words.en.orders import object_in_words, revision_in_words
from protocols.words.en.times import duration, local

_WINDOWS_NAMED_MAX: Final = 3

ForecastPart = (
    ProtectedNow | HoldAhead | FlagSet | KeyVoided | ReleaseInForce | CutAhead | NextCut | NextByOrders
)


def forecast_in_words(found: ForecastPart, zone: ZoneInfo) -> str:
    """One part of a forecast, with instants in UTC and in local time."""
    match found:
        case ProtectedNow():
            name = f"{found.object} (revision {found.rev})"
            return f"{name} forbids cuts until {_at(found.until_ms, zone)}: {_confirmed(found.unconfirmed)}."
        case HoldAhead():
            span = f"from {_at(found.from_ms, zone)} until {_at(found.until_ms, zone)}"
            name = f"{found.object} (revision {found.rev})"
            return f"{name} will forbid cuts {span}: {_confirmed(found.unconfirmed)}."
        case FlagSet():
            does = (
                "limits in place of a cut, where the meter has a limiter" if found.limits else "forbids cuts"
            )
            return f"{found.object} {does}, until two people clear it: {_confirmed(found.unconfirmed)}."
        case KeyVoided():
            does = f"lifts all protection that this key of {found.holder} alone had signed"
            return f"{object_in_words(found.object, '')} {does}: {_confirmed(found.unconfirmed)}."
        case ReleaseInForce():
            return _release(found, zone)
        case CutAhead():
            return _cut(found, zone)
        case NextCut():
            return _own_forecast(found, zone)
        case NextByOrders():
            if found.instant_ms is None:
                reasons = _reasons(found.hindrances, zone, ahead=True)
                return f"By the orders in force no cut is possible: {reasons}."
            return f"By the orders in force no cut is possible before {_at(found.instant_ms, zone)}."


def _release(found: ReleaseInForce, zone: ZoneInfo) -> str:
    left = duration(found.left_ms // MINUTE_MS * MINUTE_MS)
    name = revision_in_words(found.object, found.rev, found.by)
    if found.unconfirmed is not None:
        begins = "they begin when the meter has it"
        return f"{name} forbids cuts for {left}; {begins}: {_confirmed(found.unconfirmed)}."
    until = f"at least until {_at(found.until_ms, zone)}"
    return f"{name} forbids cuts for {left} more, {until}: {_confirmed(None)}."


def _cut(found: CutAhead, zone: ZoneInfo) -> str:
    name = f"{found.object} (revision {found.rev})"
    span = f"between {_at(found.from_ms, zone)} and {_at(found.until_ms, zone)}"
    planned = f"{name} plans a cut {span}: {_confirmed(found.unconfirmed)}"
    if found.first_ms is None:
        return f"{planned}. It cannot happen: {_reasons(found.hindrances, zone)}."
    windows = " and ".join(
        f"{_at(window.start_ms, zone)} to {_at(window.end_ms, zone)}"
        for window in found.windows[:_WINDOWS_NAMED_MAX]
    )
    more = len(found.windows) - _WINDOWS_NAMED_MAX
    others = f" and {more} more" if more > 0 else ""
    return f"{planned}. Windows in it: {windows}{others}. Not before {_at(found.first_ms, zone)}."


def _own_forecast(found: NextCut, zone: ZoneInfo) -> str:
    if found.fresh:
        if found.instant_ms is None:
            return "The meter itself knows of no instant at which a cut would be possible."
        return f"The next instant at which a cut would be possible: {_at(found.instant_ms, zone)}."
    said = "" if found.said_ms is None else f", of {_at(found.said_ms, zone)},"
    named = "none" if found.instant_ms is None else _at(found.instant_ms, zone)
    return f"The meter's own forecast{said} is out of date: {named}."


def _reasons(hindrances: Sequence[Hindrance], zone: ZoneInfo, *, ahead: bool = False) -> str:
    return "; ".join(why_not(each, zone, ahead=ahead) for each in hindrances)


def _confirmed(unconfirmed: str | None) -> str:
    return "the meter has it" if unconfirmed is None else f"the meter has not confirmed it ({unconfirmed})"


def _at(instant_ms: int, zone: ZoneInfo) -> str:
    return local(instant_ms, zone)
