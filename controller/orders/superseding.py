"""Which order takes the place of which, which is sent again, and whom an order addresses (design §5).

Protection joins, so that a hold gives way only to one that holds at least as much, or to a floor. Of harm,
payments and leases the higher revision is all that counts.
"""

from protocols.documents.bodies import HoldBody, ReleaseBody
from protocols.documents.kind_rule import Joins
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order, Scope, body_of


def replaces(new: Order, old: Order) -> bool:
    """Whether `new` takes the place of `old` for every meter that both address."""
    if new.object != old.object or new.rev <= old.rev:
        return False
    match KINDS[new.kind].joins:
        case Joins.FLOOR | Joins.TOMBSTONE:
            return True
        case _ if new.kind is not old.kind:
            return False
        case Joins.INTERVAL:
            wide, narrow = body_of(new, HoldBody), body_of(old, HoldBody)
            return wide.from_ms <= narrow.from_ms and narrow.until_ms <= wide.until_ms
        case Joins.REMEMBERED:
            return body_of(new, ReleaseBody).hours >= body_of(old, ReleaseBody).hours
        case Joins.LATEST | Joins.FROM_ITS_ORDER:
            return True
        case Joins.EACH:
            return False


def is_sent_again(order: Order) -> bool:
    """Whether an order is sent again to a meter whose sync shows that it lacks it."""
    return KINDS[order.kind].resent_rank is not None


def sending_key(order: Order) -> tuple[int, int, str]:
    """Sorts the orders that are sent again into the sequence in which a meter should get them."""
    rank = KINDS[order.kind].resent_rank
    assert rank is not None, order.kind
    return rank, order.rev, order.id


def covers(wide: Scope, narrow: Scope) -> bool:
    """Whether every meter that `narrow` addresses is addressed by `wide`."""
    if wide.fleet:
        return True
    if narrow.fleet or wide.group != narrow.group:
        return False
    return set(narrow.meters) <= set(wide.meters)
