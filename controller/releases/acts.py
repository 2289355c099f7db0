"""Releases: one person restores supply now, and no cut follows for some hours (design §4.2)."""

from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.documents.drafting import FLEET, release
from protocols.documents.orders import Scope


def release_all(act: Act, hours: int) -> OrderStatus:
    """Release the whole fleet. Raises InputError for `hours` that are not among RELEASE_HOURS."""
    return act.submit(release(act.release_sheet(), act.actor.signer.keyid, hours, FLEET))


def release_meter(act: Act, meter: str, hours: int) -> OrderStatus:
    """Release one meter. Raises as `release_all`."""
    sheet, scope = act.release_sheet((meter,)), Scope(meters=(meter,))
    return act.submit(release(sheet, act.actor.signer.keyid, hours, scope))
