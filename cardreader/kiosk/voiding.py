"""A payment is taken back: freely while no card can have it, else by a later statement on that very card.

Else it is a refund: noted for the office, which takes it out of the meter before it pays. What was handed
back is never credited too, and what was credited is never handed back; a card that somebody has copied is
outside that, until the next payment makes it good (decision 0049).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from cardreader.kiosk.desk import CardAtDesk, Kiosk, evidence_of, write_card
from cardreader.kiosk.ledger import TillPurse, account_of, draft_statement, offer, purse_of, tell
from cardreader.kiosk.paying import settle
from cardreader.kiosk.ports import PaymentPort
from cardreader.kiosk.rules import PaymentState, VoidWay, void_way
from cardreader.kiosk.searching import refund_told
from cardreader.kiosk.shifts import shift_for_money
from cardreader.kiosk.stating import take_off_closed, until_unchanged
from cardreader.kiosk.store import reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import TakenPaymentRow
from protocols.documents.till_receipts import PaymentMeans, TillDeed
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
    if row.means == PaymentMeans.CASH and row.state == PaymentState.ASKED:
        # Who entered it had the money in hand, also where the program ended before it was noted.
        settle(kiosk, payment, port.outcome(payment), now_ms)
    if _begins_to_cancel(kiosk, payment, now_ms):
        return _cancel(kiosk, row, port, now_ms)
    # Before the card is written: without a shift nobody could give the money back.
    with reading_kiosk(kiosk.engine) as session:
        shift_for_money(session, kiosk.home)
    if card is not None:
        card = take_off_closed(kiosk, card, now_ms)
    way = _way(kiosk, payment, card, refund=refund)
    if way is VoidWay.REFUND and not refund:
        raise RefusedError(
            f"payment {payment}: the meter may have it already; with --refund the office is asked for it"
        )
    if way is VoidWay.CARD:
        assert card is not None
        _take_off_card(kiosk, payment, card, now_ms)
    return _finish(kiosk, payment, way, port, now_ms)


def _way(kiosk: Kiosk, payment: str, card: CardAtDesk | None, *, refund: bool) -> VoidWay:
    with reading_kiosk(kiosk.engine) as session:
        row = session.get_one(TakenPaymentRow, payment)
        try:
            return _way_in(session, kiosk, row, card)
        except RefusedError:
            if refund and row.state in _BEFORE[VoidWay.REFUND]:
                return VoidWay.REFUND
            raise


def _way_in(session: Session, kiosk: Kiosk, row: TakenPaymentRow, card: CardAtDesk | None) -> VoidWay:
    """By the purse in which the payment was stated: no later statement of another epoch takes it back."""
    purse = TillPurse(row.meter, row.issuer, row.epoch)
    found = None if card is None else evidence_of(card, purse)
    account = account_of(session, purse)
    way = void_way(PaymentState(row.state), (row.card, row.chain), row.amount_ueur, account, found)
    is_closed = way is VoidWay.CARD and purse != purse_of(kiosk.home, row.meter)
    return VoidWay.REFUND if is_closed else way


def _begins_to_cancel(kiosk: Kiosk, payment: str, now_ms: UtcMs) -> bool:
    """Whether it is one whose outcome nobody knows. From now on nobody else goes on with it."""
    with writing_kiosk(kiosk.engine) as session:
        row = session.get_one(TakenPaymentRow, payment)
        if row.state not in (PaymentState.ASKED, PaymentState.CANCELLING):
            return False
        row.state, row.changed_ms = PaymentState.CANCELLING, now_ms
        session.add(row)
        return True


def _cancel(kiosk: Kiosk, row: TakenPaymentRow, port: PaymentPort, now_ms: UtcMs) -> Undone:
    """It is cancelled at the terminal, whatever became of it there."""
    if not port.give_back(row.id, row.amount_ueur):
        raise UnreachableError(
            f"payment {row.id}: the terminal does not answer: it stays open, and `void` again cancels it"
        )
    with writing_kiosk(kiosk.engine) as session:
        found = session.get_one(TakenPaymentRow, row.id)
        # The same act in another program may have ended it: that is the same end.
        found.state, found.changed_ms = PaymentState.DECLINED, now_ms
        session.add(found)
    return Undone(find_payment(kiosk, row.id), VoidWay.FREE, is_new=True)


def _take_off_card(kiosk: Kiosk, payment: str, card: CardAtDesk, now_ms: UtcMs) -> None:
    """By a statement without it on the card that has it, where it is on no other one by then."""

    def once() -> None:
        with writing_kiosk(kiosk.engine) as session:
            row = session.get_one(TakenPaymentRow, payment)
            draft = draft_statement(session, kiosk.home, purse_of(kiosk.home, row.meter), now_ms, payment)

        def before_commit(_held: Collection[bytes]) -> None:
            with writing_kiosk(kiosk.engine) as session:
                row = session.get_one(TakenPaymentRow, payment)
                if _way_in(session, kiosk, row, card) is not VoidWay.CARD:
                    raise RefusedError(f"payment {payment}: it may be on another card by now; say --refund")
                offer(session, draft, (card.serial, card.chain), now_ms)

        write_card(kiosk, card, [draft.envelope], now_ms, before_commit)

    until_unchanged(card, once)


def _finish(kiosk: Kiosk, payment: str, way: VoidWay, port: PaymentPort, now_ms: UtcMs) -> Undone:
    """The money goes back, or the refund is noted."""
    with writing_kiosk(kiosk.engine) as session:
        shift = shift_for_money(session, kiosk.home)
        row = session.get_one(TakenPaymentRow, payment)
        if row.state not in _BEFORE[way]:
            # Another program of this kiosk has put it onto a card, or taken it back, meanwhile.
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
