"""Which order takes the place of which, and whom an order addresses (design §5).

Protection joins, so that a hold gives way only to one that holds at least as much, or to a floor. Of harm,
payments and leases the higher revision is all that counts.
"""

from typing import Final

from protocols.documents.orders import HoldBody, Kind, Order, ReleaseBody, Scope, body_of
from protocols.documents.protecting import FLOORS

# In this sequence: protection first, and the lease, which may permit, after all that it names.
SENT_AGAIN: Final = (
    Kind.RELEASE,
    Kind.HOLD,
    Kind.SET_FLAG,
    Kind.CANCEL_CUT,
    Kind.PAYMENT,
    Kind.EMERGENCY_CREDIT,
    Kind.CUT_CALENDAR,
    Kind.TARIFF,
    Kind.LEASE,
)

# The higher rev says all that the lower one said, or makes it void.
_LATEST_COUNTS: Final = (
    Kind.CUT_CALENDAR,
    Kind.TARIFF,
    Kind.LIMITER,
    Kind.REBASE,
    Kind.CUT_ORDER,
    Kind.PAYMENT,
    Kind.LEASE,
    Kind.SET_FLAG,
)


def replaces(new: Order, old: Order) -> bool:
    """Whether `new` takes the place of `old` for every meter that both address."""
    if new.object != old.object or new.rev <= old.rev:
        return False
    if new.kind in FLOORS:
        return True
    if new.kind is Kind.CANCEL_CUT:
        return old.kind in {Kind.CUT_ORDER, Kind.CANCEL_CUT}
    if new.kind is not old.kind:
        return False
    if new.kind is Kind.HOLD:
        wide, narrow = body_of(new, HoldBody), body_of(old, HoldBody)
        return wide.from_ms <= narrow.from_ms and narrow.until_ms <= wide.until_ms
    if new.kind is Kind.RELEASE:
        return body_of(new, ReleaseBody).hours >= body_of(old, ReleaseBody).hours
    return new.kind in _LATEST_COUNTS


def covers(wide: Scope, narrow: Scope) -> bool:
    """Whether every meter that `narrow` addresses is addressed by `wide`."""
    if wide.fleet:
        return True
    if narrow.fleet or wide.group != narrow.group:
        return False
    return set(narrow.meters) <= set(wide.meters)
