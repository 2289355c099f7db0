"""The active orders of each meter, each with the state of its delivery there."""

from collections.abc import Collection

from sqlmodel import Session, col, select

from controller.database.bulk import in_batches
from controller.database.tables import DeliveryRow, OrderRow
from controller.orders.life import ActiveOrder, DeliveryState, OrderState
from controller.orders.store import order_of


def active_orders(session: Session, meters: Collection[str]) -> dict[str, list[ActiveOrder]]:
    """The active orders of each of these meters; a meter without any has no entry."""
    rows: list[tuple[str, str, str]] = []
    for batch in in_batches(meters):
        ids = select(OrderRow.id).where(OrderRow.state == OrderState.ACTIVE)
        query = select(DeliveryRow.meter, DeliveryRow.order_id, DeliveryRow.state).where(
            col(DeliveryRow.meter).in_(batch), col(DeliveryRow.order_id).in_(ids)
        )
        rows += session.exec(query).all()
    orders = {
        row.id: order_of(row)
        for batch in in_batches({order_id for _, order_id, _ in rows})
        for row in session.exec(select(OrderRow).where(col(OrderRow.id).in_(batch)))
    }
    active: dict[str, list[ActiveOrder]] = {}
    for meter, order_id, state in rows:
        active.setdefault(meter, []).append(ActiveOrder(orders[order_id], DeliveryState(state)))
    return active
