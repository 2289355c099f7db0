"""Payments in the store: each is booked once, even if repeated, and has one statement (design §4.3).

The steps, in one transaction: `draw_statement` books the payment and returns an empty sheet; the caller
drafts the statement, signs it and submits the order; `attach` links payment and order. A repeated payment
gets no sheet.
"""

import msgspec
from msgspec import Struct
from sqlmodel import Session, and_, col, func, or_, select

from controller.database.damage import read_column
from controller.database.numbers import next_number
from controller.database.tables import DeliveryRow, MeterRow, PaymentRow
from controller.meters.registry import check_known
from controller.office import audit
from controller.office.audit import AuditAct
from controller.office.issuing import CONTROLLER
from controller.orders.life import DeliveryState
from controller.payments.rules import (
    Payment,
    PurseFinding,
    discrepancies,
    next_statement,
    purse_findings,
)
from protocols.documents.accounts import Account
from protocols.documents.drafting import Sheet
from protocols.documents.statements import Statement
from protocols.errors import InputError, quoted
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta

_accounts: msgspec.json.Decoder[Account] = msgspec.json.Decoder(Account)


class Booked(Struct, frozen=True):
    """A booked payment. `sheet`: for its statement; None where the payment was booked before."""

    payment: Payment
    sheet: Sheet | None


def draw_statement(
    session: Session,
    payment_id: str,
    meter: str,
    amount_ueur: int,
    by: str,
    now_ms: int,
    *,
    epoch: int = 0,
    issuer: str = CONTROLLER,
    basis: str = "payment",
) -> Booked:
    """Book a payment under the id given by whoever took the money: the same id is the same payment.

    Raises RefusedError for a meter that is not known; InputError for an amount out of range, or an id that
    was booked with another meter or amount.
    """
    row = session.get(PaymentRow, payment_id)
    if row is not None:
        if (row.meter, row.issuer, row.amount_ueur) != (meter, issuer, amount_ueur):
            booked = (
                f"{eur_from_quanta(row.amount_ueur * QUANTA_PER_UEUR)} EUR for {row.meter} by {row.issuer}"
            )
            raise InputError(f"payment {quoted(payment_id)}: booked already, {booked}; an id is one payment")
        return Booked(_payment(row), None)
    check_known(session, (meter,))
    statement = next_statement(_last(session, meter, issuer), issuer, amount_ueur, epoch)
    row = PaymentRow(
        id=payment_id,
        meter=meter,
        issuer=issuer,
        amount_ueur=amount_ueur,
        number=statement.number,
        total_ueur=statement.total_ueur,
        created_by=by,
        created_ms=now_ms,
        epoch=epoch,
    )
    session.add(row)
    session.flush()
    audit.record(session, now_ms, by, AuditAct.PAYMENT, meter, id=payment_id, amount_ueur=amount_ueur)
    return Booked(_payment(row), _sheet(session, statement, now_ms, basis))


def book_found(
    session: Session, meter: str, epoch: int, held_ueur: int, now_ms: int, issuer: str = CONTROLLER
) -> int:
    """Book what a meter holds of an issuer's epoch and the ledger does not know; returns the sum (`_ueur`).

    `held_ueur`: by the meter's own authentic word. A restored store has forgotten payments, or somebody
    signed with a stolen key: the next statement must stand above it either way.
    """
    last = _last(session, meter, issuer)
    known_ueur = _total_ueur(session, meter, issuer, epoch)
    if held_ueur <= known_ueur or (last is not None and last.epoch > epoch):
        # Of a closed epoch no further statement is made, so that nothing has to stand above it.
        return 0
    found_ueur = held_ueur - known_ueur
    number = 1 if last is None else last.number + 1
    row = PaymentRow(
        id=f"found.{meter}.{number}",
        meter=meter,
        issuer=issuer,
        amount_ueur=found_ueur,
        number=number,
        total_ueur=held_ueur,
        created_by=audit.SERVICE,
        created_ms=now_ms,
        epoch=epoch,
        found=1,
    )
    session.add(row)
    session.flush()
    act = AuditAct.FIND_PAYMENT
    audit.record(session, now_ms, audit.SERVICE, act, meter, id=row.id, amount_ueur=found_ueur)
    return found_ueur


