"""The kiosk's ledger: payments and the statements that carry them. Each function works in one transaction.

A statement is the sum of what counts (`rules.COUNTING`), signed once for a number. It is noted as offered
before a card's commit: from then on each payment in it is `written`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlmodel import Session, and_, col, func, or_, select

from cardreader.kiosk.home import KioskHome
from cardreader.kiosk.rules import COUNTING, OPEN, PaymentState, TillAccount, Usage
from cardreader.kiosk.store import queue_outgoing
from cardreader.kiosk.tables import (
    CountedPaymentRow,
    FoundMoneyRow,
    OutgoingRow,
    StatementRow,
    TakenPaymentRow,
    UpChannel,
)
from protocols.documents import drafting
from protocols.documents.envelope import seal
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.documents.till_receipts import (
    TILL_RECEIPT_TYPE,
    PaymentMeans,
    TillDeed,
    TillReceipt,
    write_till_receipt,
)
from protocols.instants import DAY_MS, UtcMs


@dataclass(frozen=True, slots=True)
class TillPurse:
    """Whose money it is: one meter, and one epoch of the kiosk's issuer."""

    meter: str
    issuer: str
    epoch: int


def account_of(session: Session, purse: TillPurse) -> TillAccount:
    """What is known of a purse. What was taken in an earlier epoch and never stated counts in this one."""
    counting = sum(each.amount_ueur for each in payments_of(session, purse))
    signed, number = session.exec(
        select(
            func.coalesce(func.max(StatementRow.total_ueur), 0),
            func.coalesce(func.max(StatementRow.number), 0),
        ).where(
            StatementRow.meter == purse.meter,
            StatementRow.issuer == purse.issuer,
            StatementRow.epoch == purse.epoch,
        )
    ).one()
    return TillAccount(counting + found_in(session, purse), int(signed), int(number))


def found_in(session: Session, purse: TillPurse) -> int:
    """Money that was found, less what payments have drawn from it that were entered again."""
    query = select(func.coalesce(func.sum(FoundMoneyRow.amount_ueur), 0)).where(
        FoundMoneyRow.meter == purse.meter,
        FoundMoneyRow.issuer == purse.issuer,
        FoundMoneyRow.epoch == purse.epoch,
    )
    return int(session.exec(query).one())


def payments_of(session: Session, purse: TillPurse) -> list[TakenPaymentRow]:
    """The payments that count in this purse."""
    rows = select(TakenPaymentRow).where(
        TakenPaymentRow.meter == purse.meter,
        TakenPaymentRow.issuer == purse.issuer,
        col(TakenPaymentRow.state).in_(COUNTING),
    )
    found = session.exec(rows)
    return [each for each in found if each.epoch == purse.epoch or each.state == PaymentState.TAKEN]


def add_found(session: Session, purse: TillPurse, amount_ueur: int, now_ms: UtcMs) -> None:
    """Books money that this store had forgotten; below zero: that a payment has explained now."""
    if amount_ueur:
        session.add(
            FoundMoneyRow(
                meter=purse.meter,
                issuer=purse.issuer,
                epoch=purse.epoch,
                amount_ueur=amount_ueur,
                at_ms=now_ms,
            )
        )


def usage_of(session: Session, meter: str, counted_ms: int, now_ms: UtcMs, silent_ms: int | None) -> Usage:
    """How much of its limits the kiosk has used. `counted_ms`: its count of time (`elapsed.pass_time`)."""
    day = (
        select(func.coalesce(func.sum(TakenPaymentRow.amount_ueur), 0))
        .outerjoin(CountedPaymentRow, col(CountedPaymentRow.payment) == col(TakenPaymentRow.id))
        .where(
            TakenPaymentRow.meter == meter,
            col(TakenPaymentRow.state).in_(COUNTING),
            or_(
                col(CountedPaymentRow.counted_ms) > counted_ms - DAY_MS,
                # Of before this was counted: by the wall clock, as it was.
                and_(
                    col(CountedPaymentRow.payment).is_(None),
                    col(TakenPaymentRow.asked_ms) > now_ms - DAY_MS,
                ),
            ),
        )
    )
    waiting = (
        select(TakenPaymentRow.amount_ueur)
        .join(OutgoingRow, col(OutgoingRow.number) == TakenPaymentRow.outgoing)
        .where(OutgoingRow.acknowledged == 0, col(TakenPaymentRow.state).in_(COUNTING))
    )
    amounts = list(session.exec(waiting))
    return Usage(int(session.exec(day).one()), sum(amounts), len(amounts), silent_ms)


