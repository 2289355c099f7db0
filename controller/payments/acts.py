"""Books a payment and sends its statement to the meter, which credits it exactly once (design §4.3)."""

from msgspec import Struct

from controller.orders.acting import Act
from controller.orders.status import OrderStatus, status_of
from controller.orders.store import get_order
from controller.payments.rules import Payment
from controller.payments.store import attach, draw_statement, order_id_of
from protocols.documents.drafting import payment_statement
from protocols.errors import InputError


class ToppedUp(Struct, frozen=True):
    """A booked payment, and the status of its statement. `is_new`: False where it was booked before."""

    payment: Payment
    is_new: bool
    status: OrderStatus


def top_up(act: Act, payment_id: str, meter: str, amount_ueur: int) -> ToppedUp:
    """Book a payment and send its statement. A payment id that is booked already books and sends nothing.

    Raises RefusedError for a meter that is not known; InputError for an amount out of range, or an id that
    was booked with another meter or amount.
    """
    booked = draw_statement(
        act.session, payment_id, meter, amount_ueur, act.actor.name, act.now_ms, basis=act.basis
    )
    paid = booked.payment
    if booked.sheet is not None:
        order = payment_statement(booked.sheet, meter, paid.issuer, paid.number, paid.total_ueur)
        status = act.submit(order)
        attach(act.session, payment_id, order.id)
        return ToppedUp(paid, is_new=True, status=status)
    order_id = order_id_of(act.session, payment_id)
    if order_id is None:
        raise InputError(f"payment {payment_id}: was booked elsewhere and has no statement here")
    return ToppedUp(
        paid, is_new=False, status=status_of(act.session, get_order(act.session, order_id), act.root)
    )
