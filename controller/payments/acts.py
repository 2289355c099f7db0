"""Takes a payment: the clerk signs a request, and the service books it and sends its statement (design §4.3).

A home without an issuers document, and a meter whose firmware knows none, get a statement that the clerk
signs, as before: each payment is booked, and credited exactly once, either way.
"""

from msgspec import Struct
from sqlmodel import Session

from controller.office.issuers_store import issuers_in_force
from controller.orders.acting import Act
from controller.orders.status import OrderStatus, status_of
from controller.orders.store import get_order
from controller.payments.requests import RequestState, keep_request, request_of, takes_issued
from controller.payments.rules import Payment
from controller.payments.store import Booked, attach, draw_statement, order_id_of, payment_of
from protocols.documents.drafting import payment_statement
from protocols.documents.envelope import seal
from protocols.documents.payment_requests import PAYMENT_REQUEST_TYPE, PaymentRequest, write_request
from protocols.documents.roles import Root
from protocols.errors import InputError, RefusedError


class ToppedUp(Struct, frozen=True, kw_only=True):
    """A payment after an act. `is_new`: False where it was requested or booked before.

    `payment`, `status`: its statement, and how far that has come; None while it is only requested.
    """

    is_new: bool
    state: RequestState
    payment: Payment | None = None
    status: OrderStatus | None = None


def top_up(act: Act, payment_id: str, meter: str, amount_ueur: int) -> ToppedUp:
    """Take a payment. A payment id that was taken already books and sends nothing.

    Raises RefusedError for a meter that is not known, or a request that was refused; InputError for an amount
    out of range, or an id that was taken with another meter or amount.
    """
    session = act.session
    by_issuer = issuers_in_force(session) is not None and takes_issued(session, meter)
    if payment_of(session, payment_id) is not None or not by_issuer:
        return _booked(
            act,
            draw_statement(
                session, payment_id, meter, amount_ueur, act.actor.name, act.now_ms, basis=act.basis
            ),
        )
    request = PaymentRequest(id=payment_id, meter=meter, amount_ueur=amount_ueur, basis=act.basis)
    envelope = seal(write_request(request), PAYMENT_REQUEST_TYPE, [act.actor.signer])
    is_new = keep_request(session, request, envelope, act.actor.name, act.now_ms)
    return ToppedUp(is_new=is_new, state=_state_of(session, payment_id))


def topped_up(session: Session, root: Root, payment_id: str) -> ToppedUp:
    """How far a payment has come that was requested. Raises RefusedError where the service refused it."""
    paid = payment_of(session, payment_id)
    if paid is None:
        return ToppedUp(is_new=False, state=_state_of(session, payment_id))
    return _known(session, root, paid)


def _state_of(session: Session, payment_id: str) -> RequestState:
    row = request_of(session, payment_id)
    assert row is not None, payment_id
    state = RequestState(row.state)
    if state is RequestState.REFUSED:
        raise RefusedError(f"payment {payment_id}: the service refused it; `relance audit list` says why")
    return state


def _booked(act: Act, booked: Booked) -> ToppedUp:
    paid = booked.payment
    if booked.sheet is not None:
        order = payment_statement(booked.sheet, paid.meter, paid.issuer, paid.number, paid.total_ueur)
        status = act.submit(order)
        attach(act.session, paid.id, order.id)
        return ToppedUp(is_new=True, state=RequestState.BOOKED, payment=paid, status=status)
    return _known(act.session, act.root, paid)


def _known(session: Session, root: Root, paid: Payment) -> ToppedUp:
    """A payment that was booked before, and how far its statement has come."""
    order_id = order_id_of(session, paid.id)
    if order_id is None:
        raise InputError(f"payment {paid.id}: was booked elsewhere and has no statement here")
    status = status_of(session, get_order(session, order_id), root)
    return ToppedUp(is_new=False, state=RequestState.BOOKED, payment=paid, status=status)
