"""Takes a payment: the clerk signs a request, and the service books it and sends its statement (design §4.3).

A home without an issuers document, and a meter whose firmware knows none, get a statement that the clerk
signs, as before: each payment is booked, and credited exactly once, either way.
"""

from msgspec import Struct
from sqlmodel import Session

from controller.database.tables import PaymentRequestRow
from controller.office.issuers_store import issuers_in_force
from controller.orders.acting import Act
from controller.orders.status import OrderStatus, status_of
from controller.orders.store import get_order
from controller.payments.requests import (
    RequestState,
    answered_ueur,
    keep_request,
    request_of,
    settle_request,
    takes_issued,
    unexplained_ueur,
)
from controller.payments.rules import Payment
from controller.payments.store import attach, draw_statement, order_id_of, payment_of
from protocols.documents.drafting import payment_statement
from protocols.documents.envelope import seal
from protocols.documents.payment_requests import PAYMENT_REQUEST_TYPE, PaymentRequest, write_request
from protocols.documents.roles import Root
from protocols.errors import InputError, RefusedError
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta


class ToppedUp(Struct, frozen=True, kw_only=True):
    """A payment after an act. `is_new`: False where it was requested or booked before.

    `payment`, `status`: its statement, and how far that has come; None while it is only requested, and where
    the meter had credited it already.
    """

    is_new: bool
    state: RequestState
    payment: Payment | None = None
    status: OrderStatus | None = None


class FoundMoneyError(RefusedError):
    """The meter holds money that no payment here explains: only a person knows whether this one does."""


def top_up(act: Act, payment_id: str, meter: str, amount_ueur: int, *, again: bool | None = None) -> ToppedUp:
    """Take a payment. A payment id that was taken already books and sends nothing.

    `again`: it was taken before the store was restored from a backup, which has forgotten it. What was found
    at the meter answers it then; what was not credited yet is credited.

    Raises FoundMoneyError where `again` is None and money was found at the meter that may be this payment;
    RefusedError for a meter that is not known, or a request that was refused; InputError for an amount out of
    range, or an id that was taken with another meter or amount.
    """
    session = act.session
    request = PaymentRequest(id=payment_id, meter=meter, amount_ueur=amount_ueur, basis=act.basis)
    if request_of(session, payment_id) is not None:
        _keep(act, request, RequestState.REQUESTED)
        return topped_up(session, act.root, payment_id)
    if payment_of(session, payment_id) is not None:
        return _booked(act, request, amount_ueur)
    if again is None:
        _ask_for_found(session, meter, amount_ueur)
    if issuers_in_force(session) is not None and takes_issued(session, meter):
        return ToppedUp(
            is_new=_keep(act, request, RequestState.AGAIN if again else RequestState.REQUESTED),
            state=RequestState.REQUESTED,
        )
    if not again:
        return _booked(act, request, amount_ueur)
    return _booked_again(act, request)


def topped_up(session: Session, root: Root, payment_id: str) -> ToppedUp:
    """How far a payment has come that was requested. Raises RefusedError where the service refused it."""
    paid = payment_of(session, payment_id)
    if paid is None:
        row = request_of(session, payment_id)
        assert row is not None, payment_id
        return ToppedUp(is_new=False, state=_state_of(row))
    return _known(session, root, paid)


def _ask_for_found(session: Session, meter: str, amount_ueur: int) -> None:
    found_ueur = unexplained_ueur(session, meter)
    if found_ueur >= amount_ueur:
        held_eur = eur_from_quanta(found_ueur * QUANTA_PER_UEUR)
        raise FoundMoneyError(
            f"meter {meter}: was found to hold {held_eur} EUR that no payment here explains, and this one "
            "may be part of it; say --again if it was taken before the store was restored, --new if not"
        )


def _state_of(row: PaymentRequestRow) -> RequestState:
    """How far a request has come, as people are told: that the service doubts it is its own affair."""
    state = RequestState(row.state)
    if state is RequestState.REFUSED:
        raise RefusedError(f"payment {row.id}: the service refused it; `relance audit list` says why")
    return RequestState.REQUESTED if state is RequestState.AGAIN else state


def _keep(act: Act, request: PaymentRequest, state: RequestState) -> bool:
    envelope = seal(write_request(request), PAYMENT_REQUEST_TYPE, [act.actor.signer])
    name, now_ms = act.actor.name, act.now_ms
    return keep_request(act.session, request, envelope, name, now_ms, state, root=act.root)


def _booked_again(act: Act, request: PaymentRequest) -> ToppedUp:
    """A payment that was taken before the restore, at a meter whose firmware knows no issuers."""
    _keep(act, request, RequestState.AGAIN)
    row = request_of(act.session, request.id)
    assert row is not None, request.id
    left_ueur = request.amount_ueur - answered_ueur(act.session, row, act.now_ms)
    settle_request(act.session, row, RequestState.BOOKED if left_ueur else RequestState.FOUND)
    return _booked(act, request, left_ueur) if left_ueur else ToppedUp(is_new=True, state=RequestState.FOUND)


def _booked(act: Act, request: PaymentRequest, amount_ueur: int) -> ToppedUp:
    booked = draw_statement(
        act.session, request.id, request.meter, amount_ueur, act.actor.name, act.now_ms, basis=act.basis
    )
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
