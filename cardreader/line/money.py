"""What the office tells a kiosk of its money: refunds, and statements that the kiosk has forgotten.

A store that was put back to an earlier copy knows neither what it signed nor what it asked for since. What it
has signed it believes by its own key. What was acknowledged and is lost at the office is sent again. Each
step may be repeated, and works in the caller's transaction.
"""

import logging

import msgspec
from sqlalchemy import update
from sqlmodel import Session, col, func, select

from cardreader.kiosk.home import KioskHome
from cardreader.kiosk.ledger import TillPurse, account_of, add_found, tell
from cardreader.kiosk.line_marks import STATEMENTS
from cardreader.kiosk.rules import PaymentState, Shown, found_money
from cardreader.kiosk.store import note_mark, noted_mark
from cardreader.kiosk.tables import OutgoingRow, RefundToldRow, StatementRow, TakenPaymentRow
from protocols.documents.bodies import PaymentBody
from protocols.documents.envelope import read_envelope, valid_keyids
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, Order, body_of, read_order
from protocols.documents.till_receipts import RefundStanding, TillDeed
from protocols.errors import DocumentError
from protocols.instants import UtcMs
from protocols.link.kiosk_words import RefundTold, StatementTold, refunds_digest

logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()
_ENDED = {RefundStanding.PAID: TillDeed.REFUNDED, RefundStanding.REJECTED: TillDeed.REJECTED}
# A meter may have it, so it can be asked back; the office knows already that it was.
_ASKED_BACK = (PaymentState.WRITTEN, PaymentState.COMMITTED, PaymentState.VOIDING)


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
    if told.standing in _ENDED:
        tell(session, home, payment, _ENDED[told.standing], now_ms)


def take_statement(session: Session, home: KioskHome, told: StatementTold, now_ms: UtcMs) -> None:
    """Keep a statement of this kiosk's own key that its store has forgotten, and what it proves was paid."""
    if told.place <= (noted_mark(session, STATEMENTS) or 0):
        return
    note_mark(session, STATEMENTS, told.place)
    envelope = _encoder.encode(told.envelope)
    order = _own(home, envelope)
    if order is None:
        logger.warning("line: a statement that was told is not of this kiosk's key")
        return
    body, meter = body_of(order, PaymentBody), order.scope.meters[0]
    purse = TillPurse(meter, body.issuer, body.epoch)
    if body.epoch == home.form.epoch:
        account = account_of(session, purse)
        add_found(session, purse, found_money(account, Shown(body.total_ueur)), now_ms)
    number = body.number
    row = session.get(StatementRow, (meter, body.issuer, body.epoch, number))
    if row is not None and row.total_ueur == body.total_ueur:
        row.offered = 1
        session.add(row)
    elif row is None:
        session.add(
            StatementRow(
                meter=meter,
                issuer=body.issuer,
                epoch=body.epoch,
                number=number,
                total_ueur=body.total_ueur,
                envelope=envelope,
                at_ms=now_ms,
                offered=1,
            )
        )
    session.flush()


def _own(home: KioskHome, envelope: bytes) -> Order | None:
    """The statement in an envelope that this kiosk's key has signed; None for anything else."""
    try:
        sealed = read_envelope(envelope)
        if sealed.payload_type != ORDER_TYPE:
            return None
        if not valid_keyids(sealed, {home.signer.keyid: home.signer.public}):
            return None
        order = read_order(sealed.payload)
    except DocumentError:
        return None
    is_own = order.kind is Kind.PAYMENT and body_of(order, PaymentBody).issuer == home.form.issuer
    return order if is_own and len(order.scope.meters) == 1 else None
