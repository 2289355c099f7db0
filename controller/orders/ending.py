"""Ends what concerns one meter alone, when it leaves the fleet."""

from typing import Final

import msgspec
from sqlmodel import Session, col, func, select

from controller.database.tables import DeliveryRow, OrderRow
from controller.orders import deliveries, outbox
from controller.orders import store as orders
from controller.orders.life import DeliveryEvent, OrderState
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope

_REMOVED: Final = "removed"
_LEFT: Final = "it left the fleet"
_OPEN: Final = (OrderState.DRAFT, OrderState.REHEARSED, OrderState.APPROVED, OrderState.ACTIVE)


def orders_for_alone(session: Session, meter: str) -> list[OrderRow]:
    """The orders that wait or are active and address this meter alone, the oldest first."""
    # The scope column holds the JSON that `orders.store.propose` writes.
    alone = msgspec.json.encode(Scope(meters=(meter,))).decode()
    query = select(OrderRow).where(OrderRow.scope == alone, col(OrderRow.state).in_(_OPEN))
    return list(session.exec(query.order_by(func.length(col(OrderRow.id)), col(OrderRow.id))))


def end_for(session: Session, meter: str, by: str, now_ms: int, successor: str | None) -> None:
    """End all orders for this meter alone, and its deliveries of all others that it does not have.

    `successor` None: the meter is removed, and may come back. Its statements stay, as the ledger does: a
    total that nobody sends any more would be a payment lost.
    """
    for row in orders_for_alone(session, meter):
        if successor is None and row.kind == Kind.PAYMENT:
            continue
        if row.state == OrderState.ACTIVE:
            orders.supersede(session, row, by, now_ms, successor or _REMOVED)
        else:
            orders.withdraw(session, row.id, by, now_ms)
    where = [col(DeliveryRow.meter) == meter]
    deliveries.step_where(session, DeliveryEvent.EXPIRE, now_ms, where, _LEFT)
    outbox.forget_meter(session, meter)
