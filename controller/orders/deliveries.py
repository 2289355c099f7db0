"""The deliveries of orders: adds rows and changes their state, always in the caller's transaction.

A few UPDATEs, made from the state table in `orders.life`, change the deliveries of many meters at once: an
order to the fleet takes few more statements than an order to one meter.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, case, insert, update
from sqlmodel import Session, col, select

from controller.database.damage import read_column
from controller.database.tables import DeliveryRow
from controller.orders.life import DELIVERY_LIFE, DeliveryEvent, DeliveryState

# The column that holds when a delivery came into a state; every other state is an end: `closed_ms`.
_TIME_COLUMNS: Final = {
    DeliveryState.QUEUED: "queued_ms",
    DeliveryState.STORED: "stored_ms",
    DeliveryState.EFFECTIVE: "effective_ms",
}
# Deliveries that may be sent, and sent again: no report has shown the order in effect yet.
_UNPROVEN: Final = (DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.STORED)

# How the reason of a refusal by the broker begins (`carriage.BrokerRefusedError.why`).
_BROKERS_WORD: Final = "broker: "


def state_of(state: str, order_id: str, meter: str = "") -> DeliveryState:
    """A stored state. Raises InputError for a damaged column."""
    key = f"{order_id} to {meter}" if meter else order_id
    return read_column(DeliveryState, state, "delivery", key, "state")


def add_deliveries(session: Session, order_id: str, meters: Collection[str], now_ms: int) -> None:
    """Add deliveries of an order in the first state, queued."""
    rows = [
        {"order_id": order_id, "meter": meter, "state": DeliveryState.QUEUED, "queued_ms": now_ms}
        for meter in sorted(meters)
    ]
    if rows:
        session.execute(insert(DeliveryRow), rows)


def known_to(session: Session, order_id: str, meters: Sequence[str]) -> set[str]:
    """Those of at most METERS_AT_ONCE meters that have a delivery of an order."""
    query = select(DeliveryRow.meter).where(DeliveryRow.order_id == order_id)
    return set(session.exec(query.where(col(DeliveryRow.meter).in_(meters))))


def waiting(session: Session, order_id: str) -> set[str]:
    """The meters whose delivery of an order is queued."""
    query = select(DeliveryRow.meter).where(DeliveryRow.order_id == order_id)
    return set(session.exec(query.where(DeliveryRow.state == DeliveryState.QUEUED)))


def count_attempt(
    session: Session, now_ms: int, *, order_id: str, meters: Sequence[str] | None = None
) -> None:
    """Count a message that was published (`meters` None: to all meters of the order).

    Queued deliveries become sent; stored ones stay stored.
    """
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
            # What the broker once refused it takes now; what the meter said of an earlier copy still stands.
            reason=case(
                (col(DeliveryRow.reason).startswith(_BROKERS_WORD), ""), else_=col(DeliveryRow.reason)
            ),
        )
        .execution_options(synchronize_session=False)
    )


def note_refusal(session: Session, why: str, *, order_id: str, meters: Sequence[str] | None = None) -> None:
    """Note why the broker refused the message of queued deliveries; they stay queued."""
    where = [col(DeliveryRow.order_id) == order_id, col(DeliveryRow.state) == DeliveryState.QUEUED]
    if meters is not None:
        where.append(col(DeliveryRow.meter).in_(meters))
    session.execute(
        update(DeliveryRow).where(*where).values(reason=why).execution_options(synchronize_session=False)
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
    """Apply `event` to an order's deliveries: all of them, or those to at most METERS_AT_ONCE meters."""
    where = [col(DeliveryRow.order_id) == order_id]
    if meters is not None:
        where.append(col(DeliveryRow.meter).in_(meters))
    step_where(session, event, now_ms, where, reason)


def queue_ended(session: Session, now_ms: int, *, order_id: str, meters: Sequence[str]) -> None:
    """Queue again those deliveries to at most METERS_AT_ONCE meters that had expired with their order."""
    where = [
        col(DeliveryRow.order_id) == order_id,
        col(DeliveryRow.meter).in_(meters),
        col(DeliveryRow.state) == DeliveryState.EXPIRED,
    ]
    step_where(session, DeliveryEvent.QUEUE, now_ms, where)


def step_where(
    session: Session,
    event: DeliveryEvent,
    now_ms: int,
    where: Sequence[ColumnElement[bool]],
    reason: str = "",
) -> None:
    """Apply `event` to the deliveries that `where` selects; those whose state it keeps are not written."""
    before = [state.value for state in DeliveryState if DELIVERY_LIFE[state, event] is not state]
    # In the table of `orders.life` every event leads all deliveries that it changes to the same state, so one
    # UPDATE is enough. Should a new event lead to two states, this unpacking raises ValueError.
    (after,) = {DELIVERY_LIFE[DeliveryState(state), event] for state in before}
    values: dict[str, Any] = {"state": after.value, _TIME_COLUMNS.get(after, "closed_ms"): now_ms}
    if reason:
        values["reason"] = reason
    if after is DeliveryState.QUEUED:
        # The meter has lost the order, or never had it: no earlier receipt proves anything any more.
        values["closed_ms"] = values["receipt_number"] = None
    session.execute(
        update(DeliveryRow)
        .where(*where, col(DeliveryRow.state).in_(before))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