def statement_for(
    session: Session, home: KioskHome, purse: TillPurse, now_ms: UtcMs, without: str = ""
) -> StatementRow:
    """The statement of all that counts, but for the payment `without`; the last one where it says the same.

    So a card that was torn gets the same document again.
    """
    account = account_of(session, purse)
    left = session.get(TakenPaymentRow, without) if without else None
    total_ueur = account.counting_ueur - (0 if left is None else left.amount_ueur)
    last = session.get(StatementRow, (purse.meter, purse.issuer, purse.epoch, account.number))
    if last is not None and last.total_ueur == total_ueur:
        return last
    number = account.number + 1
    sheet = drafting.Sheet(
        f"{home.form.kiosk}-{purse.epoch}-{number}-{now_ms}", number, now_ms, home.practice and "practice"
    )
    order = drafting.payment_statement(
        sheet, purse.meter, purse.issuer, number, total_ueur, epoch=purse.epoch
    )
    row = StatementRow(
        meter=purse.meter,
        issuer=purse.issuer,
        epoch=purse.epoch,
        number=number,
        total_ueur=total_ueur,
        envelope=seal(write_document(order), ORDER_TYPE, [home.signer]),
        at_ms=now_ms,
    )
    session.add(row)
    session.flush()
    return row


def offer(
    session: Session,
    statement: StatementRow,
    purse: TillPurse,
    card: tuple[str, int],
    now_ms: UtcMs,
    without: str = "",
) -> None:
    """The statement may be on a card from now on, and goes to the controller. `card`: serial and chain."""
    row = session.get_one(
        StatementRow, (statement.meter, statement.issuer, statement.epoch, statement.number)
    )
    if not row.offered:
        row.offered = 1
        queue_outgoing(session, UpChannel.STATEMENTS, row.envelope, now_ms)
    for each in payments_of(session, purse):
        if each.id == without:
            each.state = PaymentState.VOIDING
        elif each.state in (PaymentState.TAKEN, PaymentState.VOIDING):
            each.state = PaymentState.WRITTEN
        if each.id != without:
            _offered_to(each, card)
            each.epoch, each.number, each.total_ueur = purse.epoch, row.number, row.total_ueur
        each.changed_ms = now_ms
        session.add(each)
    session.add(row)


def _offered_to(payment: TakenPaymentRow, card: tuple[str, int]) -> None:
    """Keeps the first card that was offered it, and how long nobody else had opened that card."""
    if payment.chain == 0:
        payment.card, payment.chain = card
    elif payment.card != card[0]:
        payment.chain = -1


def confirm(
    session: Session, home: KioskHome, statement: StatementRow, purse: TillPurse, now_ms: UtcMs
) -> list[TakenPaymentRow]:
    """A card has confirmed the statement. Returns the payments that have come so far by it."""
    # What the caller holds was read before it was offered: it must not be written back.
    key = (statement.meter, statement.issuer, statement.epoch, statement.number)
    session.get_one(StatementRow, key).confirmed = 1
    done = [each for each in payments_of(session, purse) if each.state == PaymentState.WRITTEN]
    for each in done:
        each.state, each.changed_ms = PaymentState.COMMITTED, now_ms
        tell(session, home, each, TillDeed.WRITTEN, now_ms)
    return done


def tell(session: Session, home: KioskHome, payment: TakenPaymentRow, deed: TillDeed, now_ms: UtcMs) -> None:
    """Signs what happened with a payment, and queues it for the controller."""
    receipt = TillReceipt(
        kiosk=home.form.kiosk,
        deed=deed,
        payment=payment.id,
        meter=payment.meter,
        card=payment.card,
        issuer=payment.issuer,
        epoch=payment.epoch,
        amount_ueur=payment.amount_ueur,
        means=PaymentMeans(payment.means),
        number=payment.number,
        total_ueur=payment.total_ueur,
        shift=payment.shift or 0,
        clerk=payment.clerk,
        at_ms=now_ms,
    )
    envelope = seal(write_till_receipt(receipt), TILL_RECEIPT_TYPE, [home.signer])
    payment.outgoing = queue_outgoing(session, UpChannel.RECEIPTS, envelope, now_ms)
    session.add(payment)


def open_payments(session: Session) -> list[TakenPaymentRow]:
    """Those with which something is to be done yet, the oldest first."""
    return _sorted(session.exec(select(TakenPaymentRow).where(col(TakenPaymentRow.state).in_(OPEN))))


def payments_in(session: Session, shift: int) -> Sequence[TakenPaymentRow]:
    """The payments that a shift has taken or given back."""
    rows = select(TakenPaymentRow).where(
        (TakenPaymentRow.shift == shift) | (TakenPaymentRow.closed_shift == shift)
    )
    return _sorted(session.exec(rows))


def _sorted(rows: Iterable[TakenPaymentRow]) -> list[TakenPaymentRow]:
    return sorted(rows, key=lambda each: (each.asked_ms, each.id))
