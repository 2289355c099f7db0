"""What clerks ask the service to book, in the store (design §4.3)."""

from collections.abc import Collection, Sequence
from enum import StrEnum, unique
from typing import Final

from sqlmodel import Session, col, func, select

from controller.database.bulk import in_batches
from controller.database.lookup import existing
from controller.database.tables import MeterRow, PaymentRequestRow, PaymentRow, RetiredRow
from controller.meters.registry import check_known
from controller.office import audit
from controller.office.audit import AuditAct
from controller.office.issuing import CONTROLLER
from controller.office.losses import losses_found_ms
from protocols.documents.payment_requests import PaymentRequest, UnsignedRequestError, open_request
from protocols.documents.roles import Root
from protocols.errors import DocumentError, InputError, quoted
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta

# What `MeterRow.issuers_version` says of a meter whose firmware knows no issuers.
KNOWS_NO_ISSUERS = -1


@unique
class RequestState(StrEnum):
    """`requested`: it waits for the service, which has to hear the meter first.

    `again` waits like it: it was taken before the store was restored from a backup, so that the meter may
    have credited it. `found`: the meter had, and money that was found there answers it.
    `included`: its money is in another payment, since its meter was replaced; or it
    was told as owed, since that was removed.
    """

    REQUESTED = "requested"
    AGAIN = "again"
    BOOKED = "booked"
    FOUND = "found"
    INCLUDED = "included"
    REFUSED = "refused"


# What the service has still to book, and what it has.
WAITING: Final = (RequestState.REQUESTED, RequestState.AGAIN)
_SETTLED: Final = (RequestState.BOOKED, RequestState.FOUND)


def takes_issued(session: Session, meter: str) -> bool:
    """Whether a meter's firmware takes statements of an issuer's key, as far as it has said.

    Raises RefusedError for a meter that is not known, or was taken out of the fleet.
    """
    check_known(session, (meter,))
    return existing(session, MeterRow, meter).issuers_version != KNOWS_NO_ISSUERS


def request_of(session: Session, payment_id: str) -> PaymentRequestRow | None:
    """The request with this payment's id."""
    return session.get(PaymentRequestRow, payment_id)


def keep_request(
    session: Session,
    request: PaymentRequest,
    envelope: bytes,
    by: str,
    now_ms: int,
    state: RequestState = RequestState.REQUESTED,
    *,
    root: Root,
) -> bool:
    """Store a request. False where it is there already; InputError where its id was for another payment.

    One that waits, and that nobody has signed who counts in `root`, is signed again by this envelope: the
    clerk's key was replaced or revoked meanwhile, and the household has paid.
    """
    row = session.get(PaymentRequestRow, request.id)
    if row is not None:
        if (row.meter, row.amount_ueur) != (request.meter, request.amount_ueur):
            asked = f"{eur_from_quanta(row.amount_ueur * QUANTA_PER_UEUR)} EUR for {row.meter}"
            raise InputError(
                f"payment {quoted(request.id)}: requested already, {asked}; an id is one payment"
            )
        if row.state in WAITING and is_unsigned(row, root):
            row.envelope = envelope
            session.add(row)
            audit.record(session, now_ms, by, AuditAct.SIGN, request.meter, id=request.id)
        return False
    row = PaymentRequestRow(
        id=request.id,
        meter=request.meter,
        amount_ueur=request.amount_ueur,
        envelope=envelope,
        state=state,
        created_by=by,
        created_ms=now_ms,
    )
    session.add(row)
    session.flush()
    act = AuditAct.REQUEST_PAYMENT
    audit.record(session, now_ms, by, act, request.meter, id=request.id, amount_ueur=request.amount_ueur)
    return True


def waiting_meters(session: Session) -> set[str]:
    """The meters for which somebody has asked, and nobody has booked."""
    query = select(PaymentRequestRow.meter).where(col(PaymentRequestRow.state).in_(WAITING))
    return set(session.exec(query.distinct()))


def waiting_requests(session: Session, meters: Collection[str] | None = None) -> Sequence[PaymentRequestRow]:
    """The requests that nobody has booked, in the sequence of their making; what was carried over first.

    So the first money that a meter gets in the place of another is always that one's. `meters`: of these
    alone; None: of all.
    """
    query = select(PaymentRequestRow).where(col(PaymentRequestRow.state).in_(WAITING))
    rows: list[PaymentRequestRow] = []
    for batch in [None] if meters is None else in_batches(sorted(meters)):
        some = query if batch is None else query.where(col(PaymentRequestRow.meter).in_(batch))
        rows += session.exec(some)
    rows.sort(key=lambda row: (row.created_ms, row.id))
    carried = carried_among(session, [row.id for row in rows])
    return sorted(rows, key=lambda row: row.id not in carried)


