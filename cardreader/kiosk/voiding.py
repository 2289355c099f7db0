"""A payment is taken back: freely while no card can have it, else by a later statement on that very card.

Else it is a refund: noted for the office, which takes it out of the meter before it pays. What was handed
back is never credited too, and what was credited is never handed back; a card that somebody has copied is
outside that, until the next payment makes it good (decision 0049).
"""

from dataclasses import dataclass
from typing import Final

from cardreader.kiosk.desk import CardAtDesk, Kiosk, evidence_of, write_card
from cardreader.kiosk.ledger import account_of, offer, statement_for, tell
from cardreader.kiosk.paying import purse_of, settle
from cardreader.kiosk.ports import PaymentPort, PortOutcome
from cardreader.kiosk.rules import PaymentState, VoidWay, void_way
from cardreader.kiosk.searching import refund_told
from cardreader.kiosk.shifts import shift_for_money
from cardreader.kiosk.store import reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import StatementRow, TakenPaymentRow
from protocols.documents.till_receipts import TillDeed
from protocols.errors import RefusedError, UnreachableError
from protocols.instants import UtcMs

# In which states a payment may be taken back by each way.
_BEFORE: Final = {
    VoidWay.FREE: {PaymentState.TAKEN},
    VoidWay.CARD: {PaymentState.VOIDING},
    VoidWay.REFUND: {PaymentState.WRITTEN, PaymentState.COMMITTED, PaymentState.VOIDING},
}


@dataclass(frozen=True, slots=True)
class Undone:
    """A payment that was taken back, by which way; `is_new` False: it was before.

    `office`: how far the office is with a refund (`RefundStanding`); empty: it has not said.
    """

    payment: TakenPaymentRow
    way: VoidWay
    is_new: bool
    office: str = ""


def find_payment(kiosk: Kiosk, payment: str) -> TakenPaymentRow:
    """The payment of this id. Raises RefusedError where there is none."""
    with reading_kiosk(kiosk.engine) as session:
        row = session.get(TakenPaymentRow, payment)
        if row is None:
            raise RefusedError(f"payment {payment}: this kiosk has none of this id")
        session.expunge(row)
        return row


def void(
    kiosk: Kiosk, payment: str, card: CardAtDesk | None, port: PaymentPort, now_ms: UtcMs, *, refund: bool
) -> Undone:
    """Takes a payment back. `card`: that is present; `refund`: where it cannot be voided, note a refund.

    Raises RefusedError where it can be neither; UnreachableError where the terminal does not answer: then it
    is as it was, and the same command goes on.
    """
    row = find_payment(kiosk, payment)
    if row.state == PaymentState.VOIDED:
        return Undone(row, VoidWay.FREE, is_new=False)
    if row.state == PaymentState.REFUND:
        with reading_kiosk(kiosk.engine) as session:
            told = refund_told(session, row)
        return Undone(row, VoidWay.REFUND, is_new=False, office="" if told is None else told.standing)
    if row.means != port.means:
        raise RefusedError(f"payment {payment} was paid by {row.means}; it is given back the same way")
    if row.state == PaymentState.ASKED:
        return _cancel(kiosk, row, port, now_ms)
    way = _way(kiosk, row, card, refund=refund)
    if way is VoidWay.REFUND and not refund:
        raise RefusedError(
            f"payment {payment}: the meter may have it already; with --refund the office is asked for it"
        )
    if way is VoidWay.CARD:
        assert card is not None
        _take_off_card(kiosk, row, card, now_ms)
    return _finish(kiosk, payment, way, port, now_ms)


def _way(kiosk: Kiosk, row: TakenPaymentRow, card: CardAtDesk | None, *, refund: bool) -> VoidWay:
    purse = purse_of(kiosk.home, row.meter)
    with reading_kiosk(kiosk.engine) as session:
        account = account_of(session, purse)
    found = None if card is None else evidence_of(card, purse)
    try:
        return void_way(PaymentState(row.state), (row.card, row.chain), row.amount_ueur, account, found)
    except RefusedError:
        if refund and row.state in _BEFORE[VoidWay.REFUND]:
            return VoidWay.REFUND
        raise


def _cancel(kiosk: Kiosk, row: TakenPaymentRow, port: PaymentPort, now_ms: UtcMs) -> Undone:
    """A payment whose outcome is not known: cancelled at the terminal, whatever became of it."""
    if not port.give_back(row.id, row.amount_ueur):
        raise UnreachableError(f"payment {row.id}: the terminal does not answer: it stays open")
    settle(kiosk, row.id, PortOutcome.DECLINED, now_ms)
    return Undone(find_payment(kiosk, row.id), VoidWay.FREE, is_new=True)


def _take_off_card(kiosk: Kiosk, row: TakenPaymentRow, card: CardAtDesk, now_ms: UtcMs) -> None:
    purse = purse_of(kiosk.home, row.meter)
    with writing_kiosk(kiosk.engine) as session:
        statement: StatementRow = statement_for(session, kiosk.home, purse, now_ms, without=row.id)

    def before_commit() -> None:
        with writing_kiosk(kiosk.engine) as session:
            offer(session, statement, purse, (card.serial, card.chain), now_ms, without=row.id)

    write_card(kiosk, card, [statement.envelope], now_ms, before_commit)


def _finish(kiosk: Kiosk, payment: str, way: VoidWay, port: PaymentPort, now_ms: UtcMs) -> Undone:
    """The money goes back, or the refund is noted."""
    with writing_kiosk(kiosk.engine) as session:
        shift = shift_for_money(session, kiosk.home)
        row = session.get_one(TakenPaymentRow, payment)
        if row.state not in _BEFORE[way]:
            # Somebody else at this kiosk has put it onto a card meanwhile.
            raise RefusedError(f"payment {payment}: it is {row.state} now; nothing was given back")
        if way is VoidWay.REFUND:
            row.state = PaymentState.REFUND
            tell(session, kiosk.home, row, TillDeed.REFUND, now_ms)
        else:
            row.state = PaymentState.VOIDED
            tell(session, kiosk.home, row, TillDeed.VOIDED, now_ms)
        row.changed_ms = now_ms
        row.closed_shift = None if shift is None else shift.number
        session.add(row)
    if way is not VoidWay.REFUND and not port.give_back(payment, row.amount_ueur):
        raise UnreachableError(
            f"payment {payment} is voided, and the terminal did not say that it has given the money back: "
            "give it back by hand, and note it"
        )
    return Undone(find_payment(kiosk, payment), way, is_new=True)
