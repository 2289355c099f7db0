"""The service books what clerks request, and signs statements with the issuer's key (design §4.3).

It makes a statement only for a meter that it has heard in its present run: the ledger of a restored store may
be behind the meter, and a total that is given twice credits one payment in the place of another. What the
meter holds beyond the ledger is booked as *found* first. Where the issuer has begun a new epoch, payments
that the closed one never credited get a statement in the new one.
"""

from collections.abc import Collection

from msgspec import Struct
from sqlmodel import Session, col, func, select

from controller.database.bulk import in_batches
from controller.database.tables import PaymentRequestRow, PaymentRow
from controller.exchange.purses import PursesHeard
from controller.meters.retired import retired_among
from controller.office import audit
from controller.office.audit import AuditAct
from controller.office.issuing import CONTROLLER
from controller.orders import store as orders
from controller.payments.epochs import epochs_held, uncredited
from controller.payments.requests import (
    RequestState,
    answered_ueur,
    is_unsigned,
    opened_request,
    settle_request,
    waiting_meters,
    waiting_requests,
)
from controller.payments.store import Booked, attach, book_found, draw_statement, move
from protocols.documents.drafting import payment_statement
from protocols.documents.envelope import Signer, seal
from protocols.documents.issuers import Issuer
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.documents.payment_requests import PaymentRequest
from protocols.documents.roles import Root
from protocols.errors import DocumentError, InputError


class IssuingAs(Struct, frozen=True):
    """The issuer that the service signs as, and its key."""

    issuer: Issuer
    signer: Signer


class BookedNow(Struct, frozen=True, kw_only=True):
    """What one pass has booked: payments requested, found, and moved into a new epoch.

    `looked_at`: meters whose words were news, and are news no more once all of it is on the disk.
    """

    requested: int
    found: int
    moved: int
    looked_at: frozenset[str]


def is_due(session: Session, purses: PursesHeard, issuing: IssuingAs | None, root: Root) -> bool:
    """Whether `book` has something to do."""
    return bool(purses.changed) or bool(_bookable(session, purses, issuing, root))


def book(
    session: Session, purses: PursesHeard, issuing: IssuingAs | None, root: Root, now_ms: int
) -> BookedNow:
    """Book all that is due. `issuing` None: no issuers are in force, or their key is not here.

    What a meter holds beyond the ledger is booked before any payment to it, also where its word is no news:
    a pass before this one may have been rolled back.
    """
    changed = frozenset(purses.changed)
    rows = _bookable(session, purses, issuing, root)
    found = _book_found(session, purses, changed | {row.meter for row in rows}, now_ms)
    requested = moved = 0
    if issuing is not None:
        moved = _move_uncredited(session, purses, changed, issuing, now_ms)
        for row in rows:
            requested += _book_request(session, row, issuing, root, now_ms)
    return BookedNow(requested=requested, found=found, moved=moved, looked_at=changed)


def _bookable(
    session: Session, purses: PursesHeard, issuing: IssuingAs | None, root: Root
) -> list[PaymentRequestRow]:
    """The requests that can be booked now.

    One that nobody has signed who counts waits until it is signed again (`requests.keep_request`).
    """
    if issuing is None:
        return []
    heard = {meter for meter in waiting_meters(session) if _is_heard(purses, meter, issuing)}
    return [row for row in waiting_requests(session, heard) if not is_unsigned(row, root)]


def _is_heard(purses: PursesHeard, meter: str, issuing: IssuingAs) -> bool:
    """Whether the meter has said, in this run, what it has credited in the issuer's present epoch."""
    purse = purses.of(meter)
    return purse is not None and (issuing.issuer.name, issuing.issuer.epoch) in purse.totals_ueur


def _book_found(session: Session, purses: PursesHeard, meters: Collection[str], now_ms: int) -> int:
    known: dict[tuple[str, int], int] = {}
    for batch in in_batches(meters):
        query = (
            select(PaymentRow.meter, PaymentRow.epoch, func.max(PaymentRow.total_ueur))
            .where(col(PaymentRow.meter).in_(batch), PaymentRow.issuer == CONTROLLER)
            .group_by(col(PaymentRow.meter), col(PaymentRow.epoch))
        )
        known |= {(meter, epoch): total for meter, epoch, total in session.exec(query)}
    found = 0
    for meter in sorted(meters):
        purse = purses.of(meter)
        for (issuer, epoch), held_ueur in sorted(() if purse is None else purse.totals_ueur.items()):
            if issuer == CONTROLLER and held_ueur > known.get((meter, epoch), 0):
                found += book_found(session, meter, epoch, held_ueur, now_ms) > 0
    return found


def _move_uncredited(
    session: Session, purses: PursesHeard, meters: Collection[str], issuing: IssuingAs, now_ms: int
) -> int:
    issuer, moved = issuing.issuer, 0
    paid: set[str] = set()
    for batch in in_batches(meters):
        query = select(PaymentRow.meter).where(
            col(PaymentRow.meter).in_(batch),
            PaymentRow.issuer == issuer.name,
            PaymentRow.epoch < issuer.epoch,
        )
        paid.update(session.exec(query.distinct()))
    for meter in sorted(paid - retired_among(session, paid).keys()):
        purse = purses.of(meter)
        if purse is None or (issuer.name, issuer.epoch) not in purse.totals_ueur:
            continue
        held_ueur = epochs_held(session, meter, purse)
        for payment_id in uncredited(session, meter, issuer.epoch, held_ueur):
            _issue(session, move(session, payment_id, issuer.epoch, now_ms), issuing, now_ms)
            moved += 1
    return moved


def _book_request(
    session: Session, row: PaymentRequestRow, issuing: IssuingAs, root: Root, now_ms: int
) -> bool:
    try:
        request = opened_request(row, root)
        left_ueur = request.amount_ueur - answered_ueur(session, row, now_ms)
        if not left_ueur:
            settle_request(session, row, RequestState.FOUND)
            return True
        booked = _draw(session, row, request, left_ueur, issuing, now_ms)
    except (DocumentError, InputError) as error:
        settle_request(session, row, RequestState.REFUSED)
        audit.record(
            session, now_ms, audit.SERVICE, AuditAct.REFUSE_PAYMENT, row.meter, id=row.id, why=str(error)
        )
        return False
    if booked.sheet is not None:
        _issue(session, booked, issuing, now_ms)
    settle_request(session, row, RequestState.BOOKED)
    return True


def _draw(
    session: Session,
    row: PaymentRequestRow,
    request: PaymentRequest,
    left_ueur: int,
    issuing: IssuingAs,
    now_ms: int,
) -> Booked:
    return draw_statement(
        session,
        request.id,
        request.meter,
        left_ueur,
        row.created_by,
        now_ms,
        epoch=issuing.issuer.epoch,
        issuer=issuing.issuer.name,
        basis=request.basis,
    )


def _issue(session: Session, booked: Booked, issuing: IssuingAs, now_ms: int) -> None:
    """Sign the statement of a payment with the issuer's key, and send it."""
    assert booked.sheet is not None, booked
    paid = booked.payment
    order = payment_statement(
        booked.sheet, paid.meter, paid.issuer, paid.number, paid.total_ueur, epoch=paid.epoch
    )
    envelope = seal(write_document(order), ORDER_TYPE, [issuing.signer])
    orders.issue(session, envelope, audit.SERVICE, now_ms)
    attach(session, paid.id, order.id)
