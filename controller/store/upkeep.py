"""What falls due by itself, worked out from the database with the time as data (design §6).

Each step may run at any time, any number of times: it looks at what is there and does what is missing. A
clock that jumps makes it early or late, never twice; nothing here can cut anybody off.
"""

from typing import Final

from msgspec import Struct
from sqlmodel import Session, and_, col, func, or_, select

from controller.policy import drafting
from controller.policy.leases import LeaseHeld, due_leases, lease_held, plan_leases
from controller.policy.orders_life import DeliveryEvent, DeliveryState, OrderState
from controller.policy.syncing import SENT_AGAIN
from controller.store import audit, deliveries, orders, outbox
from controller.store.registry import ONLINE
from controller.store.tables import AuditRow, DeliveryRow, LinkRow, MeterRow, OrderRow, SettingRow
from protocols.documents.envelope import Signer, seal
from protocols.documents.orders import KINDS, ORDER_TYPE, Kind, Order, Role, write_document
from protocols.documents.protecting import FLOORS, PROTECTING
from protocols.documents.roles import Root, root_allows
from protocols.errors import DocumentError
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
_WITHOUT_LEASE: Final = "leases/meters_without"

_HARM: Final = tuple(kind.value for kind in Kind if KINDS[kind].role is Role.HARM)
_WAITING: Final = (OrderState.DRAFT, OrderState.REHEARSED, OrderState.APPROVED, OrderState.ACTIVE)


class Kept(Struct, frozen=True, kw_only=True):
    """What one round of upkeep did."""

    expired: int
    dropped: int
    retried: int
    timed_out: int


def keep_up(session: Session, now_ms: int) -> Kept:
    """Expire orders, drop what is late, send again what was not seen in effect, give up on the rest."""
    dropped = outbox.drop_late(session, now_ms)
    expired = _expire(session, now_ms)
    retried = _retry(session, now_ms)
    return Kept(expired=expired, dropped=dropped, retried=retried, timed_out=_time_out(session, now_ms))


def renew_leases(session: Session, root: Root, signer: Signer, now_ms: int) -> int:
    """Issue the leases that are due: daily, and at once where what they must name has changed.

    Returns how many documents were issued; none without a root that allows it: an expired root ends leases.
    """
    if not root_allows(root, Role.LEASE, now_ms):
        return 0
    naming = _naming_orders(session)
    if not any(order.kind is Kind.CUT_CALENDAR for order in naming):
        return 0
    meters = session.exec(select(MeterRow.id).order_by(MeterRow.id)).all()
    plans, without = plan_leases(meters, naming, now_ms)
    due = due_leases(plans, leases_held(session), now_ms)
    for plan in due:
        sheet = orders.draw_sheet(session, Kind.LEASE, "fleet", now_ms, "renewal")
        order = drafting.lease(sheet, plan.meters, plan.calendar, plan.names)
        try:
            envelope = seal(write_document(order), ORDER_TYPE, [signer])
        except DocumentError:
            # It names more than a document holds: no lease, so no cut, until holds are lifted.
            without += plan.meters
            continue
        orders.submit(session, order, envelope, root, audit.SERVICE, now_ms)
    _note_without(session, len(without), now_ms)
    return len(due)


def leases_held(session: Session) -> dict[str, LeaseHeld]:
    """What the latest lease for each meter says, whether it has arrived or not."""
    query = select(OrderRow).where(OrderRow.kind == Kind.LEASE, OrderRow.state == OrderState.ACTIVE)
    held: dict[str, LeaseHeld] = {}
    for row in session.exec(query.order_by(col(OrderRow.rev))):
        order = orders.order_of(row)
        held |= dict.fromkeys(order.scope.meters, lease_held(order))
    return held


def upkeep_mark(session: Session) -> tuple[int, int]:
    """Changes with everything that leases depend on: two equal marks mean the same plan."""
    acts = session.exec(select(func.max(AuditRow.number))).one()
    return acts or 0, session.exec(select(func.count()).select_from(MeterRow)).one()


def _note_without(session: Session, meters: int, now_ms: int) -> None:
    """Say once that so many meters can have no lease, and once when their number changes."""
    row = session.get(SettingRow, _WITHOUT_LEASE) or SettingRow(name=_WITHOUT_LEASE, value="0")
    if row.value != str(meters):
        row.value = str(meters)
        session.add(row)
        audit.note(session, now_ms, audit.SERVICE, "lease_impossible", "lease/fleet", meters=meters)


def _naming_orders(session: Session) -> list[Order]:
    """Calendars in force and all that protects; a floor stands also when its order has expired."""
    active = (Kind.CUT_CALENDAR, *PROTECTING, *FLOORS)
    query = select(OrderRow).where(
        or_(
            (col(OrderRow.state) == OrderState.ACTIVE) & col(OrderRow.kind).in_(active),
            (col(OrderRow.state) == OrderState.EXPIRED) & col(OrderRow.kind).in_(FLOORS),
        )
    )
    return [orders.order_of(row) for row in session.exec(query.order_by(col(OrderRow.rev)))]


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
    its way does not leave a release in the dark. A lease alone is receipted and no more, where it moves no
    possible cut.
    """
    kinds = [kind.value for kind in SENT_AGAIN if KINDS[kind].role is not Role.HARM]
    query = (
        select(DeliveryRow, OrderRow)
        .join(OrderRow, col(OrderRow.id) == col(DeliveryRow.order_id))
        .join(MeterRow, col(MeterRow.id) == col(DeliveryRow.meter))
        .join(LinkRow, col(LinkRow.id) == col(MeterRow.link))
        .where(
            or_(
                col(DeliveryRow.state).in_(_SILENT),
                and_(col(DeliveryRow.state) == DeliveryState.STORED, OrderRow.kind != Kind.LEASE),
            ),
            # What a sync showed to be there was perhaps never sent.
            func.coalesce(DeliveryRow.sent_ms, DeliveryRow.stored_ms) <= now_ms - _RETRY_MS,
            OrderRow.state == OrderState.ACTIVE,
            col(OrderRow.kind).in_(kinds),
            LinkRow.state == ONLINE,
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
    for found, send in ((silent, deliveries.requeue), (unproven, deliveries.send_copies)):
        for order_id, meters in found.items():
            send(session, orders.order_of(rows[order_id]), meters, now_ms)
    return sum(len(meters) for found in (silent, unproven) for meters in found.values())


def _time_out(session: Session, now_ms: int) -> int:
    """Give up on deliveries whose receipt is overdue; unknown is to be shown as unknown."""
    late = (
        (col(OrderRow.kind).in_(_HARM), _HARM_PATIENCE_MS),
        (col(OrderRow.kind).not_in(_HARM), _PATIENCE_MS),
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
