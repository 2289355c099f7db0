"""Receipts in the kiosk's store: numbered, kept as facts, found again."""

import msgspec
from sqlmodel import Session, col, select

from cardreader.kiosk.facts import ReceiptFacts, ReceiptKind
from cardreader.kiosk.tables import ReceiptRow
from protocols.decoding import read_json

_facts: msgspec.json.Decoder[ReceiptFacts] = msgspec.json.Decoder(ReceiptFacts)


def keep_receipt(session: Session, facts: ReceiptFacts) -> int:
    """Stores a receipt; returns its number. Receipts of a kiosk are numbered without a gap."""
    row = ReceiptRow(
        kind=facts.kind,
        payment=facts.payment,
        meter=facts.meter,
        shift=facts.shift or None,
        at_ms=facts.at_ms,
        content=msgspec.json.encode(facts),
    )
    session.add(row)
    session.flush()
    assert row.number is not None
    return row.number


def facts_of(row: ReceiptRow) -> ReceiptFacts:
    """The facts of a stored receipt. Raises DocumentError for a damaged row."""
    return read_json(_facts, row.content, f"receipt {row.number}")


def receipt_rows(session: Session, *, payment: str = "", number: int = 0) -> list[ReceiptRow]:
    """The receipts of a payment, or the one of this number; the latest first."""
    rows = select(ReceiptRow).order_by(col(ReceiptRow.number).desc())
    rows = rows.where(ReceiptRow.payment == payment) if payment else rows.where(ReceiptRow.number == number)
    return list(session.exec(rows))


def undone_as(session: Session, facts: ReceiptFacts) -> ReceiptKind | None:
    """What became of a receipt's payment: it was voided, or a refund was asked for; None: neither."""
    if facts.kind is not ReceiptKind.PAYMENT:
        return None
    kinds = {each.kind for each in receipt_rows(session, payment=facts.payment)}
    return next((each for each in (ReceiptKind.VOID, ReceiptKind.REFUND) if each in kinds), None)
