"""Refunds that kiosks have booked as owed: what a receipt makes of them, and how far each is (docs/kiosk.md).

A kiosk signs that a household wants a payment back, and gives nothing. The office takes the sum out of the
purse first, by an order that two people sign: then the meter has no more than it was paid, and the money may
go. A refund is known by kiosk, payment, meter and amount: so whatever a kiosk says twice, late, or from an
earlier copy of its store, it is one. Each function works in the caller's transaction.
"""

from collections.abc import Sequence

from msgspec import Struct
from sqlmodel import Session, col, func, select

from controller.database.kiosk_tables import KioskReceiptRow, KioskRefundRow, KioskRow
from controller.kiosks.rules import (
    COMMITTED,
    KIOSK_REFUND_ROWS_MAX,
    RefundState,
    refund_state,
)
from controller.refunds.acts import refund_progress
from protocols.documents.till_receipts import RefundStanding, TillDeed, TillReceipt
from protocols.errors import RefusedError, quoted
from protocols.link.kiosk_words import RefundTold

_FOUND = {TillDeed.REFUNDED: RefundStanding.PAID, TillDeed.REJECTED: RefundStanding.REJECTED}


class RefundView(Struct, frozen=True, kw_only=True):
    """A refund. `order`: the last that was ordered for it, with the meter's reason where it refused.

    `asked_ms`: by the kiosk's own clock. `found`: the end that the kiosk was told of and this store has lost.
    """

    kiosk: str
    payment: str
    meter: str
    amount_ueur: int
    means: str
    clerk: str
    state: RefundState
    asked_ms: int
    received_ms: int
    order: str
    found: str
    ended_by: str
    ended_ms: int | None
    proof: str


class ReceiptView(Struct, frozen=True, kw_only=True):
    """A receipt that a kiosk has signed. `at_ms`: by the kiosk's own clock; `received_ms`: by ours."""

    kiosk: str
    number: int
    deed: str
    payment: str
    meter: str
    amount_ueur: int
    at_ms: int
    received_ms: int
    envelope: bytes


def note_deed(session: Session, receipt: TillReceipt, now_ms: int) -> bool:
    """What a signed receipt says of a refund. Returns False where the kiosk has no room for a further one."""
    key = (receipt.kiosk, receipt.payment, receipt.meter, receipt.amount_ueur)
    row = session.get(KioskRefundRow, key)
    if row is None and receipt.deed in (TillDeed.REFUND, *_FOUND):
        count = select(func.count()).select_from(KioskRefundRow).where(KioskRefundRow.kiosk == receipt.kiosk)
        if session.exec(count).one() >= KIOSK_REFUND_ROWS_MAX:
            return False
        row = _new(receipt, now_ms)
        row.voided = int(_is_voided(session, receipt))
    if row is not None:
        if receipt.deed is TillDeed.VOIDED:
            row.voided = 1
        elif receipt.deed in _FOUND and not row.ending:
            row.found = _FOUND[receipt.deed]
        session.add(row)
        session.flush()
    return True


def _new(receipt: TillReceipt, now_ms: int) -> KioskRefundRow:
    return KioskRefundRow(
        kiosk=receipt.kiosk,
        payment=receipt.payment,
        meter=receipt.meter,
        amount_ueur=receipt.amount_ueur,
        means=receipt.means,
        clerk=receipt.clerk,
        asked_ms=receipt.at_ms,
        received_ms=now_ms,
    )


def _is_voided(session: Session, receipt: TillReceipt) -> bool:
    """Whether the receipt of a void came before the one of the refund."""
    query = select(KioskReceiptRow.number).where(
        KioskReceiptRow.meter == receipt.meter,
        KioskReceiptRow.kiosk == receipt.kiosk,
        KioskReceiptRow.payment == receipt.payment,
        KioskReceiptRow.amount_ueur == receipt.amount_ueur,
        KioskReceiptRow.deed == TillDeed.VOIDED,
    )
    return session.exec(query).first() is not None


def state_in(session: Session, row: KioskRefundRow) -> RefundState:
    """How far a refund is, by its own row and by the orders that were made for it."""
    states = [refund_progress(session, row.meter, order) for order in row.orders.split()]
    rejecting = bool(row.ended_by) and not row.ending
    return refund_state(row.ending, voided=bool(row.voided), orders=states, rejecting=rejecting)


