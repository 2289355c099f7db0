"""Shifts: one clerk at a time, from the cash that lies in the drawer to the cash that is counted."""

from typing import NamedTuple

from sqlmodel import Session, select

from cardreader.kiosk.home import KioskHome
from cardreader.kiosk.ledger import payments_in
from cardreader.kiosk.rules import COUNTING, CashUp, PaymentState, booked_cash
from cardreader.kiosk.tables import RefundToldRow, ShiftRow, TakenPaymentRow
from protocols.documents.till_receipts import PaymentMeans, RefundStanding
from protocols.errors import RefusedError
from protocols.instants import UtcMs
from protocols.reasons import Language


class Takings(NamedTuple):
    """What a shift has taken and given back, in micro-euro. `payments`: how many it has taken.

    `asked_back_ueur`: for which it has asked the office; `paid_back_ueur`: what of it the office has paid.
    Neither has left the drawer.
    """

    payments: int
    cash_in_ueur: int
    cash_out_ueur: int
    terminal_ueur: int
    asked_back_ueur: int = 0
    paid_back_ueur: int = 0


def shift_now(session: Session) -> ShiftRow | None:
    """The shift that is open."""
    return session.exec(select(ShiftRow).where(ShiftRow.is_open == 1)).one_or_none()


def shift_for_money(session: Session, home: KioskHome) -> ShiftRow | None:
    """The shift that takes money; None in practice without one. Raises RefusedError where none is open."""
    shift = shift_now(session)
    if shift is None and not home.practice:
        raise RefusedError("no shift is open: `relance-kiosk shift open` opens one")
    return shift


def open_shift(
    session: Session, clerk: str, language: Language, float_ueur: int, now_ms: UtcMs
) -> tuple[ShiftRow, bool]:
    """Opens a shift. Returns it, and False where this clerk's is open already.

    Raises RefusedError while another clerk's is open.
    """
    found = shift_now(session)
    if found is not None and found.clerk != clerk:
        raise RefusedError(f"{found.clerk}'s shift {found.number} is open: close it first")
    if found is not None:
        return found, False
    row = ShiftRow(clerk=clerk, language=language, opened_ms=now_ms, float_ueur=float_ueur, is_open=1)
    session.add(row)
    session.flush()
    return row, True


def takings_of(session: Session, shift: int) -> Takings:
    """What a shift has taken and given back."""
    rows = payments_in(session, shift)
    money = COUNTING | {PaymentState.VOIDED}
    taken = [each for each in rows if each.shift == shift and each.state in money]
    cash_in = [each.amount_ueur for each in taken if each.means == PaymentMeans.CASH]
    back = [
        each
        for each in rows
        if each.closed_shift == shift
        and each.state == PaymentState.VOIDED
        and each.means == PaymentMeans.CASH
    ]
    terminal = [each.amount_ueur for each in taken if each.means == PaymentMeans.TERMINAL]
    gone = [
        each.amount_ueur
        for each in rows
        if each.closed_shift == shift
        and each.state == PaymentState.VOIDED
        and each.means == PaymentMeans.TERMINAL
    ]
    asked = [each for each in rows if each.closed_shift == shift and each.state == PaymentState.REFUND]
    paid = [each for each in asked if _is_paid_back(session, each)]
    return Takings(
        len(taken),
        sum(cash_in),
        sum(each.amount_ueur for each in back),
        sum(terminal) - sum(gone),
        sum(each.amount_ueur for each in asked),
        sum(each.amount_ueur for each in paid),
    )


def _is_paid_back(session: Session, payment: TakenPaymentRow) -> bool:
    told = session.get(RefundToldRow, (payment.id, payment.meter, payment.amount_ueur))
    return told is not None and told.standing == RefundStanding.PAID


def close_shift(session: Session, counted_ueur: int, now_ms: UtcMs) -> tuple[ShiftRow, Takings, CashUp]:
    """Ends the shift with what was counted in the drawer. Raises RefusedError where none is open."""
    row = shift_now(session)
    if row is None or row.number is None:
        raise RefusedError("no shift is open")
    takings = takings_of(session, row.number)
    booked_ueur = booked_cash(row.float_ueur, [takings.cash_in_ueur], [takings.cash_out_ueur])
    row.is_open, row.closed_ms = None, now_ms
    row.booked_ueur, row.counted_ueur = booked_ueur, counted_ueur
    session.add(row)
    return row, takings, CashUp(booked_ueur, counted_ueur)
