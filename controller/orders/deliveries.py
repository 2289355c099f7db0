"""The deliveries of orders: rows added and stepped, always in the caller's transaction.

Many meters are stepped by a handful of UPDATEs that are made from the state table in `orders.life`, so that
an order to the fleet costs few more statements than an order to one meter.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, case, insert, update
from sqlmodel import Session, col

from controller.database.tables import DeliveryRow
from controller.orders.life import DELIVERY_LIFE, DeliveryEvent, DeliveryState

_MARKS: Final = {
    DeliveryState.QUEUED: "queued_ms",
    DeliveryState.STORED: "stored_ms",
    DeliveryState.EFFECTIVE: "effective_ms",
}
# What may be sent, since we have not seen it in effect.
_UNPROVEN: Final = (DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.STORED)


def add_deliveries(session: Session, order_id: str, meters: Collection[str], now_ms: int) -> None:
    """Deliveries that begin: queued."""
    rows = [
        {"order_id": order_id, "meter": meter, "state": DeliveryState.QUEUED, "queued_ms": now_ms}
        for meter in sorted(meters)
    ]
    if rows:
        session.execute(insert(DeliveryRow), rows)


def count_attempt(
    session: Session, now_ms: int, *, order_id: str, meters: Sequence[str] | None = None
) -> None:
    """The broker took a message for these deliveries: what was queued is sent, what was stored stays so."""
    after = {state: DELIVERY_LIFE[state, DeliveryEvent.TAKEN] for state in _UNPROVEN}
    where = [col(DeliveryRow.order_id) == order_id, col(DeliveryRow.state).in_(_UNPROVEN)]
    if meters is not None:
        where.append(col(DeliveryRow.meter).in_(meters))
    session.execute(
        update(DeliveryRow)
        .where(*where)
        .values(
            state=case(*((col(DeliveryRow.state) == before, then.value) for before, then in after.items())),
            sent_ms=now_ms,
            attempts=col(DeliveryRow.attempts) + 1,
        )
        .execution_options(synchronize_session=False)
    )


def step(
    session: Session,
    event: DeliveryEvent,
    now_ms: int,
    *,
    order_id: str,
    meters: Sequence[str] | None = None,
    reason: str = "",
) -> None:
    """Let `event` happen to an order's deliveries: all of them, or those to at most METERS_AT_ONCE meters."""
    where = [col(DeliveryRow.order_id) == order_id]
    if meters is not None:
        where.append(col(DeliveryRow.meter).in_(meters))
    step_where(session, event, now_ms, where, reason)


def step_where(
    session: Session,
    event: DeliveryEvent,
    now_ms: int,
    where: Sequence[ColumnElement[bool]],
    reason: str = "",
) -> None:
    """Let `event` happen to the deliveries that `where` picks; those it does not change are left alone.

    Each event leads to one state, if anywhere: so one UPDATE does it.
    """
    before = [state.value for state in DeliveryState if DELIVERY_LIFE[state, event] is not state]
    (after,) = {DELIVERY_LIFE[DeliveryState(state), event] for state in before}
    values: dict[str, Any] = {"state": after.value, _MARKS.get(after, "closed_ms"): now_ms}
    if reason:
        values["reason"] = reason
    if after is DeliveryState.QUEUED:
        values["closed_ms"] = None
    session.execute(
        update(DeliveryRow)
        .where(*where, col(DeliveryRow.state).in_(before))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
