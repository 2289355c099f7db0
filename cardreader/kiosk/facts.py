"""What a receipt says, as facts without words: so it can be printed again, and in another language.

A receipt lies in the store as these facts; text, HTML and paper are made of it.
"""

from enum import StrEnum, unique

import msgspec
from msgspec import Struct
from sqlmodel import Session, col, select

from cardreader.kiosk.tables import ReceiptRow
from protocols.decoding import read_json
from protocols.reasons import Language


@unique
class ReceiptKind(StrEnum):
    """What a receipt is about. `recovery`: supply comes back by a card; `cash_up`: the end of a shift."""

    PAYMENT = "payment"
    VOID = "void"
    REFUND = "refund"
    RECOVERY = "recovery"
    CASH_UP = "cash_up"


class ReceiptFacts(Struct, frozen=True, kw_only=True):
    """One receipt. Money is micro-euro; None: not known, or nothing to say.

    `balance_ueur`, `emergency_owed_ueur`, `debt_owed_ueur`: what the meter said at its last visit with this
    card, at `said_ms`.
    `total_ueur`: all payments to this meter at this kiosk. `hours`, `present_until_ms`: of a recovery card:
    how long the hold lasts from the meter on, and until when the card may be put in.
    """

    kind: ReceiptKind
    at_ms: int
    kiosk: str
    office: str
    zone: str
    language: Language
    practice: bool
    clerk: str = ""
    shift: int = 0
    card: str = ""
    meter: str = ""
    reference: str = ""
    payment: str = ""
    means: str = ""
    amount_ueur: int | None = None
    number: int = 0
    total_ueur: int | None = None
    balance_ueur: int | None = None
    emergency_owed_ueur: int | None = None
    debt_owed_ueur: int | None = None
    said_ms: int | None = None
    hours: int = 0
    present_until_ms: int | None = None
    payments: int = 0
    float_ueur: int | None = None
    cash_in_ueur: int | None = None
    cash_out_ueur: int | None = None
    terminal_ueur: int | None = None
    counted_ueur: int | None = None
    v: int = 1


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
