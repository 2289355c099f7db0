"""What the service does when time has passed: expire orders, send them again, time out (design §6).

Each step may run at any time and any number of times: it reads the store and does what is missing. A clock
that jumps makes a step early or late, but it is never done twice, and nothing here can cut anybody off.
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

# A delivery without a receipt times out a little after the broker has discarded the message (its expiry).
_TIMEOUT_MS: Final = HOUR_MS + MINUTE_MS
_HARM_TIMEOUT_MS: Final = (HARM_EXPIRY_S + 30) * SECOND_MS
# An order that no report has shown in effect is sent again over a link that is online after 1, 2, 4, …
# minutes, at most 6 hours.
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


class UpkeepDone(Struct, frozen=True, kw_only=True):
    """What one run of the upkeep did, as counts of orders, messages and deliveries."""

    expired: int
    dropped: int
    retried: int
    timed_out: int


def keep_up(session: Session, now_ms: int) -> UpkeepDone:
    """Delete late messages, expire orders, send again what is not effective yet, time out deliveries."""
    dropped = sending.drop_late(session, now_ms)
    expired = _expire(session, now_ms)
    retried = _retry(session, now_ms)
    timed_out = _time_out(session, now_ms)
    return UpkeepDone(expired=expired, dropped=dropped, retried=retried, timed_out=timed_out)


def _expire(session: Session, now_ms: int) -> int:
    over = session.exec(
        select(OrderRow).where(col(OrderRow.state).in_(_WAITING), OrderRow.not_after_ms <= now_ms)
    ).all()
    for row in over:
        orders.expire(session, row, now_ms)
    return len(over)


def _retry(session: Session, now_ms: int) -> int:
    """Send again orders without a receipt or a report after it, unless the link is offline; never harm.

    A meter answers a copy of an order that it has stored with a receipt and a report. So the state of a
    release becomes known even if its first report was lost. A kind that is sent only until it is stored (a
    lease) is not sent again after that.
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
            # A delivery that a sync has shown to be stored may never have been sent: `sent_ms` is NULL then.
            func.coalesce(DeliveryRow.sent_ms, DeliveryRow.stored_ms) <= now_ms - _RETRY_MS,
            OrderRow.state == OrderState.ACTIVE,
            col(OrderRow.kind).not_in(_LAPSES),
            LinkRow.state != LinkState.OFFLINE,
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
    """Time out deliveries whose receipt is overdue, so that *unknown* is shown as unknown."""
    overdue = (
        (col(OrderRow.kind).in_(_LAPSES), _HARM_TIMEOUT_MS),
        (col(OrderRow.kind).not_in(_LAPSES), _TIMEOUT_MS),
    )
    count = 0
    for kinds, timeout_ms in overdue:
        where = [
            col(DeliveryRow.state) == DeliveryState.SENT,
            col(DeliveryRow.sent_ms) <= now_ms - timeout_ms,
            col(DeliveryRow.order_id).in_(select(OrderRow.id).where(kinds)),
        ]
        count += session.exec(select(func.count()).select_from(DeliveryRow).where(*where)).one()
        deliveries.step_where(session, DeliveryEvent.SILENT, now_ms, where)
    return count


def _backoff_ms(attempts: int) -> int:
    doubled = min(max(attempts - 1, 0), _RETRIES_DOUBLED_MAX)
    return min(_RETRY_MS << doubled, _RETRY_MS_MAX)
