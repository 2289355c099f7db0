"""Orders for a group: to whom they have been given, and who comes into the group later.

What a meter was given it keeps until the order ends: no line of a file takes protection away. A lease names
it for whoever was given it, which is what the deliveries say.
"""

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import ColumnElement, exists
from sqlmodel import Session, and_, col, func, or_, select

from controller.database.bulk import in_batches
from controller.database.tables import DeliveryRow, MeterRow, OrderRow
from controller.meters.grouped import is_member, is_reached, read_group
from controller.meters.retired import in_fleet
from controller.office import audit
from controller.office.audit import AuditAct
from controller.orders import deliveries, outbox
from controller.orders.life import HELD_DELIVERIES, OrderState
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order
from protocols.errors import InputError, quoted

# The scope column holds the JSON that `orders.store.propose` writes; it leaves out what is default.
FLEET_SCOPE: Final = '{"fleet":true}'
_GROUP_SCOPE: Final = '{"group":%'
# Harm for a group could only be as right as the file; other protection has selections by query.
_FOR_GROUPS: Final = (Kind.HOLD,)


def check_scope(order: Order) -> None:
    """Raises InputError where an order of this kind may not have a group's scope, or it is no group."""
    group = order.scope.group
    if not group:
        return
    if order.kind not in _FOR_GROUPS:
        raise InputError(
            f"scope: {order.kind} for group {quoted(group)}; allowed: meters by name, or the fleet"
        )
    read_group(group, "scope")


def given_before(session: Session, order: Order) -> set[str]:
    """Meters of the fleet that were given this order, or an active one of its object but the fleet's."""
    same = and_(
        col(OrderRow.object) == order.object,
        col(OrderRow.state) == OrderState.ACTIVE,
        col(OrderRow.scope) != FLEET_SCOPE,
    )
    query = (
        select(DeliveryRow.meter)
        .join(OrderRow, col(OrderRow.id) == col(DeliveryRow.order_id))
        .join(MeterRow, col(MeterRow.id) == col(DeliveryRow.meter))
        .where(or_(col(OrderRow.id) == order.id, same), in_fleet())
    )
    return set(session.exec(query))


def given(session: Session, orders: Collection[Order]) -> Mapping[str, Collection[str]]:
    """The meters that were given each of these orders that is for a group, by the order's id."""
    return {
        order.id: session.exec(select(DeliveryRow.meter).where(DeliveryRow.order_id == order.id)).all()
        for order in orders
        if order.scope.group
    }


def add_group_deliveries(
    session: Session, orders: Collection[Order], meters: Collection[str], now_ms: int
) -> None:
    """Add deliveries of groups' active orders for meters that they reach and that have none."""
    for order in orders:
        for batch in in_batches(meters):
            new = _newcomers(session, order, col(MeterRow.id).in_(batch))
            deliveries.add_deliveries(session, order.id, new, now_ms)


def reach_newcomers(session: Session, orders: Collection[Order], now_ms: int) -> int:
    """Send groups' active orders to meters that have come into the group since. Returns how many."""
    count = 0
    for order in orders:
        new = _newcomers(session, order)
        if new:
            deliveries.add_deliveries(session, order.id, new, now_ms)
            outbox.enqueue_for_meters(session, order, new, now_ms)
            audit.record(
                session, now_ms, audit.SERVICE, AuditAct.REACH, order.id, object=order.object, meters=len(new)
            )
            count += len(new)
    return count


def count_strangers(session: Session, order: Order) -> int:
    """How many meters of the fleet hold a group's order and are not known to belong to the group."""
    query = (
        select(func.count())
        .select_from(DeliveryRow)
        .join(MeterRow, col(MeterRow.id) == col(DeliveryRow.meter))
        .where(
            DeliveryRow.order_id == order.id,
            col(DeliveryRow.state).in_(HELD_DELIVERIES),
            in_fleet(),
            ~is_member(order.scope.group),
        )
    )
    return session.exec(query).one()


def is_for_group() -> ColumnElement[bool]:
    """Whether a row's order has a group's scope, in SQL."""
    return col(OrderRow.scope).like(_GROUP_SCOPE)


def _newcomers(session: Session, order: Order, *among: ColumnElement[bool]) -> list[str]:
    has = exists().where(col(DeliveryRow.order_id) == order.id, col(DeliveryRow.meter) == MeterRow.id)
    query = select(MeterRow.id).where(in_fleet(), is_reached(order.scope.group), ~has, *among)
    return list(session.exec(query.order_by(MeterRow.id)))
