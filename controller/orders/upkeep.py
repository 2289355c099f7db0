"""What the service does when time has passed: expire orders, send them again, time out (design §6).

Each step may run at any time and any number of times: it reads the store and does what is missing. A clock
that jumps makes a step early or late, but it is never done twice, and nothing here can cut anybody off. What
cannot be undone waits until it is certain: `over_ms` is the earliest that it may be now, and None while the
service doubts its clock.
"""

from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, case, exists
from sqlmodel import Session, and_, col, func, or_, select

from controller.database.tables import DeliveryRow, LinkRow, MeterRow, OrderRow, OutboxRow
from controller.meters.registry import LinkState
from controller.meters.retired import in_fleet
from controller.orders import deliveries, outbox, sending
from controller.orders import store as orders
from controller.orders.life import DeliveryEvent, DeliveryState, OrderState
from controller.orders.reaching import reach_newcomers
from protocols.documents.kind_rule import Role, Silence
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
# How far ahead of ours an instant in the store may be that another clock has written.
_AHEAD_MS: Final = 2 * MINUTE_MS
_SILENT: Final = (DeliveryState.SENT, DeliveryState.TIMED_OUT)
_ROWS_AT_ONCE: Final = 10_000

_LAPSES: Final = tuple(kind.value for kind, rule in KINDS.items() if rule.silence is Silence.LAPSES)
_UNTIL_EFFECTIVE: Final = tuple(
    kind.value for kind, rule in KINDS.items() if rule.silence is Silence.UNTIL_EFFECTIVE
)
_PROTECTIVE: Final = tuple(kind.value for kind, rule in KINDS.items() if rule.role is Role.PROTECT)
_WAITING: Final = (OrderState.DRAFT, OrderState.REHEARSED, OrderState.APPROVED, OrderState.ACTIVE)


class UpkeepDone(Struct, frozen=True, kw_only=True):
    """What one run of the upkeep did, as counts of orders, messages and deliveries."""

    expired: int
    dropped: int
    retried: int
    timed_out: int


def keep_up(session: Session, now_ms: int, over_ms: int | None) -> UpkeepDone:
    """Delete late harm, expire orders, send what is missing or not effective yet, time out deliveries."""
    dropped = 0 if over_ms is None else sending.drop_late(session, over_ms, now_ms)
    expired = 0 if over_ms is None else _expire(session, over_ms, now_ms)
    reach_newcomers(session, orders.active_for_groups(session), now_ms)
    retried = _retry(session, now_ms)
    timed_out = _time_out(session, now_ms)
    return UpkeepDone(expired=expired, dropped=dropped, retried=retried, timed_out=timed_out)


def _expire(session: Session, over_ms: int, now_ms: int) -> int:
    """Expire what is over for certain; protection only after its messages have left the outbox.

    The clock of whoever made the order may have been years behind: the meters judge what they get.
    """
    unsent = exists().where(col(OutboxRow.order_id) == col(OrderRow.id), col(OrderRow.kind).in_(_PROTECTIVE))
    over = session.exec(
        select(OrderRow).where(col(OrderRow.state).in_(_WAITING), ~orders.is_good_at(over_ms), ~unsent)
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
    # A delivery that a sync has shown to be stored may never have been sent: `sent_ms` is NULL then.
    last_ms = func.coalesce(col(DeliveryRow.sent_ms), col(DeliveryRow.stored_ms))
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
            # An instant ahead of ours was written by a clock that was wrong: its pause would never end.
            or_(last_ms + _backoff() <= now_ms, last_ms > now_ms + _AHEAD_MS),
            OrderRow.state == OrderState.ACTIVE,
            col(OrderRow.kind).not_in(_LAPSES),
            LinkRow.state != LinkState.OFFLINE,
            in_fleet(),
        )
        # What is due longest comes first. Only what is due is read, so that none waits behind what is not.
        .order_by(last_ms, col(DeliveryRow.order_id), col(DeliveryRow.meter))
        .limit(_ROWS_AT_ONCE)
    )
    silent: dict[str, list[str]] = {}
    unproven: dict[str, list[str]] = {}
    rows: dict[str, OrderRow] = {}
    for delivery, row in session.exec(query).all():
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


def _backoff() -> ColumnElement[int]:
    """How long a delivery waits for its next attempt, by the attempts made."""
    waits_ms = [
        (col(DeliveryRow.attempts) <= 1 + doubled, min(_RETRY_MS << doubled, _RETRY_MS_MAX))
        for doubled in range(_RETRIES_DOUBLED_MAX)
    ]
    return case(*waits_ms, else_=_RETRY_MS_MAX)
