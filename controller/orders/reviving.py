"""Brings back protection that only a wrong clock ended (design §6.1).

An earlier version, or two clocks that were wrong alike, may have expired a moratorium that is still in force.
Whatever is not over for certain is active again, with its deliveries and its retained copy. Harm that has
expired stays expired.
"""

from collections.abc import Collection, Sequence
from typing import Final

from sqlmodel import Session, col, select

from controller.database.tables import OrderRow
from controller.orders import store as orders
from controller.orders import voids
from controller.orders.life import OrderState
from controller.orders.superseding import covers, replaces
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE, Order
from protocols.documents.roles import Root, meets, open_signed
from protocols.errors import DocumentError

_REVIVABLE: Final = tuple(kind.value for kind, rule in KINDS.items() if rule.revivable)
# States of a later order that has been in force, and so may have replaced this one.
_WAS_IN_FORCE: Final = (OrderState.ACTIVE, OrderState.SUPERSEDED, OrderState.EXPIRED)


def revive_early_ended(session: Session, root: Root, latest_ms: int, now_ms: int) -> int:
    """Make active again what had expired and ends after `latest_ms`, the latest that it may be now.

    Returns how many orders.
    """
    query = select(OrderRow).where(
        OrderRow.state == OrderState.EXPIRED,
        col(OrderRow.kind).in_(_REVIVABLE),
        orders.is_good_at(latest_ms),
    )
    voided = voids.voided_keys(session)
    revived = 0
    for row in session.exec(query.order_by(col(OrderRow.rev))).all():
        if not _was_approved(row, root, voided):
            continue
        order = orders.order_of(row)
        later = _replacements(session, row, order, root, voided)
        if any(covers(each.scope, order.scope) for each in later):
            continue
        gone = {meter for each in later for meter in each.scope.meters}
        meters = [meter for meter in orders.targets(session, order.scope) if meter not in gone]
        orders.revive(session, row, meters, now_ms)
        revived += 1
    return revived


def _replacements(
    session: Session, row: OrderRow, order: Order, root: Root, voided: Collection[str]
) -> Sequence[Order]:
    """Orders that have replaced this one since, for some of its meters or for all."""
    query = select(OrderRow).where(
        OrderRow.object == row.object, OrderRow.rev > row.rev, col(OrderRow.state).in_(_WAS_IN_FORCE)
    )
    found = [orders.order_of(each) for each in session.exec(query).all() if _was_approved(each, root, voided)]
    return [each for each in found if replaces(each, order)]


def _was_approved(row: OrderRow, root: Root, voided: Collection[str]) -> bool:
    """Whether enough people have signed: a draft expires too. What cannot be read is revived by nobody.

    The signature of a voided key counts for no protection.
    """
    try:
        signed = open_signed(row.envelope, root, ORDER_TYPE)
    except DocumentError:
        return False
    signed = orders.counted(orders.order_of(row), signed, voided)
    return meets(signed, root, KINDS[Kind(row.kind)].role)
