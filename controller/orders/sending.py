"""Sends orders: queues messages and changes the deliveries that they belong to, in one transaction."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlmodel import Session

from controller.database.bulk import in_batches
from controller.orders import deliveries, outbox
from controller.orders.life import DeliveryEvent
from controller.orders.outbox import Message
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order

TOO_LATE: Final = "not sent in time"


def is_retained(order: Order) -> bool:
    """Whether the order travels on the fleet's topic, where the broker keeps it (design §5)."""
    return order.scope.fleet and KINDS[order.kind].retained


def send(session: Session, order: Order, meters: Collection[str], now_ms: int) -> None:
    """Send an order for the first time: add its deliveries, and queue its messages."""
    deliveries.add_deliveries(session, order.id, meters, now_ms)
    if is_retained(order):
        outbox.enqueue_for_fleet(session, order)
    else:
        outbox.enqueue_for_meters(session, order, meters, now_ms)


def requeue(session: Session, order: Order, meters: Collection[str], now_ms: int) -> None:
    """Send an order again to meters that do not have it."""
    for batch in in_batches(meters):
        deliveries.step(session, DeliveryEvent.QUEUE, now_ms, order_id=order.id, meters=batch)
    outbox.enqueue_missing(session, order, meters, now_ms)


def resume(session: Session, order: Order, meters: Collection[str], now_ms: int) -> None:
    """Send an order again that had ended: its ended deliveries are queued, and missing ones are added."""
    known: set[str] = set()
    for batch in in_batches(meters):
        known |= deliveries.known_to(session, order.id, batch)
        deliveries.queue_ended(session, now_ms, order_id=order.id, meters=batch)
    deliveries.add_deliveries(session, order.id, set(meters) - known, now_ms)
    if is_retained(order):
        outbox.enqueue_for_fleet(session, order)
        return
    waiting = deliveries.waiting(session, order.id)
    outbox.enqueue_missing(session, order, waiting & set(meters), now_ms)


def mark_taken(session: Session, messages: Sequence[Message], now_ms: int) -> None:
    """Delete these messages and count an attempt to deliver each: queued deliveries become *sent*.

    Called after the broker's acknowledgement; for harm, before it is published.
    """
    by_order: dict[str, list[str]] = {}
    for message in messages:
        if message.order_id is not None:
            by_order.setdefault(message.order_id, []).append(message.meter)
    for order_id, meters in by_order.items():
        # A message to the fleet names no meter, and belongs to all deliveries of its order.
        if "" in meters:
            deliveries.count_attempt(session, now_ms, order_id=order_id)
            continue
        for batch in in_batches(meters):
            deliveries.count_attempt(session, now_ms, order_id=order_id, meters=batch)
    outbox.drop_messages(session, messages)


def mark_refused(session: Session, message: Message, why: str, now_ms: int) -> None:
    """Show that the broker has refused a message: its deliveries stay queued, with `why` as the reason.

    Harm was marked as sent before; it is given up, and its delivery has timed out.
    """
    if message.order_id is None:
        return
    meters = [message.meter] if message.meter else None
    if message.once:
        deliveries.step(
            session, DeliveryEvent.SILENT, now_ms, order_id=message.order_id, meters=meters, reason=why
        )
    else:
        deliveries.note_refusal(session, why, order_id=message.order_id, meters=meters)


def drop_late(session: Session, over_ms: int, now_ms: int) -> int:
    """Delete harm that is too late, and time out its deliveries. Returns how many messages were deleted."""
    late = outbox.take_late(session, over_ms)
    for order_id, meter in late:
        if order_id is not None:
            meters = [meter] if meter else None
            deliveries.step(
                session, DeliveryEvent.SILENT, now_ms, order_id=order_id, meters=meters, reason=TOO_LATE
            )
    return len(late)
