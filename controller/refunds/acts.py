"""Pays money back out of a purse: a statement of all refunds of a meter; two people sign (design §4.3).

The next total stands above what the meter has taken: by its receipts, and by the account that it reports,
since a restored store has lost some. What it refused is no part of it: the next one would take it too.
"""

from typing import Final

import msgspec
from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.damage import read_column
from controller.database.tables import DeliveryRow, MeterRow, OrderRow
from controller.orders.acting import Act
from controller.orders.deliveries import state_of
from controller.orders.life import HELD_DELIVERIES, DeliveryState, OrderState
from controller.orders.status import OrderStatus
from controller.orders.store import order_of
from protocols.documents.accounts import Account
from protocols.documents.bodies import RefundBody
from protocols.documents.drafting import object_of, refund
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, body_of
from protocols.errors import RefusedError
from protocols.units import QUANTA_PER_UEUR

read_account = msgspec.json.Decoder(Account).decode
_UNSENT: Final = (OrderState.DRAFT, OrderState.REHEARSED, OrderState.APPROVED)
# The meter may still take it, or refuse it.
_OPEN: Final = (DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.TIMED_OUT)


def ordered_ueur(session: Session, meter: str) -> int:
    """The total of all refunds that two people have ordered and the meter has not refused; 0: none."""
    # Superseded before its answer: the meter has left the fleet meanwhile.
    counts = (*_OPEN, DeliveryState.SUPERSEDED, *HELD_DELIVERIES)
    total_ueur = 0
    for row, state in _refunds(session, meter):
        if row.state not in _UNSENT and state in counts:
            total_ueur = max(total_ueur, body_of(order_of(row), RefundBody).total_ueur)
    return total_ueur


def drafted_ueur(session: Session, meter: str) -> int:
    """What a refund that waits for a signature takes out beside those before it; 0: none waits."""
    unsent = [order_of(row) for row, _ in _refunds(session, meter) if row.state in _UNSENT]
    total_ueur = max((body_of(order, RefundBody).total_ueur for order in unsent), default=0)
    return max(total_ueur - max(ordered_ueur(session, meter), reported_ueur(session, meter)), 0)


def open_refund(session: Session, meter: str) -> str | None:
    """The refund that waits for a signature, or for the meter's answer; None: none does."""
    for row, state in _refunds(session, meter):
        if row.state in _UNSENT or (row.state == OrderState.ACTIVE and state in _OPEN):
            return row.id
    return None


def refund_out_of(act: Act, meter: str, amount_ueur: int) -> OrderStatus:
    """Refund an amount beside all that was refunded before: a draft, until a second person has signed.

    Raises RefusedError while another one waits: for a signature, as it may be withdrawn; or for the meter's
    answer, as it may be refused.
    """
    taken_ueur = reported_ueur(act.session, meter)
    for row, state in _refunds(act.session, meter):
        if row.state in _UNSENT:
            raise RefusedError(
                f"refund {row.id} of {meter} waits for a signature; allowed: one at a time: "
                f"`relance orders sign {row.id}`, or `relance orders withdraw {row.id}`"
            )
        if row.state == OrderState.ACTIVE and state in _OPEN:
            raise RefusedError(f"refund {row.id} of {meter} waits for its answer; allowed: one at a time")
        if state in HELD_DELIVERIES:
            taken_ueur = max(taken_ueur, body_of(order_of(row), RefundBody).total_ueur)
    return act.submit(refund(act.sheet(Kind.REFUND, meter), meter, taken_ueur + amount_ueur))


class PurseShort(Struct, frozen=True):
    """A refund that the purse does not hold, by the meter's last report: it will refuse it."""

    meter: str
    amount_ueur: int
    balance_ueur: int
    reported_ms: int | None


def purse_short(session: Session, order: Order) -> PurseShort | None:
    """Whether a meter's purse is too small for a refund; None: it is not, or the meter has reported none."""
    if order.kind is not Kind.REFUND:
        return None
    row = session.get_one(MeterRow, order.scope.meters[0])
    taken_ueur = reported_ueur(session, row.id)
    for other, state in _refunds(session, row.id):
        if state in HELD_DELIVERIES:
            taken_ueur = max(taken_ueur, body_of(order_of(other), RefundBody).total_ueur)
    amount_ueur = body_of(order, RefundBody).total_ueur - taken_ueur
    if row.balance_ueur is None or amount_ueur <= row.balance_ueur:
        return None
    return PurseShort(row.id, amount_ueur, row.balance_ueur, row.reported_ms)


def _refunds(session: Session, meter: str) -> list[tuple[OrderRow, DeliveryState]]:
    """The refunds of a meter that nobody has withdrawn, each with the state of its delivery."""
    of_meter = OrderRow.object == object_of(Kind.REFUND, meter)
    delivered = (
        select(DeliveryRow.order_id, DeliveryRow.state)
        .join(OrderRow, col(OrderRow.id) == col(DeliveryRow.order_id))
        .where(DeliveryRow.meter == meter, of_meter)
    )
    states = {order_id: state_of(text, order_id, meter) for order_id, text in session.exec(delivered)}
    query = select(OrderRow).where(of_meter, col(OrderRow.state) != OrderState.WITHDRAWN)
    return [(row, states.get(row.id, DeliveryState.QUEUED)) for row in session.exec(query).all()]


def refund_progress(session: Session, meter: str, order_id: str) -> tuple[OrderState, DeliveryState] | None:
    """The state of one refund and of its delivery; None: this store does not know it, or it was withdrawn."""
    found = [each for each in _refunds(session, meter) if each[0].id == order_id]
    return None if not found else (OrderState(found[0][0].state), found[0][1])


def reported_ueur(session: Session, meter: str) -> int:
    """All that the meter has ever paid back, by the account of its last report; 0: none is known."""
    row = session.get(MeterRow, meter)
    if row is None or row.account is None:
        return 0
    account = read_column(read_account, row.account, "meter", meter, "account")
    return int(account.refunded_q) // QUANTA_PER_UEUR
