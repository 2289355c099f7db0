"""What the office tells a kiosk of its refunds, and what it has lost of the kiosk's own words.

A store that was put back to an earlier copy does not know what it asked for since (`forgotten.py`: nor what
it signed). What was acknowledged and is lost at the office is sent again. Each step may be repeated, and
works in the caller's transaction.
"""

import logging

import msgspec
from sqlalchemy import update
from sqlmodel import Session, col, func, select

from cardreader.kiosk.home import KioskHome
from cardreader.kiosk.ledger import tell
from cardreader.kiosk.rules import PaymentState
from cardreader.kiosk.tables import OutgoingRow, RefundToldRow, TakenPaymentRow
from protocols.documents.till_receipts import RefundStanding, TillDeed
from protocols.instants import UtcMs
from protocols.link.kiosk_words import RefundTold, refunds_digest

logger = logging.getLogger(__name__)
_ENDED = {RefundStanding.PAID: TillDeed.REFUNDED, RefundStanding.REJECTED: TillDeed.REJECTED}
# The office knows that it was asked back. A store that was put back may hold it as if no card had it yet.
_ASKED_BACK = (PaymentState.TAKEN, PaymentState.WRITTEN, PaymentState.COMMITTED, PaymentState.VOIDING)


def say_again_above(session: Session, stored: int) -> int:
    """Queue again what was acknowledged above this number: the office's store was put back, and has lost it.

    Returns how many items. Whatever comes twice counts once there.
    """
    lost = (col(OutgoingRow.number) > stored, col(OutgoingRow.acknowledged) == 1)
    count = session.exec(select(func.count()).select_from(OutgoingRow).where(*lost)).one()
    if count:
        session.execute(update(OutgoingRow).where(*lost).values(acknowledged=0))
        logger.warning(
            "line: the office has lost %d items that it had acknowledged: they are sent again", count
        )
    return count


def told_of_refunds(session: Session) -> str:
    """The digest of all that this kiosk was told of refunds."""
    return refunds_digest(
        RefundTold(row.payment, row.meter, row.amount_ueur, RefundStanding(row.standing))
        for row in session.exec(select(RefundToldRow))
    )


def take_refund(session: Session, home: KioskHome, told: RefundTold, now_ms: UtcMs) -> None:
    """Keep how far the office is with a refund. An end stays, whatever is told later."""
    row = session.get(RefundToldRow, (told.payment, told.meter, told.amount_ueur))
    if row is not None and (row.standing == told.standing or row.standing != RefundStanding.OWED):
        return
    session.merge(RefundToldRow(**msgspec.structs.asdict(told), at_ms=now_ms))
    payment = session.get(TakenPaymentRow, told.payment)
    if payment is None or (payment.meter, payment.amount_ueur) != (told.meter, told.amount_ueur):
        return  # a store that was put back has forgotten it; where it is entered again, it is this one
    if payment.state in _ASKED_BACK:
        payment.state, payment.changed_ms = PaymentState.REFUND, now_ms
        session.add(payment)
    if payment.state != PaymentState.REFUND:
        logger.warning("line: payment %s is %s here, and a refund at the office", payment.id, payment.state)
    elif told.standing in _ENDED:
        tell(session, home, payment, _ENDED[told.standing], now_ms)
