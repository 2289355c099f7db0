"""What clerks ask the service to book, in the store (design §4.3)."""

from collections.abc import Sequence
from enum import StrEnum, unique

from sqlmodel import Session, col, select

from controller.database.lookup import existing
from controller.database.tables import MeterRow, PaymentRequestRow
from controller.office import audit
from controller.office.audit import AuditAct
from protocols.documents.payment_requests import PaymentRequest
from protocols.errors import InputError, quoted
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta

# What `MeterRow.issuers_version` says of a meter whose firmware knows no issuers.
KNOWS_NO_ISSUERS = -1


@unique
class RequestState(StrEnum):
    """`requested`: it waits for the service, which has to hear the meter first."""

    REQUESTED = "requested"
    BOOKED = "booked"
    REFUSED = "refused"


def takes_issued(session: Session, meter: str) -> bool:
    """Whether a meter's firmware takes statements of an issuer's key, as far as it has said.

    Raises RefusedError for a meter that is not known.
    """
    return existing(session, MeterRow, meter).issuers_version != KNOWS_NO_ISSUERS


def request_of(session: Session, payment_id: str) -> PaymentRequestRow | None:
    """The request with this payment's id."""
    return session.get(PaymentRequestRow, payment_id)


def keep_request(session: Session, request: PaymentRequest, envelope: bytes, by: str, now_ms: int) -> bool:
    """Store a request. False where it is there already; InputError where its id was for another payment."""
    row = session.get(PaymentRequestRow, request.id)
    if row is not None:
        if (row.meter, row.amount_ueur) != (request.meter, request.amount_ueur):
            asked = f"{eur_from_quanta(row.amount_ueur * QUANTA_PER_UEUR)} EUR for {row.meter}"
            raise InputError(
                f"payment {quoted(request.id)}: requested already, {asked}; an id is one payment"
            )
        return False
    row = PaymentRequestRow(
        id=request.id,
        meter=request.meter,
        amount_ueur=request.amount_ueur,
        envelope=envelope,
        state=RequestState.REQUESTED,
        created_by=by,
        created_ms=now_ms,
    )
    session.add(row)
    session.flush()
    act = AuditAct.REQUEST_PAYMENT
    audit.record(session, now_ms, by, act, request.meter, id=request.id, amount_ueur=request.amount_ueur)
    return True


def waiting_requests(session: Session) -> Sequence[PaymentRequestRow]:
    """The requests that nobody has booked, in the sequence of their making."""
    query = select(PaymentRequestRow).where(PaymentRequestRow.state == RequestState.REQUESTED)
    return session.exec(query.order_by(col(PaymentRequestRow.created_ms), col(PaymentRequestRow.id))).all()


def settle_request(session: Session, row: PaymentRequestRow, state: RequestState) -> None:
    """Note what became of a request."""
    row.state = state
    session.add(row)
