"""Statements above their issuer's allowance: in force, but no meter credits them yet (design §4.3).

The issuer's key alone credits so much a day. What is above it waits at the meter, until the allowance covers
it or two people who may harm have signed it too.
"""

from collections.abc import Iterator

from msgspec import Struct
from sqlmodel import Session, col, func, or_, select

from controller.database.tables import DeliveryRow, OrderRow, PaymentRow
from controller.office.issuers_store import issuers_in_force
from controller.orders.life import DeliveryState, OrderState
from controller.orders.store import order_of
from protocols.documents.bodies import PaymentBody
from protocols.documents.issuers import Issuer
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE, Order, body_of
from protocols.documents.roles import Root, meets, open_signed
from protocols.documents.statements import is_issued
from protocols.reasons import Did

# The meter has not credited it, as far as anybody knows.
_NOT_CREDITED = (DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.STORED)


class AboveAllowance(Struct, frozen=True, kw_only=True):
    """What an issuer may credit a day, at a statement that is above it."""

    issuer: str
    allowance_ueur_per_day: int


def role_of_signers(order: Order) -> Role:
    """The role in which people sign an order: what an issuer has signed takes that of harm besides."""
    return Role.HARM if is_issued(order) else KINDS[order.kind].role


def above_allowance(session: Session, row: OrderRow, root: Root) -> AboveAllowance | None:
    """The allowance that a statement in force is above, by its meter's receipt, or by its amount before."""
    if row.kind != Kind.PAYMENT or row.state != OrderState.ACTIVE:
        return None
    order = order_of(row)
    issuer = _issuer_of(session, order)
    if issuer is None or meets(open_signed(row.envelope, root, ORDER_TYPE), root, Role.HARM):
        return None
    if row.id not in _uncredited(session, issuer, row.id):
        return None
    return AboveAllowance(issuer=issuer.name, allowance_ueur_per_day=issuer.allowance_ueur_per_day)


def all_above_allowance(session: Session, root: Root) -> tuple[str, ...]:
    """The ids of all statements in force that are above their issuer's allowance, the oldest first."""
    sealed = issuers_in_force(session)
    issuers = () if sealed is None else sealed.issuers.issuers
    found = {order_id for issuer in issuers for order_id in _uncredited(session, issuer)}
    ordered = sorted(found, key=lambda each: (len(each), each))
    rows = (session.get_one(OrderRow, order_id) for order_id in ordered)
    return tuple(row.id for row in rows if above_allowance(session, row, root) is not None)


def _issuer_of(session: Session, order: Order) -> Issuer | None:
    """The issuer whose present epoch an order is a statement of."""
    sealed = issuers_in_force(session)
    if sealed is None or not is_issued(order):
        return None
    body = body_of(order, PaymentBody)
    issuer = sealed.issuers.of(body.issuer)
    return issuer if issuer is not None and issuer.epoch == body.epoch else None


def _uncredited(session: Session, issuer: Issuer, order_id: str | None = None) -> Iterator[str]:
    """Statements that their meter said are above the allowance, or has not answered and will find so."""
    amount_ueur = func.coalesce(PaymentRow.amount_ueur, 0)
    unanswered = col(DeliveryRow.state) != DeliveryState.STORED
    query = (
        select(OrderRow.id)
        .join(DeliveryRow, col(DeliveryRow.order_id) == col(OrderRow.id))
        .outerjoin(PaymentRow, col(PaymentRow.order_id) == col(OrderRow.id))
        .where(
            OrderRow.kind == Kind.PAYMENT,
            OrderRow.state == OrderState.ACTIVE,
            OrderRow.object == f"{KINDS[Kind.PAYMENT].prefix}/{issuer.name}",
            col(DeliveryRow.state).in_(_NOT_CREDITED),
            or_(
                col(DeliveryRow.reason) == Did.OVER_LIMIT,
                unanswered & (amount_ueur > issuer.allowance_ueur_per_day),
            ),
        )
    )
    if order_id is not None:
        query = query.where(OrderRow.id == order_id)
    yield from session.exec(query)
