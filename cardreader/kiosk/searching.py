"""Finding payments and cards, also of a card that is lost, in the store of this kiosk alone."""

from typing import NamedTuple

from sqlmodel import Session, col, or_, select

from cardreader.files.identity import EPOCH_BELIEVED_MAX
from cardreader.kiosk.tables import CardSeenRow, RefundToldRow, TakenPaymentRow


class Sought(NamedTuple):
    """What a clerk knows of a household; what is empty is not asked."""

    meter: str = ""
    card: str = ""
    reference: str = ""
    payment: str = ""


class FoundHere(NamedTuple):
    """What this kiosk knows: cards, the latest first; and payments, the latest first."""

    cards: tuple[CardSeenRow, ...]
    payments: tuple[TakenPaymentRow, ...]


def find(session: Session, sought: Sought, limit: int) -> FoundHere:
    """The cards and payments that fit all that is known: of a card also those of other cards of its meter."""
    cards = select(CardSeenRow)
    if sought.card:
        cards = cards.where(CardSeenRow.serial == sought.card)
    if sought.meter:
        cards = cards.where(CardSeenRow.meter == sought.meter)
    if sought.reference:
        cards = cards.where(CardSeenRow.reference == sought.reference)
    found = [] if sought.payment else list(session.exec(cards.order_by(col(CardSeenRow.seen_ms).desc())))
    payments = select(TakenPaymentRow)
    if sought.payment:
        payments = payments.where(TakenPaymentRow.id == sought.payment)
    if sought.meter:
        payments = payments.where(TakenPaymentRow.meter == sought.meter)
    if sought.card or sought.reference:
        meters = {each.meter for each in found} - {""}
        payments = payments.where(
            or_(
                col(TakenPaymentRow.meter).in_(meters),
                TakenPaymentRow.card == sought.card if sought.card else False,
                TakenPaymentRow.reference == sought.reference if sought.reference else False,
            )
        )
    rows = session.exec(payments.order_by(col(TakenPaymentRow.asked_ms).desc()).limit(limit))
    return FoundHere(tuple(found[:limit]), tuple(rows))


def latest_card(session: Session, meter: str) -> CardSeenRow | None:
    """The latest card of a meter that was here, by its pairing epoch; it may outlive the session.

    What is on a card proves nothing: whoever has a kiosk's keys could write any epoch. So one that would
    leave the meter no further card is not believed.
    """
    cards = select(CardSeenRow).where(CardSeenRow.meter == meter, CardSeenRow.pairing <= EPOCH_BELIEVED_MAX)
    found = session.exec(cards.order_by(col(CardSeenRow.pairing).desc()).limit(1)).first()
    if found is not None:
        session.expunge(found)
    return found


def cards_seen_from(session: Session, meter: str, epoch: int) -> list[CardSeenRow]:
    """The cards of a meter of this pairing epoch and later that were here, the latest first.

    They may outlive the session. What is believed of them: see `latest_card`.
    """
    cards = (
        select(CardSeenRow)
        .where(CardSeenRow.meter == meter)
        .where(col(CardSeenRow.pairing).between(epoch, EPOCH_BELIEVED_MAX))
        .order_by(col(CardSeenRow.pairing).desc(), col(CardSeenRow.serial))
    )
    found = list(session.exec(cards))
    session.expunge_all()
    return found


def refund_told(session: Session, payment: TakenPaymentRow) -> RefundToldRow | None:
    """How far the office is with the refund of a payment; None: it has not said."""
    found = session.get(RefundToldRow, (payment.id, payment.meter, payment.amount_ueur))
    if found is not None:
        session.expunge(found)
    return found
