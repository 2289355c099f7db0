"""Deliveries and the outbox: rows made, stepped and closed, always in the caller's transaction.

Many meters are stepped by a handful of UPDATEs that are made from the table in `policy.orders_life`, so
that an order to the fleet costs few more statements than an order to one meter.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, case, delete, insert, update
from sqlmodel import Session, col, select

from controller.database.bulk import in_batches
from controller.database.tables import DeliveryRow, MeterRow, OutboxRow
from controller.orders.life import DELIVERY_LIFE, DeliveryEvent, DeliveryState
from protocols.documents.kind_rule import Silence
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order
from protocols.limits import INSTANT_MS_MAX
from protocols.link.topics import CARRIAGE, HARM_EXPIRY_S, Channel, Place, topic_of

_MARKS: Final = {
    DeliveryState.QUEUED: "queued_ms",
    DeliveryState.STORED: "stored_ms",
    DeliveryState.EFFECTIVE: "effective_ms",
}
# What may be sent, since we have not seen it in effect.
_UNPROVEN: Final = (DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.STORED)


def is_retained(order: Order) -> bool:
    """Whether the order travels on the fleet's topic, where the broker keeps it (design §5)."""
    return order.scope.fleet and KINDS[order.kind].retained


def fleet_topic(order_id: str) -> str:
    """Where a fleet-wide protective order is retained."""
    return topic_of(Place(Channel.FLEET_ORDERS, order=order_id))


def add_deliveries(session: Session, order_id: str, meters: Collection[str], now_ms: int) -> None:
    """Deliveries that begin: queued."""
    rows = [
        {"order_id": order_id, "meter": meter, "state": DeliveryState.QUEUED, "queued_ms": now_ms}
        for meter in sorted(meters)
    ]
    if rows:
        session.execute(insert(DeliveryRow), rows)


def publish_to_fleet(session: Session, order: Order, now_ms: int) -> None:
    """One retained message, for every meter there is and every one to come."""
    row = OutboxRow(
        topic=fleet_topic(order.id),
        order_id=order.id,
        retain=1,
        not_before_ms=now_ms,
        not_after_ms=order.not_after_ms,
    )
    session.add(row)
    session.flush()


def publish_to_meters(session: Session, order: Order, meters: Collection[str], now_ms: int) -> None:
    """A message to each meter's own topic; what lapses in silence is sent within a minute or never."""
    lapses = KINDS[order.kind].silence is Silence.LAPSES
    expiry_s = HARM_EXPIRY_S if lapses else CARRIAGE[Channel.ORDERS].expiry_s
    not_after_ms = min(order.not_after_ms, now_ms + HARM_EXPIRY_S * 1000) if lapses else order.not_after_ms
    for some in in_batches(meters):
        links = session.exec(select(MeterRow.id, MeterRow.link).where(col(MeterRow.id).in_(some)))
        rows: list[dict[str, Any]] = [
            {
                "topic": topic_of(Place(Channel.ORDERS, link=link, meter=meter)),
                "order_id": order.id,
                "meter": meter,
                "expiry_s": expiry_s,
                "once": int(lapses),
                "not_before_ms": now_ms,
                "not_after_ms": not_after_ms,
            }
            for meter, link in sorted(links)
        ]
        if rows:
            session.execute(insert(OutboxRow), rows)


def requeue(session: Session, order: Order, meters: Collection[str], now_ms: int) -> None:
    """Send an order again, since these meters do not have it."""
    for some in in_batches(meters):
        step(session, DeliveryEvent.QUEUE, now_ms, order_id=order.id, meters=some)
    send_copies(session, order, meters, now_ms)


def send_copies(session: Session, order: Order, meters: Collection[str], now_ms: int) -> None:
    """Send an order to each meter by itself; what waits in the outbox already is not doubled."""
    for some in in_batches(meters):
        waiting = set(
            session.exec(
                select(OutboxRow.meter).where(
                    col(OutboxRow.order_id) == order.id, col(OutboxRow.meter).in_(some)
                )
            )
        )
        publish_to_meters(session, order, [meter for meter in some if meter not in waiting], now_ms)


def clear_retained(session: Session, order_id: str, now_ms: int) -> None:
    """Take a fleet-wide order off the broker: an empty retained message in its place."""
    row = OutboxRow(topic=fleet_topic(order_id), retain=1, not_before_ms=now_ms, not_after_ms=INSTANT_MS_MAX)
    session.add(row)
    session.flush()


def forget_messages(session: Session, order_id: str, meters: Collection[str] | None = None) -> None:
    """Drop what waits in the outbox for an order; for these meters only where they are named."""
    if meters is None:
        session.execute(delete(OutboxRow).where(col(OutboxRow.order_id) == order_id))
        return
    for some in in_batches(meters):
        session.execute(
            delete(OutboxRow).where(col(OutboxRow.order_id) == order_id, col(OutboxRow.meter).in_(some))
        )


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
