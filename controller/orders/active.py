"""The active orders of each meter, and how far each has come to it."""

from collections.abc import Collection

from sqlmodel import Session, col, select

from controller.database.bulk import in_batches
from controller.database.tables import DeliveryRow, OrderRow
from controller.orders.life import ActiveOrder, DeliveryState, OrderState
from controller.orders.store import order_of


def active_orders(session: Session, meters: Collection[str]) -> dict[str, list[ActiveOrder]]:
    """The active orders of each meter, and how far they have come to it."""
    rows: list[tuple[str, str, str]] = []
    for some in in_batches(meters):
        active = select(OrderRow.id).where(OrderRow.state == OrderState.ACTIVE)
        query = select(DeliveryRow.meter, DeliveryRow.order_id, DeliveryRow.state).where(
            col(DeliveryRow.meter).in_(some), col(DeliveryRow.order_id).in_(active)
        )
        rows += session.exec(query).all()
    orders = {
        row.id: order_of(row)
        for some in in_batches({order_id for _, order_id, _ in rows})
        for row in session.exec(select(OrderRow).where(col(OrderRow.id).in_(some)))
    }
    standing: dict[str, list[ActiveOrder]] = {}
    for meter, order_id, state in rows:
        standing.setdefault(meter, []).append(ActiveOrder(orders[order_id], DeliveryState(state)))
    return standing
