"""Which order supersedes which, which is sent again, and whether one scope covers another (design §5).

Protecting orders join. So a hold is superseded only by a hold of at least the same interval, or by a floor.
Of harm, payments and leases only the highest revision counts.
"""

from protocols.documents.bodies import HoldBody, ReleaseBody
from protocols.documents.kind_rule import Joins
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order, Scope, body_of
from protocols.spans import protected_until_ms


def replaces(new: Order, old: Order) -> bool:
    """Whether `new` supersedes `old` for every meter that both address."""
    if new.object != old.object or new.rev <= old.rev:
        return False
    match KINDS[new.kind].joins:
        case Joins.FLOOR | Joins.TOMBSTONE:
            return True
        case _ if new.kind is not old.kind:
            return False
        case Joins.INTERVAL:
            wide, narrow = body_of(new, HoldBody), body_of(old, HoldBody)
            ends_ms = protected_until_ms(narrow.until_ms), protected_until_ms(wide.until_ms)
            return wide.from_ms <= narrow.from_ms and ends_ms[0] <= ends_ms[1]
        case Joins.REMEMBERED:
            return body_of(new, ReleaseBody).hours >= body_of(old, ReleaseBody).hours
        case Joins.LATEST | Joins.FROM_ITS_ORDER:
            return True
        case Joins.EACH | Joins.TAKEN_AWAY:
            # A void ends orders of other objects (`store.approve`); a second one of the same key adds to it.
            return False


def is_sent_again(order: Order) -> bool:
    """Whether an order is sent again to a meter whose sync shows that it lacks it."""
    return KINDS[order.kind].resent_rank is not None


def sending_key(order: Order) -> tuple[int, int, str]:
    """The sort key of orders that are sent again: a meter gets them in this sequence."""
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
