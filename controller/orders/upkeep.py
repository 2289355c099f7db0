"""What falls due by itself, worked out from the database with the time as data (design §6).

Each step may run at any time, any number of times: it looks at what is there and does what is missing. A
clock that jumps makes it early or late, never twice; nothing here can cut anybody off.
"""

from typing import Final

from msgspec import Struct
from sqlmodel import Session, and_, col, func, or_, select

from controller.database.tables import DeliveryRow, LinkRow, MeterRow, OrderRow
from controller.meters.registry import LinkState
from controller.orders import deliveries, outbox, sending
from controller.orders import store as orders
from controller.orders.life import DeliveryEvent, DeliveryState, OrderState
from protocols.documents.kind_rule import Silence
from protocols.documents.kinds import KINDS
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.link.topics import HARM_EXPIRY_S

# A delivery times out without a receipt for as long as the broker keeps the message, and a bit.
_PATIENCE_MS: Final = HOUR_MS + MINUTE_MS
_HARM_PATIENCE_MS: Final = (HARM_EXPIRY_S + 30) * SECOND_MS
# Protection that we have not seen in effect, over a link that is there: again after 1, 2, 4, … minutes, at
# last 6 hours.
_RETRY_MS: Final = MINUTE_MS
_RETRY_MS_MAX: Final = 6 * HOUR_MS
_RETRIES_DOUBLED_MAX: Final = 9
_SILENT: Final = (DeliveryState.SENT, DeliveryState.TIMED_OUT)
_ROWS_AT_ONCE: Final = 10_000

_LAPSES: Final = tuple(kind.value for kind, rule in KINDS.items() if rule.silence is Silence.LAPSES)
_UNTIL_EFFECTIVE: Final = tuple(
    kind.value for kind, rule in KINDS.items() if rule.silence is Silence.UNTIL_EFFECTIVE
)
_WAITING: Final = (OrderState.DRAFT, OrderState.REHEARSED, OrderState.APPROVED, OrderState.ACTIVE)


class Kept(Struct, frozen=True, kw_only=True):
    """What one round of upkeep did."""

    expired: int
    dropped: int
    retried: int
    timed_out: int


def keep_up(session: Session, now_ms: int) -> Kept:
    """Expire orders, drop what is late, send again what was not seen in effect, give up on the rest."""
    dropped = sending.drop_late(session, now_ms)
    expired = _expire(session, now_ms)
    retried = _retry(session, now_ms)
    return Kept(expired=expired, dropped=dropped, retried=retried, timed_out=_time_out(session, now_ms))


def _expire(session: Session, now_ms: int) -> int:
    over = session.exec(
        select(OrderRow).where(col(OrderRow.state).in_(_WAITING), OrderRow.not_after_ms <= now_ms)
    ).all()
    for row in over:
        orders.expire(session, row, now_ms)
    return len(over)


def _retry(session: Session, now_ms: int) -> int:
    """Send again what no receipt came for, or no report after it, over links that are there. Never harm.

    What a meter has stored it answers with a receipt and a report all the same: a report that was lost on
    its way does not leave a release in the dark. What is sent again only until it is stored (a lease) is left
    alone from then on.
    """
    query = (
        select(DeliveryRow, OrderRow)
        .join(OrderRow, col(OrderRow.id) == col(DeliveryRow.order_id))
        .join(MeterRow, col(MeterRow.id) == col(DeliveryRow.meter))
        .join(LinkRow, col(LinkRow.id) == col(MeterRow.link))
        .where(
            or_(
                col(DeliveryRow.state).in_(_SILENT),
                and_(
                    col(DeliveryRow.state) == DeliveryState.STORED, col(OrderRow.kind).in_(_UNTIL_EFFECTIVE)
                ),
            ),
            # What a sync showed to be there was perhaps never sent.
            func.coalesce(DeliveryRow.sent_ms, DeliveryRow.stored_ms) <= now_ms - _RETRY_MS,
            OrderRow.state == OrderState.ACTIVE,
            col(OrderRow.kind).not_in(_LAPSES),
            LinkRow.state == LinkState.ONLINE,
        )
        .order_by(col(DeliveryRow.sent_ms))
        .limit(_ROWS_AT_ONCE)
    )
    silent: dict[str, list[str]] = {}
    unproven: dict[str, list[str]] = {}
    rows: dict[str, OrderRow] = {}
    for delivery, row in session.exec(query).all():
        if now_ms - (delivery.sent_ms or delivery.stored_ms or 0) >= _backoff_ms(delivery.attempts):
            rows[row.id] = row
            found = silent if delivery.state in _SILENT else unproven
            found.setdefault(row.id, []).append(delivery.meter)
    for found, send in ((silent, sending.requeue), (unproven, outbox.enqueue_missing)):
        for order_id, meters in found.items():
            send(session, orders.order_of(rows[order_id]), meters, now_ms)
    return sum(len(meters) for found in (silent, unproven) for meters in found.values())


def _time_out(session: Session, now_ms: int) -> int:
    """Give up on deliveries whose receipt is overdue; unknown is to be shown as unknown."""
    late = (
        (col(OrderRow.kind).in_(_LAPSES), _HARM_PATIENCE_MS),
        (col(OrderRow.kind).not_in(_LAPSES), _PATIENCE_MS),
    )
    count = 0
    for kinds, patience_ms in late:
        where = [
            col(DeliveryRow.state) == DeliveryState.SENT,
            col(DeliveryRow.sent_ms) <= now_ms - patience_ms,
            col(DeliveryRow.order_id).in_(select(OrderRow.id).where(kinds)),
        ]
        count += session.exec(select(func.count()).select_from(DeliveryRow).where(*where)).one()
        deliveries.step_where(session, DeliveryEvent.SILENT, now_ms, where)
    return count


def _backoff_ms(attempts: int) -> int:
    doubled = min(max(attempts - 1, 0), _RETRIES_DOUBLED_MAX)
    return min(_RETRY_MS << doubled, _RETRY_MS_MAX)
