"""Orders and deliveries, listed and counted, as plain values that outlive their session. Reads only."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import func
from sqlmodel import Session, col, select

from controller.database.rows import view_of
from controller.database.tables import DeliveryRow, LinkRow, MeterRow, OrderRow
from controller.meters.registry import LinkState
from controller.orders.life import DeliveryState
from controller.orders.progress import Progress, Reach, progress, reach_of
from protocols.documents.orders import Scope


class OrderView(Struct, frozen=True, kw_only=True):
    """An order with its deliveries counted by state."""

    id: str
    kind: str
    object: str
    rev: int
    state: str
    scope: Scope
    issued_at_ms: int
    not_before_ms: int
    not_after_ms: int
    basis: str
    created_by: str
    created_ms: int
    changed_ms: int
    deliveries: dict[str, int]


class DeliveryView(Struct, frozen=True, kw_only=True):
    """The delivery of an order to one meter."""

    order_id: str
    kind: str
    object: str
    rev: int
    meter: str
    state: str
    attempts: int
    queued_ms: int
    sent_ms: int | None
    stored_ms: int | None
    effective_ms: int | None
    closed_ms: int | None
    reason: str


def list_orders(
    session: Session, *, state: str | None = None, kind: str | None = None, limit: int = 1_000
) -> list[OrderView]:
    """Orders, the latest first; only those that match."""
    query = select(OrderRow)
    if state is not None:
        query = query.where(OrderRow.state == state)
    if kind is not None:
        query = query.where(OrderRow.kind == kind)
    rows = session.exec(
        query.order_by(col(OrderRow.created_ms).desc(), col(OrderRow.id).desc()).limit(limit)
    ).all()
    counts = delivery_counts(session, [row.id for row in rows])
    return [_order_view(row, counts.get(row.id, {})) for row in rows]


def delivery_counts(session: Session, order_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Deliveries by state, per order."""
    counts: dict[str, dict[str, int]] = {}
    query = (
        select(DeliveryRow.order_id, DeliveryRow.state, func.count())
        .where(col(DeliveryRow.order_id).in_(order_ids))
        .group_by(col(DeliveryRow.order_id), col(DeliveryRow.state))
    )
    for order_id, state, count in session.exec(query):
        counts.setdefault(order_id, {})[state] = count
    return counts


def list_deliveries(
    session: Session,
    *,
    order_id: str | None = None,
    meter: str | None = None,
    state: str | None = None,
    limit: int = 100_000,
) -> list[DeliveryView]:
    """Deliveries, the latest order first; only those that match."""
    query = select(DeliveryRow, OrderRow).join(OrderRow, col(OrderRow.id) == col(DeliveryRow.order_id))
    wanted = ((DeliveryRow.order_id, order_id), (DeliveryRow.meter, meter), (DeliveryRow.state, state))
    for column, value in wanted:
        if value is not None:
            query = query.where(col(column) == value)
    rows = session.exec(
        query.order_by(col(OrderRow.created_ms).desc(), col(OrderRow.id).desc(), DeliveryRow.meter).limit(
            limit
        )
    )
    return [
        view_of(row, DeliveryView, kind=order.kind, object=order.object, rev=order.rev) for row, order in rows
    ]


def order_progress(session: Session, order_id: str) -> Progress:
    """How many meters an order has reached: stored, sent, refused, unknown."""
    query = (
        select(DeliveryRow.state, LinkRow.state, func.count())
        .join(MeterRow, col(MeterRow.id) == col(DeliveryRow.meter))
        .join(LinkRow, col(LinkRow.id) == col(MeterRow.link))
        .where(DeliveryRow.order_id == order_id)
        .group_by(col(DeliveryRow.state), col(LinkRow.state))
    )
    reached: list[tuple[Reach, int]] = [
        (reach_of(DeliveryState(state), link_online=link == LinkState.ONLINE), count)
        for state, link, count in session.exec(query)
    ]
    return progress(reached)


def _order_view(row: OrderRow, counts: dict[str, int]) -> OrderView:
    scope = msgspec.json.decode(row.scope, type=Scope)
    return view_of(row, OrderView, scope=scope, deliveries=counts)
