"""Before a cut is planned or protection ends: who of those concerned has not been reached yet."""

from collections.abc import Collection
from typing import Any, Final

from msgspec import to_builtins

from controller.faces.cli.face import Face
from controller.reactivation.views import ends_early, unreached
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order
from protocols.rim.terminal import warn
from protocols.words.en.reactivation import (
    early_end_in_words,
    kept_by_groups_in_words,
    unreached_in_words,
)

_LETS_CUT: Final = frozenset({Kind.CUT_ORDER, Kind.CUT_CALENDAR, Kind.LIFT_HOLD})


def warn_of_unreached(face: Face, meters: Collection[str] | None) -> dict[str, Any]:
    """Warn of each open reactivation that has not brought these meters back; returns the fields of `--json`.

    `meters` None: the whole fleet.
    """
    with face.office.reading() as session:
        found = unreached(session, meters)
    for each in found:
        warn(unreached_in_words(each.campaign, each.nobody, each.undone))
    return {"unreached": to_builtins(found)}


def warn_of_early_ends(face: Face) -> None:
    """Warn of each open reactivation before whose deadline no moratorium forbids cuts any more."""
    with face.office.reading() as session:
        found = ends_early(session, face.now_ms())
    warn(
        early_end_in_words(each.campaign, each.deadline_ms, each.until_ms, face.zone)
        + kept_by_groups_in_words(each.groups, each.households)
        for each in found
    )


def warn_of_order(face: Face, order: Order) -> dict[str, Any]:
    """As `warn_of_unreached`, for an order that plans cuts or ends what forbids them."""
    if order.kind not in _LETS_CUT:
        return {}
    return warn_of_unreached(face, None if order.scope.fleet else order.scope.meters)
