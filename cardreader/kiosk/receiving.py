"""The receipts of payments, voids and shifts: which facts they say, kept once for each deed."""

from typing import Any

from sqlmodel import Session

from cardreader.explaining.call_code import call_code
from cardreader.explaining.home_steps import once_written
from cardreader.explaining.rules import explain
from cardreader.kiosk.desk import CardAtDesk, Kiosk
from cardreader.kiosk.facts import ReceiptFacts, ReceiptKind
from cardreader.kiosk.kept_receipts import keep_receipt, receipt_rows
from cardreader.kiosk.ledger import TillPurse
from cardreader.kiosk.paying import Paid
from cardreader.kiosk.recovering import Recovery
from cardreader.kiosk.rules import CashUp, VoidWay
from cardreader.kiosk.shifts import Takings, shift_now
from cardreader.kiosk.store import writing_kiosk
from cardreader.kiosk.tables import ShiftRow
from cardreader.kiosk.voiding import Undone
from protocols.errors import DocumentError
from protocols.instants import UtcMs
from protocols.link.messages import Reported, read_report
from protocols.reasons import Language
from protocols.units import QUANTA_PER_UEUR


def payment_receipt(kiosk: Kiosk, card: CardAtDesk, paid: Paid) -> int:
    """The number of the payment's receipt, which is made once."""
    row, state = paid.payment, card.found.state.state
    owed_ueur, debt_ueur = _owed(card)
    statement = paid.statement
    earlier_ueur = statement.total_ueur - row.amount_ueur - _credited_ueur(card, statement.purse)
    with writing_kiosk(kiosk.engine) as session:
        for each in receipt_rows(session, payment=row.id):
            if each.kind == ReceiptKind.PAYMENT and each.number is not None:
                return each.number
        facts = _facts(
            session,
            kiosk,
            ReceiptKind.PAYMENT,
            row.changed_ms,
            **_of_card(kiosk, card, gives_supply=False),
            payment=row.id,
            means=row.means,
            amount_ueur=row.amount_ueur,
            number=statement.number,
            total_ueur=statement.total_ueur,
            balance_ueur=None if state is None else state.balance_ueur,
            emergency_owed_ueur=owed_ueur,
            debt_owed_ueur=debt_ueur,
            repaid_ueur=None
            if owed_ueur is None
            else repaid_first_ueur(row.amount_ueur, owed_ueur, earlier_ueur),
            said_ms=None if state is None else state.time_ms,
        )
        return keep_receipt(session, facts)


def undone_receipt(kiosk: Kiosk, undone: Undone) -> int | None:
    """The number of the receipt of a void or refund, made once; None for a payment that was never taken."""
    row = undone.payment
    kind = ReceiptKind.REFUND if undone.way is VoidWay.REFUND else ReceiptKind.VOID
    with writing_kiosk(kiosk.engine) as session:
        for each in receipt_rows(session, payment=row.id):
            if each.kind in (ReceiptKind.VOID, ReceiptKind.REFUND):
                return each.number
        facts = _facts(
            session,
            kiosk,
            kind,
            row.changed_ms,
            card=row.card,
            meter=row.meter,
            reference=row.reference,
            payment=row.id,
            means=row.means,
            amount_ueur=row.amount_ueur,
        )
        return keep_receipt(session, facts)


def recovery_receipt(kiosk: Kiosk, card: CardAtDesk, done: Recovery, now_ms: UtcMs) -> int:
    """The number of the ticket of a recovery card, with both of its ends."""
    with writing_kiosk(kiosk.engine) as session:
        facts = _facts(
            session,
            kiosk,
            ReceiptKind.RECOVERY,
            now_ms,
            **_of_card(kiosk, card, gives_supply=True),
            hours=done.hours,
            present_until_ms=done.present_until_ms,
        )
        return keep_receipt(session, facts)


