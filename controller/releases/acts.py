"""Releases: one person restores supply now, and no cut follows for some hours (design §4.2)."""

from typing import Final

from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.documents.drafting import FLEET, release
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope

# The object of a release of the whole fleet; that of a single release is named after its meter.
ALL: Final = "all"


def release_all(act: Act, hours: int) -> OrderStatus:
    """Release the whole fleet. Raises InputError for `hours` that are not among RELEASE_HOURS."""
    return act.submit(release(act.sheet(Kind.RELEASE, ALL), ALL, hours, FLEET))


def release_meter(act: Act, meter: str, hours: int) -> OrderStatus:
    """Release one meter. Raises as `release_all`."""
    return act.submit(release(act.sheet(Kind.RELEASE, meter), meter, hours, Scope(meters=(meter,))))
