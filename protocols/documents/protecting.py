"""What a document does to the protection of its object: for who must know what a meter holds (design §5).

A lease names exactly what a meter has stored: the meter and whoever writes its leases join documents alike;
`merging` is the algebra, and this says which of its acts each kind of document is. Pure.
"""

from typing import Final

from protocols.documents.merging import NO_TIME, Protection, declare, lower, remember
from protocols.documents.orders import HoldBody, HoldFloorBody, Kind, Order, body_of
from protocols.instants import LATEST_MS
from protocols.reasons import Refusal

# Kinds that one person signs and that a lease may have to name; and those with which two people lower them.
PROTECTING: Final = (Kind.HOLD, Kind.SET_FLAG, Kind.RELEASE)
FLOORS: Final = (Kind.SHORTEN_HOLD, Kind.LIFT_HOLD, Kind.CLEAR_FLAG)


def join_order(held: Protection, order: Order) -> Protection | Refusal:
    """The protection of an object once this document of it is stored; the refusal with which it is not.

    The kind is one of `PROTECTING` or `FLOORS`. Raises DocumentError for a body that is not its kind's.
    """
    match order.kind:
        case Kind.HOLD:
            hold = body_of(order, HoldBody)
            return declare(held, order.rev, hold.from_ms, hold.until_ms)
        case Kind.SET_FLAG:
            # It protects from its order on, for ever: it says nothing about an opening before it.
            return declare(held, order.rev, order.not_before_ms, LATEST_MS)
        case Kind.RELEASE:
            return remember(held, order.rev)
        case Kind.SHORTEN_HOLD:
            floor = body_of(order, HoldFloorBody)
            return lower(held, order.rev, floor.from_ms, floor.until_ms)
        case Kind.LIFT_HOLD | Kind.CLEAR_FLAG:
            return lower(held, order.rev, *NO_TIME)
        case _:
            raise AssertionError(f"{order.kind} does not protect")