def reactivation_receipt(kiosk: Kiosk, card: CardAtDesk, cut: str, now_ms: UtcMs) -> int:
    """The number of the ticket of a cancelled cut."""
    with writing_kiosk(kiosk.engine) as session:
        facts = _facts(
            session,
            kiosk,
            ReceiptKind.REACTIVATION,
            now_ms,
            **_of_card(kiosk, card, gives_supply=False),
            cut=cut,
        )
        return keep_receipt(session, facts)


def cash_up_receipt(
    session: Session, kiosk: Kiosk, shift: ShiftRow, takings: Takings, cash: CashUp, now_ms: UtcMs
) -> int:
    """The number of the receipt of a shift's end, in the transaction that ends it."""
    facts = ReceiptFacts(
        kind=ReceiptKind.CASH_UP,
        at_ms=now_ms,
        kiosk=kiosk.home.form.kiosk,
        office=kiosk.home.form.office,
        zone=kiosk.home.form.zone,
        language=Language(shift.language),
        practice=bool(kiosk.home.practice),
        clerk=shift.clerk,
        shift=shift.number or 0,
        payments=takings.payments,
        float_ueur=shift.float_ueur,
        cash_in_ueur=takings.cash_in_ueur,
        cash_out_ueur=takings.cash_out_ueur,
        terminal_ueur=takings.terminal_ueur,
        counted_ueur=cash.counted_ueur,
    )
    return keep_receipt(session, facts)


def _facts(
    session: Session,
    kiosk: Kiosk,
    kind: ReceiptKind,
    at_ms: int,
    **said: Any,  # noqa: ANN401 # its fields
) -> ReceiptFacts:
    form, shift = kiosk.home.form, shift_now(session)
    return ReceiptFacts(
        kind=kind,
        at_ms=at_ms,
        kiosk=form.kiosk,
        office=form.office,
        zone=form.zone,
        language=form.languages[0] if shift is None else Language(shift.language),
        practice=bool(kiosk.home.practice),
        clerk="" if shift is None else shift.clerk,
        shift=0 if shift is None else shift.number or 0,
        **said,
    )


def _of_card(kiosk: Kiosk, card: CardAtDesk, *, gives_supply: bool) -> dict[str, Any]:
    """Whose card was written, and what its household does with it at home (`explaining.home_steps`)."""
    identity = card.found.identity
    fields = {"card": card.serial, "meter": card.meter, "reference": card.pairing.reference}
    if identity is None:
        return fields  # a card whose first file is damaged: nobody knows for which energy it is
    written = once_written(explain(card.found), identity.energy, gives_supply=gives_supply)
    return {
        **fields,
        "energy": identity.energy,
        "steps": tuple(each.message for each in written.household),
        "call_code": call_code(written),
        "phone": kiosk.home.form.phone,
    }


def repaid_first_ueur(amount_ueur: int, owed_ueur: int, earlier_ueur: int) -> int:
    """What of a payment goes to the emergency credit; those that the meter has not read yet come first."""
    return min(amount_ueur, max(0, owed_ueur - max(0, earlier_ueur)))


def _credited_ueur(card: CardAtDesk, purse: TillPurse) -> int:
    """What the meter has credited of this kiosk's payments, by its last visit with this card."""
    state = card.found.state.state
    return max(
        (
            each.total_ueur
            for each in (() if state is None else state.totals)
            if (each.issuer, each.epoch) == (purse.issuer, purse.epoch)
        ),
        default=0,
    )


def _owed(card: CardAtDesk) -> tuple[int | None, int | None]:
    """Emergency credit and debt that payments bring back, by the meter's last report on the card."""
    for word in card.found.reports.words:
        try:
            report = read_report(word)[0]
        except DocumentError:
            continue  # its holdings, or nothing that we know
        if isinstance(report, Reported) and report.account is not None:
            owed_q, debt_q = int(report.account.owed_q), int(report.account.debt_q)
            return owed_q // QUANTA_PER_UEUR, debt_q // QUANTA_PER_UEUR
    return None, None
