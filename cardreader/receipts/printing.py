"""A kept receipt on the receipt printer: printed first, then noted, so that a lost one is no copy."""

from sqlmodel import Session

from cardreader.kiosk.desk import Kiosk
from cardreader.kiosk.kept_receipts import receipt_rows
from cardreader.kiosk.store import reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import ReceiptRow
from cardreader.receipts.kept import kept_slip
from cardreader.receipts.paper import escpos_of
from cardreader.receipts.printer import PrinterPlace, print_bytes
from protocols.errors import RefusedError
from protocols.reasons import Language


def print_receipt(kiosk: Kiosk, number: int, place: PrinterPlace, language: Language | None = None) -> bool:
    """Prints the receipt of this number; returns whether it said that it is a copy.

    The store is free while the printer is spoken to. Raises RefusedError for a number that is not there,
    PaperOutError and UnreachableError as `print_bytes`: then it counts as not printed.
    """
    with reading_kiosk(kiosk.engine) as session:
        row = _row(session, number)
        is_copy = row.printed > 0
        slip = kept_slip(session, row, language, is_copy=is_copy)
    print_bytes(place, escpos_of(slip))
    with writing_kiosk(kiosk.engine) as session:
        row = _row(session, number)
        row.printed += 1
        session.add(row)
    return is_copy


def _row(session: Session, number: int) -> ReceiptRow:
    row = next(iter(receipt_rows(session, number=number)), None)
    if row is None:
        raise RefusedError(f"receipt {number}: no such receipt here")
    return row