def ledger_of(session: Session, meter: str) -> tuple[int, int]:
    """All that was paid to a meter, and what of it its own totals have confirmed (`_ueur`).

    What a kiosk has given back was not paid.
    """
    query = (
        select(PaymentRow, DeliveryRow.state)
        .outerjoin(
            DeliveryRow,
            and_(
                col(DeliveryRow.order_id) == col(PaymentRow.order_id),
                col(DeliveryRow.meter) == col(PaymentRow.meter),
            ),
        )
        .where(PaymentRow.meter == meter)
    )
    paid_ueur: dict[tuple[str, int], int] = {}
    confirmed_ueur: dict[tuple[str, int], int] = {}
    voided_ueur = 0
    for row, state in session.execute(query):
        of = row.issuer, row.epoch
        paid_ueur[of] = max(paid_ueur.get(of, 0), row.total_ueur)
        voided_ueur += row.voided_ueur
        if row.found or state == DeliveryState.EFFECTIVE:
            confirmed_ueur[of] = max(confirmed_ueur.get(of, 0), row.total_ueur)
    return sum(paid_ueur.values()) - voided_ueur, sum(confirmed_ueur.values())


def move(session: Session, payment_id: str, epoch: int, now_ms: int) -> Booked:
    """Give a payment a statement in a new epoch: in its old one the meter will never credit it."""
    row = session.get(PaymentRow, payment_id)
    assert row is not None, payment_id
    statement = next_statement(_last(session, row.meter, row.issuer), row.issuer, row.amount_ueur, epoch)
    row.number, row.total_ueur, row.epoch = statement.number, statement.total_ueur, epoch
    row.order_id = None
    session.add(row)
    session.flush()
    audit.record(session, now_ms, audit.SERVICE, AuditAct.MOVE_PAYMENT, row.meter, id=row.id)
    return Booked(_payment(row), _sheet(session, statement, now_ms, f"payment {payment_id}"))


def _sheet(session: Session, statement: Statement, now_ms: int, basis: str) -> Sheet:
    order_id = f"o{next_number(session, 'order'):06d}"
    return Sheet(id=order_id, rev=statement.number, now_ms=now_ms, basis=basis)


def _total_ueur(session: Session, meter: str, issuer: str, epoch: int) -> int:
    query = select(func.max(PaymentRow.total_ueur)).where(
        PaymentRow.meter == meter, PaymentRow.issuer == issuer, PaymentRow.epoch == epoch
    )
    return session.exec(query).one() or 0


def attach(session: Session, payment_id: str, order_id: str) -> None:
    """Link a payment to the order that carries its statement."""
    row = session.get(PaymentRow, payment_id)
    assert row is not None, payment_id
    row.order_id = order_id
    session.add(row)


def payment_of(session: Session, payment_id: str) -> Payment | None:
    """The booked payment of this id; None where it was not booked."""
    row = session.get(PaymentRow, payment_id)
    return None if row is None else _payment(row)


def order_id_of(session: Session, payment_id: str) -> str | None:
    """The order that carries a payment's statement; None where the payment has none here."""
    row = session.get(PaymentRow, payment_id)
    return None if row is None else row.order_id


def payments_of(session: Session, meter: str | None = None) -> list[Payment]:
    """All payments, sorted by meter, issuer and number; only those of `meter` where it is given."""
    query = select(PaymentRow).order_by(PaymentRow.meter, PaymentRow.issuer, col(PaymentRow.number))
    if meter is not None:
        query = query.where(PaymentRow.meter == meter)
    return [_payment(row) for row in session.exec(query)]


def verify_ledger(session: Session) -> list[str]:
    """The violations of conservation in the store; see `payments.rules.discrepancies`."""
    return discrepancies(payments_of(session))


def verify_purses(session: Session) -> list[PurseFinding]:
    """What is wrong with the purses of all meters that report an account; see `payments.rules`."""
    paid_ueur = _totals_ueur(session)
    confirmed_ueur = _totals_ueur(session, confirmed=True)
    rows = session.exec(
        select(MeterRow.id, MeterRow.account).where(col(MeterRow.account).is_not(None)).order_by(MeterRow.id)
    )
    found: list[PurseFinding] = []
    for meter, account in rows:
        assert account is not None
        read = read_column(_accounts.decode, account, "meter", meter, "account")
        found += purse_findings(meter, read, confirmed_ueur.get(meter, 0), paid_ueur.get(meter, 0))
    return found


