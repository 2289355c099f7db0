"""How an order changes the protection of its object (design §5).

A lease names exactly what a meter has stored. So the meter and the service that writes its leases must join
orders in the same way, and both do it here. `merging` is the algebra; this module says which of its
operations each kind of order is. Pure.
"""

from typing import Final

from protocols.documents.bodies import HoldBody, HoldFloorBody
from protocols.documents.kind_rule import Joins
from protocols.documents.kinds import KINDS
from protocols.documents.merging import NO_TIME, Protection, count_up, declare, lower, remember
from protocols.documents.orders import Order, body_of, fingerprint_of, numbering_key
from protocols.instants import LATEST_MS
from protocols.reasons import Refusal

# The kinds that add protection (one person signs, a lease names them), and those that lower it (two people).
_PROTECTION: Final = (Joins.INTERVAL, Joins.FROM_ITS_ORDER, Joins.REMEMBERED)
PROTECTING: Final = tuple(kind for kind, rule in KINDS.items() if rule.joins in _PROTECTION)
FLOORS: Final = tuple(kind for kind, rule in KINDS.items() if rule.joins is Joins.FLOOR)
_REMEMBERED: Final = tuple(f"{rule.prefix}/" for rule in KINDS.values() if rule.joins is Joins.REMEMBERED)


def join_order(held: Protection, order: Order, holder: str = "", key: str = "") -> Protection | Refusal:
    """The protection of an object after this order of it is stored, or why it is refused.

    `holder` is the person who signed it, with `key`. The kind is one of `PROTECTING` or `FLOORS`. Raises
    DocumentError for a body of another kind.
    """
    match KINDS[order.kind].joins:
        case Joins.INTERVAL:
            hold = body_of(order, HoldBody)
            return declare(held, order.rev, hold.from_ms, hold.until_ms, holder, key)
        case Joins.FROM_ITS_ORDER:
            # It protects from its own begin on, for ever. A cut before that stays right.
            return declare(held, order.rev, order.not_before_ms, LATEST_MS, holder, key)
        case Joins.REMEMBERED if numbering_key(order) is not None:
            return count_up(held, order.rev, fingerprint_of(order))
        case Joins.REMEMBERED:
            return remember(held, order.rev, holder, key)
        case Joins.FLOOR:
            floor = body_of(order, KINDS[order.kind].body)
            keeps_ms = (floor.from_ms, floor.until_ms) if isinstance(floor, HoldFloorBody) else NO_TIME
            return lower(held, order.rev, *keeps_ms)
        case _:
            raise AssertionError(f"{order.kind} does not protect")


def is_remembered(object_name: str) -> bool:
    """Whether meters remember only that this object was ordered: a release protects for hours of ticks."""
    return object_name.startswith(_REMEMBERED)
