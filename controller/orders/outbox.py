"""The outbox: messages that the broker has not acknowledged yet, the oldest first (design §6).

The transaction that activates an order queues its messages too; `serve` publishes them. A message is deleted
after the broker has acknowledged it: a crash in between publishes it twice, which changes nothing at the
meter. A harmful message is deleted before it is published: a crash in between loses it, and it is never sent
again.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, delete, insert, or_
from sqlmodel import Session, col, func, select

from controller.database.bulk import in_batches
from controller.database.tables import MeterRow, OrderRow, OutboxRow
from controller.meters.registry import BY_CARD
from controller.meters.retired import in_fleet
from protocols.documents.kind_rule import Silence
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order
from protocols.limits import FOR_EVER_MS
from protocols.link.topics import CARRIAGE, HARM_EXPIRY_S, Channel, Place, place_of, topic_of

# `not_before_ms` of a message for which no clock is asked.
_AT_ONCE_MS: Final = 0


class Message(Struct, frozen=True, kw_only=True):
    """A message to publish. `expiry_s` None: its channel's. `once`: harm, which is never published twice."""

    seq: int
    place: Place
    payload: bytes
    retain: bool
    expiry_s: int | None
    once: bool
    order_id: str | None
    meter: str


def enqueue_for_fleet(session: Session, order: Order) -> None:
    """Queue one retained message, which reaches all links, and those that subscribe later."""
    row = OutboxRow(
        topic=_fleet_topic(order.id),
        order_id=order.id,
        retain=1,
        not_before_ms=_AT_ONCE_MS,
        not_after_ms=FOR_EVER_MS,
    )
    session.add(row)
    session.flush()


def enqueue_for_meters(session: Session, order: Order, meters: Collection[str], now_ms: int) -> None:
    """Queue a message on each meter's own topic; an order that lapses is sent within a minute or never.

    Only for an order that lapses does the clock of whoever queues it count: any other is due at once, and
    stays so until it has been sent or its order has ended.
    """
    lapses = KINDS[order.kind].silence is Silence.LAPSES
    expiry_s = HARM_EXPIRY_S if lapses else CARRIAGE[Channel.ORDERS].expiry_s
    due_ms = (
        (now_ms, min(order.not_after_ms, now_ms + HARM_EXPIRY_S * 1000))
        if lapses
        else (_AT_ONCE_MS, FOR_EVER_MS)
    )
    for batch in in_batches(meters):
        links = session.exec(select(MeterRow.id, MeterRow.link).where(col(MeterRow.id).in_(batch)))
        rows: list[dict[str, Any]] = [
            {
                "topic": topic_of(Place(Channel.ORDERS, link=link, meter=meter)),
                "order_id": order.id,
                "meter": meter,
                "expiry_s": expiry_s,
                "once": int(lapses),
                "not_before_ms": due_ms[0],
                "not_after_ms": due_ms[1],
            }
            for meter, link in sorted(links)
            if link != BY_CARD  # a kiosk puts it onto the meter's card
        ]
        if rows:
            session.execute(insert(OutboxRow), rows)


def enqueue_missing(session: Session, order: Order, meters: Collection[str], now_ms: int) -> None:
    """As `enqueue_for_meters`, but skips meters for which a message of this order is queued already."""
    for batch in in_batches(meters):
        waiting = set(
            session.exec(
                select(OutboxRow.meter).where(
                    col(OutboxRow.order_id) == order.id, col(OutboxRow.meter).in_(batch)
                )
            )
        )
        enqueue_for_meters(session, order, [meter for meter in batch if meter not in waiting], now_ms)


def enqueue_root(session: Session, envelope: bytes, meters: Sequence[str], link: str) -> None:
    """Queue a document that is no order (root, issuers) for meters of a link, where it is not queued yet."""
    if link == BY_CARD:
        return
    waiting = set(
        session.exec(
            select(OutboxRow.meter).where(
                col(OutboxRow.order_id).is_(None),
                col(OutboxRow.meter).in_(meters),
                OutboxRow.payload == envelope,
            )
        )
    )
    session.add_all(
        OutboxRow(
            topic=topic_of(Place(Channel.ORDERS, link=link, meter=meter)),
            meter=meter,
            payload=envelope,
            expiry_s=CARRIAGE[Channel.ORDERS].expiry_s,
            not_before_ms=_AT_ONCE_MS,
            not_after_ms=FOR_EVER_MS,
        )
        for meter in meters
        if meter not in waiting
    )
    session.flush()


def spread_issuers(session: Session, envelope: bytes) -> None:
    """Queue new issuers for every meter. An older document that waits does no harm."""
    _spread(session, lambda _version: (envelope,))


