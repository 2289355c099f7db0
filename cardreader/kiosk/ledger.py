"""The kiosk's ledger: payments and the statements that carry them. Each function works in one transaction.

A statement is the sum of what counts (`rules.COUNTING`), signed once for a number. It is noted as offered
before a card's commit: from then on each payment in it is `written`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlmodel import Session, and_, col, func, or_, select

from cardreader.kiosk.home import KioskHome
from cardreader.kiosk.rules import COUNTING, OFFERED, OPEN, USING_LIMITS, PaymentState, TillAccount, Usage
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
from protocols.documents.envelope import Signer, seal
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.documents.till_receipts import (
    TILL_RECEIPT_TYPE,
    PaymentMeans,
    TillDeed,
    TillReceipt,
    write_till_receipt,
)
from protocols.errors import RefusedError, UnreachableError
from protocols.instants import DAY_MS, UtcMs


@dataclass(frozen=True, slots=True)
class TillPurse:
    """Whose money it is: one meter, and one epoch of the kiosk's issuer."""

    meter: str
    issuer: str
    epoch: int


@dataclass(frozen=True, slots=True)
class DraftedStatement:
    """A statement that was signed, and what it says: nobody has offered it to a card yet.

    `carries`: the ids of the payments in it. `without`: the payment that it takes back; empty: none.
    """

    purse: TillPurse
    number: int
    total_ueur: int
    envelope: bytes
    carries: frozenset[str]
    without: str = ""


class PaymentsChangedError(UnreachableError):
    """Another program has taken money of a meter, or given some back, since its statement was drafted."""

    def __init__(self, meter: str) -> None:
        """Of this meter."""
        super().__init__(
            f"meter {meter}: another program of this kiosk has changed its payments: repeat the command"
        )


def purse_of(home: KioskHome, meter: str) -> TillPurse:
    """The purse of a meter at this kiosk. Raises RefusedError where no meter takes its statements."""
    return TillPurse(meter, home.form.issuer, home.epoch())


def epoch_now(home: KioskHome) -> int | None:
    """The epoch in which this kiosk's statements count; None where no meter takes any of them."""
    try:
        return home.epoch()
    except RefusedError:
        return None


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


def closed_on(session: Session, purse: TillPurse, card: tuple[str, int]) -> list[TakenPaymentRow]:
    """What a statement of a closed epoch carries that lies on this card, and that no meter can have read.

    `card`: its serial number and chain: nobody else has opened it since the statement was offered to it, and
    to no other card.
    """
    rows = select(TakenPaymentRow).where(
        TakenPaymentRow.meter == purse.meter,
        TakenPaymentRow.issuer == purse.issuer,
        TakenPaymentRow.epoch < purse.epoch,
        TakenPaymentRow.card == card[0],
        TakenPaymentRow.chain == card[1],
        col(TakenPaymentRow.state).in_(OFFERED),
    )
    return list(session.exec(rows))