def _totals_ueur(session: Session, *, confirmed: bool = False) -> dict[str, int]:
    """What was paid to each meter; or only what its own totals have confirmed, as in `ledger_of`."""
    paid_ueur = func.max(PaymentRow.total_ueur) - func.sum(0 if confirmed else PaymentRow.voided_ueur)
    query = select(PaymentRow.meter, paid_ueur).group_by(
        col(PaymentRow.meter), col(PaymentRow.issuer), col(PaymentRow.epoch)
    )
    if confirmed:
        query = query.outerjoin(
            DeliveryRow,
            and_(
                col(DeliveryRow.order_id) == col(PaymentRow.order_id),
                col(DeliveryRow.meter) == col(PaymentRow.meter),
            ),
        ).where(or_(PaymentRow.found == 1, col(DeliveryRow.state) == DeliveryState.EFFECTIVE))
    found: dict[str, int] = {}
    for meter, total_ueur in session.exec(query):
        found[meter] = found.get(meter, 0) + total_ueur
    return found


def _last(session: Session, meter: str, issuer: str) -> Statement | None:
    row = session.exec(
        select(PaymentRow)
        .where(PaymentRow.meter == meter, PaymentRow.issuer == issuer)
        .order_by(col(PaymentRow.number).desc())
        .limit(1)
    ).first()
    return None if row is None else Statement(issuer, row.number, row.total_ueur, row.epoch)


def _payment(row: PaymentRow) -> Payment:
    return Payment(
        id=row.id,
        meter=row.meter,
        issuer=row.issuer,
        amount_ueur=row.amount_ueur,
        number=row.number,
        total_ueur=row.total_ueur,
        epoch=row.epoch,
        found=bool(row.found),
        voided_ueur=row.voided_ueur,
    )


def book_issued(session: Session, meter: str, stated: Statement, by: str, now_ms: int) -> bool:
    """Book the payments that another issuer's statement adds, once, in whatever order statements come.

    One that comes late takes its part out of the next higher one, so that the sum is the highest total.
    Returns False where it is booked already. The ledger's numbers rise with the totals; where the issuer's
    own do not (its store was put back to an earlier copy), the ledger numbers on.
    """
    query = select(PaymentRow).where(PaymentRow.meter == meter, PaymentRow.issuer == stated.issuer)
    rows = sorted(session.exec(query), key=lambda each: (each.epoch, each.total_ueur))
    place = (stated.epoch, stated.total_ueur)
    if any((each.epoch, each.total_ueur) == place for each in rows):
        return False
    below = [each for each in rows if (each.epoch, each.total_ueur) < place]
    above = rows[len(below) :]
    before_ueur = below[-1].total_ueur if below and below[-1].epoch == stated.epoch else 0
    if stated.total_ueur == before_ueur:
        return False  # all was taken back: no payment
    least = below[-1].number + 1 if below else 1
    number = max(least, stated.number)
    if above and number >= above[0].number:
        number = least
        if number == above[0].number:
            _number_on(session, above)
    if above and above[0].epoch == stated.epoch:
        above[0].amount_ueur = above[0].total_ueur - stated.total_ueur
        session.add(above[0])
    row = PaymentRow(
        id=f"{stated.issuer}.{stated.epoch}.{meter}.{stated.total_ueur}",
        meter=meter,
        issuer=stated.issuer,
        amount_ueur=stated.total_ueur - before_ueur,
        number=number,
        total_ueur=stated.total_ueur,
        created_by=by,
        created_ms=now_ms,
        epoch=stated.epoch,
    )
    session.add(row)
    session.flush()
    act = AuditAct.PAYMENT
    audit.record(session, now_ms, by, act, meter, id=row.id, amount_ueur=row.amount_ueur)
    return True


def mark_voided(session: Session, meter: str, issuer: str, epoch: int, given_ueur: int, now_ms: int) -> None:
    """Let so much of an issuer's payments to a meter be given back: of the latest ones, in one epoch."""
    query = select(PaymentRow).where(
        PaymentRow.meter == meter, PaymentRow.issuer == issuer, PaymentRow.epoch == epoch
    )
    for row in session.exec(query.order_by(col(PaymentRow.total_ueur).desc())):
        of_it_ueur = min(row.amount_ueur, given_ueur)
        given_ueur -= of_it_ueur
        if row.voided_ueur != of_it_ueur:
            row.voided_ueur = of_it_ueur
            session.add(row)
            act = AuditAct.VOID_PAYMENT
            audit.record(session, now_ms, audit.SERVICE, act, meter, id=row.id, amount_ueur=of_it_ueur)
    session.flush()


def _number_on(session: Session, rows: list[PaymentRow]) -> None:
    """Make room for a number below these; the highest first, since no two may be equal at any time."""
    for row in reversed(rows):
        row.number += 1
        session.add(row)
        session.flush()
