"""What a document does to the protection of its object: for who must know what a meter holds (design §5).

A lease names exactly what a meter has stored: the meter and whoever writes its leases join documents alike;
`merging` is the algebra, and this says which of its acts each kind of document is. Pure.
"""

from typing import Final

from protocols.documents.bodies import HoldBody, HoldFloorBody
from protocols.documents.kind_rule import Joins
from protocols.documents.kinds import KINDS
from protocols.documents.merging import NO_TIME, Protection, declare, lower, remember
from protocols.documents.orders import Order, body_of
from protocols.instants import LATEST_MS
from protocols.reasons import Refusal

# Kinds that one person signs and that a lease may have to name; and those with which two people lower them.
_PROTECTION: Final = (Joins.INTERVAL, Joins.FROM_ITS_ORDER, Joins.REMEMBERED)
PROTECTING: Final = tuple(kind for kind, rule in KINDS.items() if rule.joins in _PROTECTION)
FLOORS: Final = tuple(kind for kind, rule in KINDS.items() if rule.joins is Joins.FLOOR)
_REMEMBERED: Final = tuple(f"{rule.prefix}/" for rule in KINDS.values() if rule.joins is Joins.REMEMBERED)


def join_order(held: Protection, order: Order) -> Protection | Refusal:
    """The protection of an object once this document of it is stored; the refusal with which it is not.

    The kind is one of `PROTECTING` or `FLOORS`. Raises DocumentError for a body that is not its kind's.
    """
    match KINDS[order.kind].joins:
        case Joins.INTERVAL:
            hold = body_of(order, HoldBody)
            return declare(held, order.rev, hold.from_ms, hold.until_ms)
        case Joins.FROM_ITS_ORDER:
            # It protects from its order on, for ever: it says nothing about an opening before it.
            return declare(held, order.rev, order.not_before_ms, LATEST_MS)
        case Joins.REMEMBERED:
            return remember(held, order.rev)
        case Joins.FLOOR:
            floor = body_of(order, KINDS[order.kind].body)
            keeps_ms = (floor.from_ms, floor.until_ms) if isinstance(floor, HoldFloorBody) else NO_TIME
            return lower(held, order.rev, *keeps_ms)
        case _:
            raise AssertionError(f"{order.kind} does not protect")


def is_remembered(object_name: str) -> bool:
    """Whether meters remember that this object was ordered, as a release: it protects for hours of ticks."""
    return object_name.startswith(_REMEMBERED)