def carried_among(session: Session, payments: Sequence[str]) -> set[str]:
    """Those of these payments that bring a meter what its predecessor held."""
    found: set[str] = set()
    for batch in in_batches(payments):
        rows = session.exec(select(RetiredRow).where(col(RetiredRow.payment).in_(batch)))
        found |= {row.payment for row in rows if row.payment is not None}
    return found


def opened_request(row: PaymentRequestRow, root: Root) -> PaymentRequest:
    """The request as the clerk signed it. Raises DocumentError where the row says something else."""
    request = open_request(row.envelope, root)
    if (request.id, request.meter, request.amount_ueur) != (row.id, row.meter, row.amount_ueur):
        raise DocumentError("payment request: is not the one that was stored")
    return request


def is_unsigned(row: PaymentRequestRow, root: Root) -> bool:
    """Whether nobody has signed a request who may take payments by this root."""
    try:
        open_request(row.envelope, root)
    except UnsignedRequestError:
        return True
    except DocumentError:
        return False  # whatever it is, no signature mends it
    return False


def settle_request(session: Session, row: PaymentRequestRow, state: RequestState) -> None:
    """Note what became of a request."""
    row.state = state
    session.add(row)


def unexplained_ueur(session: Session, meter: str) -> int:
    """What was found at a meter, less what of it answers payments that were taken before."""
    found = select(func.sum(PaymentRow.amount_ueur)).where(
        PaymentRow.meter == meter, PaymentRow.issuer == CONTROLLER, PaymentRow.found == 1
    )
    found_ueur = int(session.exec(found).one() or 0)
    if not found_ueur:
        return 0
    # A payment that found money answers in part has a statement for the rest.
    answered = (
        select(func.sum(PaymentRequestRow.amount_ueur - func.coalesce(PaymentRow.amount_ueur, 0)))
        .join(PaymentRow, col(PaymentRow.id) == col(PaymentRequestRow.id), isouter=True)
        .where(PaymentRequestRow.meter == meter, col(PaymentRequestRow.state).in_(_SETTLED))
    )
    return found_ueur - int(session.exec(answered).one() or 0)


def answered_ueur(session: Session, row: PaymentRequestRow, now_ms: int) -> int:
    """What of a request found money answers, so that the meter holds it already; recorded.

    Money is found as a sum: which payments it was, nobody knows. So those that were taken before the store
    was restored draw on it one by one, as far as it goes; what it does not cover is credited. Nobody has less
    than was paid, whoever made the sum. What was carried over from another meter is a balance, which falls:
    where this store has lost the time in which it may have been carried over before, the first sum that is
    found was all of it.
    """
    if row.state != RequestState.AGAIN:
        return 0
    found_ueur = unexplained_ueur(session, row.meter)
    if found_ueur <= 0:
        return 0
    ueur = min(found_ueur, row.amount_ueur)
    if _carried_before(session, row.id):
        # It was booked before any other payment of its meter, and by a later report than this store has.
        ueur = row.amount_ueur
    act = AuditAct.ANSWER_PAYMENT
    audit.record(session, now_ms, audit.SERVICE, act, row.meter, id=row.id, amount_ueur=ueur)
    return ueur


def _carried_before(session: Session, payment: str) -> bool:
    """Whether a payment brings what its meter's predecessor held, and a lost time may have done so before.

    A meter that was replaced in a lost time speaks no more. So one that was heard after the loss was found
    was replaced since, and once: of what its successor holds beside, nothing is its money.
    """
    retired = session.exec(select(RetiredRow).where(RetiredRow.payment == payment)).first()
    if retired is None:
        return False
    seen_ms = existing(session, MeterRow, retired.meter).last_seen_ms
    return any(seen_ms is None or seen_ms <= found_ms for found_ms in losses_found_ms(session))


def doubt_requests(session: Session) -> None:
    """Note of all waiting requests that the store's lost time may have booked them, and meters credited them.

    One that was made since the restore, before its loss was known, is among them: money of payments that are
    forgotten may answer it, until those are entered again.
    """
    for row in waiting_requests(session):
        settle_request(session, row, RequestState.AGAIN)