def spread_root(session: Session, steps_from: Callable[[int], Sequence[bytes]]) -> None:
    """Queue a new root for every meter, with those before it that the meter lacks.

    `steps_from`: what a meter is sent that holds a version, in this sequence.
    """
    _spread(session, steps_from)


def _spread(session: Session, envelopes_for: Callable[[int], Sequence[bytes]]) -> None:
    by_place: dict[tuple[str, int], list[str]] = {}
    query = select(MeterRow.id, MeterRow.link, MeterRow.root_version).where(in_fleet())
    for meter, link, version in session.exec(query):
        by_place.setdefault((link, version), []).append(meter)
    for (link, version), meters in sorted(by_place.items()):
        for batch in in_batches(meters):
            for envelope in envelopes_for(version):
                enqueue_root(session, envelope, batch, link)


def enqueue_clearing(session: Session, order_id: str) -> None:
    """Queue an empty retained message, which removes a fleet-wide order from the broker (MQTT 5, 3.3.1.3)."""
    row = OutboxRow(
        topic=_fleet_topic(order_id), retain=1, not_before_ms=_AT_ONCE_MS, not_after_ms=FOR_EVER_MS
    )
    session.add(row)
    session.flush()


def drop(session: Session, order_id: str, meters: Collection[str] | None = None) -> None:
    """Delete the queued messages of an order: all of them, or those to these meters."""
    if meters is None:
        session.execute(delete(OutboxRow).where(col(OutboxRow.order_id) == order_id))
        return
    for batch in in_batches(meters):
        session.execute(
            delete(OutboxRow).where(col(OutboxRow.order_id) == order_id, col(OutboxRow.meter).in_(batch))
        )


def forget_meter(session: Session, meter: str) -> None:
    """Delete all queued messages to one meter."""
    session.execute(delete(OutboxRow).where(col(OutboxRow.meter) == meter))


def due_messages(
    session: Session, now_ms: int, limit: int, beyond: int = 0, *, harm: bool = True
) -> list[Message]:
    """At most `limit` messages to publish now, the oldest first; only those numbered above `beyond`.

    `harm` False, while the service doubts its clock: only what is no harm.
    """
    query = (
        select(OutboxRow, OrderRow.envelope)
        .outerjoin(OrderRow, col(OrderRow.id) == col(OutboxRow.order_id))
        .where(_is_due(now_ms, harm=harm), col(OutboxRow.seq) > beyond)
        .order_by(col(OutboxRow.seq))
        .limit(limit)
    )
    return [_message(row, envelope) for row, envelope in session.exec(query)]


def is_empty(session: Session, now_ms: int, *, harm: bool = True) -> bool:
    """Whether no message is to be published now; those for later, or too late already, do not count."""
    waiting = select(OutboxRow.seq).where(_is_due(now_ms, harm=harm))
    return session.exec(waiting.limit(1)).first() is None


def drop_messages(session: Session, messages: Sequence[Message]) -> None:
    """Delete messages: after the broker has acknowledged them; harmful ones before they are published."""
    seqs = [message.seq for message in messages]
    session.execute(delete(OutboxRow).where(col(OutboxRow.seq).in_(seqs)))


def take_late(session: Session, over_ms: int) -> list[tuple[str | None, str]]:
    """Delete harm that is too late. Returns the order and the meter of each message."""
    late = session.exec(select(OutboxRow).where(OutboxRow.once == 1, OutboxRow.not_after_ms <= over_ms)).all()
    for row in late:
        session.delete(row)
    session.flush()
    return [(row.order_id, row.meter) for row in late]


def count_waiting(session: Session) -> int:
    """How many messages are queued, for now or for later."""
    return session.exec(select(func.count()).select_from(OutboxRow)).one()


def _is_due(now_ms: int, *, harm: bool) -> ColumnElement[bool]:
    """What is no harm is due at once, whatever the clock of the machine that has queued it showed."""
    protection = col(OutboxRow.once) == 0
    if not harm:
        return protection
    return or_(protection, and_(col(OutboxRow.not_before_ms) <= now_ms, col(OutboxRow.not_after_ms) > now_ms))


def _message(row: OutboxRow, envelope: bytes | None) -> Message:
    place = place_of(row.topic)
    # SQLite and PostgreSQL number a row when it is inserted; only a new row has None.
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


def _fleet_topic(order_id: str) -> str:
    """Where the broker retains a fleet-wide order."""
    return topic_of(Place(Channel.FLEET_ORDERS, order=order_id))
