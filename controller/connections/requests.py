"""Payments that clerks have asked for and nobody has booked: they go with the money of their meter."""

from sqlmodel import Session, func, select

from controller.database.tables import PaymentRequestRow
from controller.office import audit
from controller.office.audit import AuditAct
from controller.orders.acting import Act
from controller.payments.requests import (
    RequestState,
    answered_ueur,
    opened_request,
    settle_request,
    waiting_requests,
)
from protocols.errors import DocumentError


def included_ueur(session: Session, meter: str) -> int:
    """What clerks had asked for a meter when it left, and what went with its money (`_ueur`)."""
    query = select(func.sum(PaymentRequestRow.amount_ueur)).where(
        PaymentRequestRow.meter == meter, PaymentRequestRow.state == RequestState.INCLUDED
    )
    return int(session.exec(query).one() or 0)


def settle_asked(act: Act, meter: str) -> int:
    """Settle the payments that wait for a meter; returns their sum (`_ueur`). What is forged is refused."""
    asked_ueur = 0
    for row in waiting_requests(act.session):
        if row.meter != meter:
            continue
        try:
            amount_ueur = opened_request(row, act.root).amount_ueur
            # What was taken before a restore may be in the old meter's balance already.
            left_ueur = amount_ueur - answered_ueur(act.session, row, act.now_ms)
        except DocumentError as error:
            settle_request(act.session, row, RequestState.REFUSED)
            told = {"id": row.id, "why": str(error)}
            audit.record(act.session, act.now_ms, act.actor.name, AuditAct.REFUSE_PAYMENT, meter, **told)
        else:
            settle_request(act.session, row, RequestState.INCLUDED if left_ueur else RequestState.FOUND)
            asked_ueur += left_ueur
    act.session.flush()
    return asked_ueur
