"""Payments that clerks have asked for and nobody has booked: they go with the money of their meter."""

from sqlmodel import Session, col, func, select

from controller.database.tables import PaymentRequestRow
from controller.office import audit
from controller.office.audit import AuditAct
from controller.orders.acting import Act
from controller.payments.requests import (
    WAITING,
    RequestState,
    answered_ueur,
    opened_request,
    settle_request,
    unexplained_ueur,
    waiting_requests,
)
from protocols.documents.roles import Root
from protocols.errors import DocumentError


def included_ueur(session: Session, meter: str) -> int:
    """What clerks had asked for a meter when it left, and what went with its money (`_ueur`)."""
    query = select(func.sum(PaymentRequestRow.amount_ueur)).where(
        PaymentRequestRow.meter == meter, PaymentRequestRow.state == RequestState.INCLUDED
    )
    return int(session.exec(query).one() or 0)


def asked_ueur(session: Session, root: Root, meter: str) -> int:
    """What clerks have asked for a meter and nobody has booked (`_ueur`); nothing changes.

    Not what is forged, and not what money that was found at the meter will answer.
    """
    query = select(PaymentRequestRow).where(
        PaymentRequestRow.meter == meter, col(PaymentRequestRow.state).in_(WAITING)
    )
    fresh_ueur = again_ueur = 0
    for row in session.exec(query):
        try:
            amount_ueur = opened_request(row, root).amount_ueur
        except DocumentError:
            continue
        if row.state == RequestState.AGAIN:
            again_ueur += amount_ueur
        else:
            fresh_ueur += amount_ueur
    found_ueur = unexplained_ueur(session, meter) if again_ueur else 0
    return fresh_ueur + again_ueur - min(max(found_ueur, 0), again_ueur)


def wait_again(session: Session, meter: str) -> int:
    """Let the payments wait that went with the money of a meter which has come back; their sum (`_ueur`).

    As those that were taken before a restore: what is found at the meter meanwhile answers them.
    """
    query = select(PaymentRequestRow).where(
        PaymentRequestRow.meter == meter, PaymentRequestRow.state == RequestState.INCLUDED
    )
    rows = session.exec(query).all()
    for row in rows:
        settle_request(session, row, RequestState.AGAIN)
    session.flush()
    return sum(row.amount_ueur for row in rows)


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