def list_refunds(session: Session, kiosk: str | None = None, *, ended: bool = True) -> list[RefundView]:
    """The refunds of one kiosk or of all, the oldest first; without the ended ones where that is asked."""
    query = select(KioskRefundRow).order_by(
        col(KioskRefundRow.received_ms), KioskRefundRow.kiosk, KioskRefundRow.payment, KioskRefundRow.meter
    )
    if kiosk is not None:
        query = query.where(KioskRefundRow.kiosk == kiosk)
    if not ended:
        query = query.where(KioskRefundRow.ending == "")
    return [view_of(session, row) for row in session.exec(query)]


def view_of(session: Session, row: KioskRefundRow) -> RefundView:
    """A refund's row, with its state."""
    return RefundView(
        kiosk=row.kiosk,
        payment=row.payment,
        meter=row.meter,
        amount_ueur=row.amount_ueur,
        means=row.means,
        clerk=row.clerk,
        state=state_in(session, row),
        asked_ms=row.asked_ms,
        received_ms=row.received_ms,
        order=(row.orders.split() or [""])[-1],
        found=row.found,
        ended_by=row.ended_by,
        ended_ms=row.ended_ms,
        proof=row.proof,
    )


def refund_of(session: Session, kiosk: str, payment: str, meter: str | None) -> KioskRefundRow:
    """The refund of a payment. Raises RefusedError where there is none, or several without a meter named."""
    query = select(KioskRefundRow).where(KioskRefundRow.kiosk == kiosk, KioskRefundRow.payment == payment)
    rows = session.exec(query).all()
    found = [row for row in rows if meter is None or row.meter == meter]
    if not found:
        raise RefusedError(
            f"payment {quoted(payment)}: kiosk {kiosk} has asked for no refund of it; "
            "`relance kiosk refunds` lists those that are owed"
        )
    if len(found) > 1:
        open_ones = [row for row in found if not row.ending]
        if len(open_ones) == 1:
            return open_ones[0]
        meters = ", ".join(sorted(row.meter for row in found))
        raise RefusedError(f"payment {quoted(payment)}: of several meters or sums; allowed: --meter {meters}")
    return found[0]


def committed_ueur(session: Session, kiosk: str, meter: str) -> int:
    """What was paid back, or is on its way to be, of this kiosk's payments to a meter."""
    query = select(KioskRefundRow).where(KioskRefundRow.kiosk == kiosk, KioskRefundRow.meter == meter)
    return sum(row.amount_ueur for row in session.exec(query) if state_in(session, row) in COMMITTED)


def told_to(session: Session, kiosk: KioskRow) -> list[RefundTold]:
    """What a kiosk is told of its refunds: all, so that one whose store was put back hears it again."""
    query = select(KioskRefundRow).where(KioskRefundRow.kiosk == kiosk.id)
    return [
        RefundTold(
            row.payment, row.meter, row.amount_ueur, RefundStanding(row.ending or RefundStanding.OWED.value)
        )
        for row in session.exec(
            query.order_by(col(KioskRefundRow.received_ms).desc(), KioskRefundRow.payment)
        )
        if not row.voided or row.ending
    ]


def list_receipts(
    session: Session,
    kiosk: str | None = None,
    meter: str | None = None,
    from_ms: int | None = None,
    until_ms: int | None = None,
    limit: int = 1_000,
) -> Sequence[ReceiptView]:
    """The receipts of kiosks, the latest that came first; by when they came, since kiosks' clocks differ."""
    query = select(KioskReceiptRow).order_by(
        col(KioskReceiptRow.received_ms).desc(), col(KioskReceiptRow.number).desc()
    )
    if kiosk is not None:
        query = query.where(KioskReceiptRow.kiosk == kiosk)
    if meter is not None:
        query = query.where(KioskReceiptRow.meter == meter)
    if from_ms is not None:
        query = query.where(col(KioskReceiptRow.received_ms) >= from_ms)
    if until_ms is not None:
        query = query.where(col(KioskReceiptRow.received_ms) < until_ms)
    return [
        ReceiptView(
            kiosk=row.kiosk,
            number=row.number,
            deed=row.deed,
            payment=row.payment,
            meter=row.meter,
            amount_ueur=row.amount_ueur,
            at_ms=row.at_ms,
            received_ms=row.received_ms,
            envelope=row.envelope,
        )
        for row in session.exec(query.limit(limit))
    ]
