"""How `meters show` tells what the orders in force do to a meter, and when it may be cut next."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from controller.faces.cli.order_status import hindrance_fields
from controller.faces.cli.showing import instants
from controller.why.views import Outlook
from protocols.link.explanation import (
    CutAhead,
    Explanation,
    FlagSet,
    HoldAhead,
    KeyVoided,
    NextByOrders,
    NextCut,
    ProtectedNow,
    ReleaseInForce,
)
from protocols.words.en.why import explanation_in_words


def outlook_rows(outlook: Outlook, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Rows of a table: one for each order that bears on the meter, and the forecast."""
    bearing = [("in force", sentence) for sentence in explanation_in_words(outlook.bearing, zone)]
    return [*bearing, *(("forecast", sentence) for sentence in explanation_in_words(outlook.next, zone))]


def outlook_fields(outlook: Outlook) -> dict[str, Any]:
    """In `--json`: what bears on the meter, and the forecast with who makes it: `meter` or `orders`.

    The meter's own word stands beside it, as `next_possible`.
    """
    parts = (*outlook.bearing, *outlook.next)
    first = outlook.next[0]
    assert isinstance(first, NextCut | NextByOrders), first
    return {
        "outlook": {
            "by": "meter" if isinstance(first, NextCut) else "orders",
            **instants(next_possible=first.instant_ms),
            "hindrances": [
                hindrance_fields(each)
                for part in parts
                if isinstance(part, NextByOrders)
                for each in part.hindrances
            ],
            "release": next(iter(_releases(parts)), None),
            "flags": [part.object for part in parts if isinstance(part, FlagSet)],
            "voids": [
                {"object": part.object, "holder": part.holder, "unconfirmed": part.unconfirmed}
                for part in parts
                if isinstance(part, KeyVoided)
            ],
            "holds": [_hold(part) for part in parts if isinstance(part, ProtectedNow | HoldAhead)],
            "cuts": [_cut(part) for part in parts if isinstance(part, CutAhead)],
        }
    }


def _releases(parts: Iterable[Explanation]) -> list[dict[str, Any]]:
    return [
        {
            "object": part.object,
            "left_ms": part.left_ms,
            "unconfirmed": part.unconfirmed,
            **instants(until=part.until_ms),
        }
        for part in parts
        if isinstance(part, ReleaseInForce)
    ]


def _hold(part: ProtectedNow | HoldAhead) -> dict[str, Any]:
    from_ms = part.from_ms if isinstance(part, HoldAhead) else None
    return {
        "object": part.object,
        "rev": part.rev,
        "unconfirmed": part.unconfirmed,
        **instants(**{"from": from_ms}, until=part.until_ms),
    }


def _cut(part: CutAhead) -> dict[str, Any]:
    return {
        "object": part.object,
        "rev": part.rev,
        "unconfirmed": part.unconfirmed,
        "windows": [instants(start=window.start_ms, end=window.end_ms) for window in part.windows],
        "hindrances": [hindrance_fields(each) for each in part.hindrances],
        **instants(**{"from": part.from_ms}, until=part.until_ms, first=part.first_ms),
    }