def take_again(payment: TakenPaymentRow, epoch: int, now_ms: UtcMs) -> None:
    """The card has given up the statement that carried it: the money is here, and on no card."""
    payment.state, payment.changed_ms, payment.epoch = PaymentState.TAKEN, now_ms, epoch
    payment.chain = payment.number = payment.total_ueur = 0


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
    """How much of its limits the kiosk has used. `counted_ms`: its count of time (`elapsed.pass_time`).

    A payment whose answer is not known uses them too: it may be approved, whatever comes in between.
    """
    day = (
        select(func.coalesce(func.sum(TakenPaymentRow.amount_ueur), 0))
        .outerjoin(CountedPaymentRow, col(CountedPaymentRow.payment) == col(TakenPaymentRow.id))
        .where(
            TakenPaymentRow.meter == meter,
            col(TakenPaymentRow.state).in_(USING_LIMITS),
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
        .outerjoin(OutgoingRow, col(OutgoingRow.number) == col(TakenPaymentRow.outgoing))
        .where(
            or_(
                and_(OutgoingRow.acknowledged == 0, col(TakenPaymentRow.state).in_(COUNTING)),
                # The controller has not even been told of it.
                col(TakenPaymentRow.state).in_(USING_LIMITS - COUNTING),
            )
        )
    )
    amounts = list(session.exec(waiting))
    return Usage(int(session.exec(day).one()), sum(amounts), len(amounts), silent_ms)


def draft_statement(
    session: Session, home: KioskHome, purse: TillPurse, now_ms: UtcMs, without: str = ""
) -> DraftedStatement:
    """The statement of all that counts, but for the payment `without`; the last one where it says the same.

    So a card that was torn gets the same document again. Raises PaymentsChangedError where `without` does not
    count in this purse.
    """
    carries, total_ueur = _counted(session, purse, without)
    number = account_of(session, purse).number
    row = session.get(StatementRow, (purse.meter, purse.issuer, purse.epoch, number))
    if row is None or row.total_ueur != total_ueur:
        row = _sign(session, home, purse, number + 1, total_ueur, now_ms)
    return DraftedStatement(purse, row.number, row.total_ueur, row.envelope, carries, without)


def _counted(session: Session, purse: TillPurse, without: str) -> tuple[frozenset[str], int]:
    """The payments in a statement, and its total. Raises as `draft_statement`."""
    payments = payments_of(session, purse)
    left = [each for each in payments if each.id == without]
    if without and not left:
        raise PaymentsChangedError(purse.meter)
    carries = frozenset(each.id for each in payments) - {without}
    return carries, account_of(session, purse).counting_ueur - sum(each.amount_ueur for each in left)


def _sign(
    session: Session, home: KioskHome, purse: TillPurse, number: int, total_ueur: int, now_ms: UtcMs
) -> StatementRow:
    row = StatementRow(
        meter=purse.meter,
        issuer=purse.issuer,
        epoch=purse.epoch,
        number=number,
        total_ueur=total_ueur,
        envelope=seal_statement(home, purse, number, total_ueur, now_ms, home.signer),
        at_ms=now_ms,
    )
    session.add(row)
    session.flush()
    return row


def seal_statement(
    home: KioskHome, purse: TillPurse, number: int, total_ueur: int, now_ms: UtcMs, signer: Signer
) -> bytes:
    """A statement in its envelope, as it goes onto a card."""
    sheet = drafting.Sheet(
        f"{home.form.kiosk}-{purse.epoch}-{number}-{now_ms}", number, now_ms, home.practice and "practice"
    )
    order = drafting.payment_statement(
        sheet, purse.meter, purse.issuer, number, total_ueur, epoch=purse.epoch
    )
    return seal(write_document(order), ORDER_TYPE, [signer])


def offer(session: Session, draft: DraftedStatement, card: tuple[str, int], now_ms: UtcMs) -> None:
    """The statement may be on a card from now on, and goes to the controller. `card`: serial and chain.

    Another program may have taken money or given some back since it was drafted, and no card is locked
    against that: so it is asked here, in one transaction with what is noted. Raises PaymentsChangedError
    where the statement says no longer what counts: then it must not come onto the card.
    """
    purse = draft.purse
    if _counted(session, purse, draft.without) != (draft.carries, draft.total_ueur):
        raise PaymentsChangedError(purse.meter)
    row = session.get_one(StatementRow, (purse.meter, purse.issuer, purse.epoch, draft.number))
    if not row.offered:
        row.offered = 1
        queue_outgoing(session, UpChannel.STATEMENTS, row.envelope, now_ms)
    for each in payments_of(session, purse):
        if each.id == draft.without:
            each.state = PaymentState.VOIDING
        else:
            if each.state in (PaymentState.TAKEN, PaymentState.VOIDING):
                each.state = PaymentState.WRITTEN
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


def confirm(session: Session, home: KioskHome, draft: DraftedStatement, now_ms: UtcMs) -> None:
    """A card has confirmed the statement: the payments in it have come so far."""
    purse = draft.purse
    session.get_one(StatementRow, (purse.meter, purse.issuer, purse.epoch, draft.number)).confirmed = 1
    for each in payments_of(session, purse):
        if each.id in draft.carries and each.state == PaymentState.WRITTEN:
            each.state, each.changed_ms = PaymentState.COMMITTED, now_ms
            tell(session, home, each, TillDeed.WRITTEN, now_ms)


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
