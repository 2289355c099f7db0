"""The active orders of each meter, each with the state of its delivery there."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import ColumnElement
from sqlalchemy import select as select_columns
from sqlmodel import Session, and_, col, or_, select

from controller.database.bulk import in_batches
from controller.database.tables import DeliveryRow, OrderRow
from controller.orders.deliveries import state_of
from controller.orders.life import HELD_DELIVERIES, ActiveOrder, OrderState
from controller.orders.store import order_of
from protocols.documents.kind_rule import Kind
from protocols.documents.protecting import FLOORS

# What still has its effect at a meter that has it, when the order itself has expired.
_OUTLASTING: Final = (Kind.RELEASE, *FLOORS)


def active_orders(session: Session, meters: Collection[str]) -> dict[str, list[ActiveOrder]]:
    """The active orders of each of these meters; a meter without any has no entry."""
    return _orders_of(session, meters, col(OrderRow.state) == OrderState.ACTIVE)


def standing_orders(session: Session, meters: Collection[str]) -> dict[str, list[ActiveOrder]]:
    """The active orders of each of these meters, and the expired ones that still have an effect."""
    outlasting = and_(
        col(OrderRow.state) == OrderState.EXPIRED,
        col(OrderRow.kind).in_(_OUTLASTING),
        col(DeliveryRow.state).in_(HELD_DELIVERIES),
    )
    return _orders_of(session, meters, or_(col(OrderRow.state) == OrderState.ACTIVE, outlasting))


def _orders_of(
    session: Session, meters: Collection[str], wanted: ColumnElement[bool]
) -> dict[str, list[ActiveOrder]]:
    rows: list[tuple[str, str, str, int | None, int | None]] = []
    for batch in in_batches(meters):
        query = (
            select_columns(
                col(DeliveryRow.meter),
                col(DeliveryRow.order_id),
                col(DeliveryRow.state),
                col(DeliveryRow.stored_ms),
                col(DeliveryRow.receipt_number),
            )
            .join(OrderRow, col(OrderRow.id) == col(DeliveryRow.order_id))
            .where(col(DeliveryRow.meter).in_(batch), wanted)
        )
        rows += [tuple(row) for row in session.execute(query)]
    orders = {
        row.id: (order_of(row), row.created_by)
        for batch in in_batches({order_id for _, order_id, *_ in rows})
        for row in session.exec(select(OrderRow).where(col(OrderRow.id).in_(batch)))
    }
    active: dict[str, list[ActiveOrder]] = {}
    for meter, order_id, text, stored_ms, receipt in rows:
        order, by = orders[order_id]
        proven = receipt is not None or order.kind is Kind.PAYMENT
        state = state_of(text, order_id, meter)
        active.setdefault(meter, []).append(ActiveOrder(order, state, stored_ms, proven, by))
    return active
