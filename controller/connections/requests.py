"""Payments that clerks have asked for and nobody has booked: they go with the money of their meter."""

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


def settle_asked(act: Act, meter: str) -> int:
    """Settle the payments that wait for a meter; returns their sum (`_ueur`). What is forged is refused."""
    asked_ueur = 0
    for row in waiting_requests(act.session):
        if row.meter != meter:
            continue
        try:
            request = opened_request(row, act.root)
            # What was taken before a restore may be in the old meter's balance already.
            asked_ueur += request.amount_ueur - answered_ueur(act.session, row, act.now_ms)
        except DocumentError as error:
            settle_request(act.session, row, RequestState.REFUSED)
            told = {"id": row.id, "why": str(error)}
            audit.record(act.session, act.now_ms, act.actor.name, AuditAct.REFUSE_PAYMENT, meter, **told)
        else:
            settle_request(act.session, row, RequestState.INCLUDED)
    act.session.flush()
    return asked_ueur
