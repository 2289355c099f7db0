"""The outbox: what the broker has not taken yet, in the order in which it was decided (design §6).

Whoever commits an order commits its messages with it; `serve` carries them. A message is forgotten after
the broker took it, so that a crash in between sends it twice, which changes nothing at the other end. Harm
is forgotten before: a crash in between loses it, and it is never sent again.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from controller.database.bulk import in_batches
from controller.database.tables import OrderRow, OutboxRow
from controller.orders import deliveries
from controller.orders.life import DeliveryEvent
from protocols.link.topics import Place, place_of

TOO_LATE: Final = "not sent in time"


class Message(Struct, frozen=True, kw_only=True):
    """A message to publish. `expiry_s` None: as its channel has it."""

    seq: int
    place: Place
    payload: bytes
    retain: bool
    expiry_s: int | None
    once: bool
    order_id: str | None
    meter: str


def due_messages(session: Session, now_ms: int, limit: int, beyond: int = 0) -> list[Message]:
    """What is to be sent now, the oldest first, from the message after `beyond` on."""
    query = (
        select(OutboxRow, OrderRow.envelope)
        .outerjoin(OrderRow, col(OrderRow.id) == col(OutboxRow.order_id))
        .where(
            OutboxRow.not_before_ms <= now_ms, OutboxRow.not_after_ms > now_ms, col(OutboxRow.seq) > beyond
        )
        .order_by(col(OutboxRow.seq))
        .limit(limit)
    )
    return [_message(row, envelope) for row, envelope in session.exec(query)]


def is_empty(session: Session, now_ms: int) -> bool:
    """Whether nothing waits to be sent now. What is for later, or too late already, does not count."""
    waiting = select(OutboxRow.seq).where(OutboxRow.not_before_ms <= now_ms, OutboxRow.not_after_ms > now_ms)
    return session.exec(waiting.limit(1)).first() is None


def mark_taken(session: Session, messages: Sequence[Message], now_ms: int) -> None:
    """The broker has these messages (or is about to, where they are harm): their deliveries are *sent*."""
    by_order: dict[str, list[str]] = {}
    for message in messages:
        if message.order_id is not None:
            by_order.setdefault(message.order_id, []).append(message.meter)
    for order_id, meters in by_order.items():
        # A message to the fleet is a delivery to everybody.
        if "" in meters:
            deliveries.count_attempt(session, now_ms, order_id=order_id)
            continue
        for some in in_batches(meters):
            deliveries.count_attempt(session, now_ms, order_id=order_id, meters=some)
    seqs = [message.seq for message in messages]
    session.execute(delete(OutboxRow).where(col(OutboxRow.seq).in_(seqs)))


def drop_late(session: Session, now_ms: int) -> int:
    """Drop what is too late to be sent; its deliveries have timed out. Returns how many were dropped."""
    late = session.exec(select(OutboxRow).where(OutboxRow.not_after_ms <= now_ms)).all()
    for row in late:
        if row.order_id is not None:
            meters = [row.meter] if row.meter else None
            deliveries.step(
                session, DeliveryEvent.SILENT, now_ms, order_id=row.order_id, meters=meters, reason=TOO_LATE
            )
        session.delete(row)
    session.flush()
    return len(late)


def count_waiting(session: Session) -> int:
    """All that waits in the outbox, now or for later."""
    return session.exec(select(func.count()).select_from(OutboxRow)).one()


def _message(row: OutboxRow, envelope: bytes | None) -> Message:
    place = place_of(row.topic)
    assert row.seq is not None
    assert place is not None, row.topic
    return Message(
        seq=row.seq,
        place=place,
        payload=row.payload if envelope is None else envelope,
        retain=bool(row.retain),
        expiry_s=row.expiry_s,
        once=bool(row.once),
        order_id=row.order_id,
        meter=row.meter,
    )
