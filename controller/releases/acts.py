"""Supply back now, and no cut for some hours, by one person (design §4.2)."""

from typing import Final

from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.documents.drafting import FLEET, release
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope

# What the fleet's release revises; a meter's own revises the meter's name.
ALL: Final = "all"


def release_all(act: Act, hours: int) -> OrderStatus:
    """Release the whole fleet. Raises InputError for hours that no release has."""
    return act.submit(release(act.sheet(Kind.RELEASE, ALL), ALL, hours, FLEET))


def release_meter(act: Act, meter: str, hours: int) -> OrderStatus:
    """Release one meter. Raises as `release_all`."""
    return act.submit(release(act.sheet(Kind.RELEASE, meter), meter, hours, Scope(meters=(meter,))))
