"""`relance-kiosk reprint`: a receipt again, as text, HTML, PDF, or onto a receipt printer's device."""

import os
import sys
from enum import StrEnum, unique
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from sqlmodel import Session

from cardreader.cli.desk import kiosk_at_work
from cardreader.cli.options import PRACTICE_SEED, Generation, Json, KioskHomeOption, Practice, StoreFile
from cardreader.cli.printing import PrinterOption, wanted_printer
from cardreader.kiosk.desk import Kiosk
from cardreader.kiosk.kept_receipts import facts_of, receipt_rows
from cardreader.kiosk.store import reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import ReceiptRow
from cardreader.receipts.kept import kept_slip
from cardreader.receipts.page import html_of, pdf_of
from cardreader.receipts.printer import PrinterPlace
from cardreader.receipts.printing import print_receipt
from cardreader.receipts.slip import Slip
from cardreader.receipts.text import text_of
from protocols.arguments import check_choice, read_name
from protocols.errors import InputError, RefusedError, UnreachableError
from protocols.reasons import Language
from protocols.rim.terminal import Exit


@unique
class PrintedAs(StrEnum):
    """What a receipt becomes."""

    TEXT = "text"
    HTML = "html"
    PDF = "pdf"


def reprint_receipt(
    payment: Annotated[
        str | None, typer.Option("--payment", metavar="ID", help="The latest receipt of a payment.")
    ] = None,
    number: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The receipt of this number.")
    ] = None,
    form: Annotated[str, typer.Option("--as", help="text, html or pdf.")] = PrintedAs.TEXT,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; default: standard output, not for pdf.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="fr, nl, de or en; default: that of the shift.")
    ] = None,
    printer: PrinterOption = None,
    home: KioskHomeOption = None,
    store: StoreFile = None,
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Print a receipt: of a payment, a void, a refund, a recovery card, or the end of a shift.

    From the second time on it says that it is a copy. What could not be printed counts as not printed. Ends
    with 1 where there is no such receipt.
    """
    if (payment is None) == (number is None):
        raise InputError("allowed: --payment ID, or --number N")
    check_choice(form, list(PrintedAs), "--as")
    check_choice(language, list(Language), "--language")
    if out is None and form == PrintedAs.PDF:
        raise InputError("--out: missing; needed for a PDF")
    asked, place = "" if payment is None else read_name(payment, "--payment"), wanted_printer(printer)
    if place is not None and (out is not None or form != PrintedAs.TEXT):
        raise InputError("--printer: allowed without --as and --out")
    with kiosk_at_work(home, practice, generation, store=store, make=False) as kiosk:
        if place is not None:
            return _on_paper(kiosk, place, asked, number, language, as_json=as_json)
        told = _told(kiosk, asked, number, language, PrintedAs(form), out, as_json=as_json)
    if as_json:
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    elif out is not None:
        sys.stdout.write(f"receipt {told['number']}: {out}\n")
    return Exit.DONE


def _on_paper(
    kiosk: Kiosk,
    place: PrinterPlace,
    payment: str,
    number: int | None,
    language: str | None,
    *,
    as_json: bool,
) -> int:
    """On the receipt printer. Raises UnreachableError where nothing was printed."""
    with reading_kiosk(kiosk.engine) as session:
        found = _row(session, payment, number).number
    assert found is not None
    is_copy = print_receipt(kiosk, found, place, Language(language) if language else None)
    told = {"number": found, "copy": is_copy, "printer": place.name}
    said = f"receipt {found}: printed at {place.name}" + (", a copy" if is_copy else "")
    sys.stdout.write((msgspec.json.encode(told).decode() if as_json else said) + "\n")
    return Exit.DONE


def _row(session: Session, payment: str, number: int | None) -> ReceiptRow:
    row = next(iter(receipt_rows(session, payment=payment, number=number or 0)), None)
    if row is None:
        raise RefusedError(
            f"{f'payment {payment}' if payment else f'receipt {number}'}: no such receipt here"
        )
    return row


def _told(
    kiosk: Kiosk,
    payment: str,
    number: int | None,
    language: str | None,
    form: PrintedAs,
    out: Path | None,
    *,
    as_json: bool,
) -> dict[str, Any]:
    """The receipt, written; then it counts as printed. The store is free while it is written."""
    with reading_kiosk(kiosk.engine) as session:
        row = _row(session, payment, number)
        assert row.number is not None
        found, facts, is_copy = row.number, facts_of(row), row.printed > 0
        slip = kept_slip(session, row, Language(language) if language else None, is_copy=is_copy)
    data = _data(slip, form)
    # Written before it is noted: where the paper is out, the next one is no copy.
    if out is not None:
        _write(out, data)
    elif not as_json:
        sys.stdout.write(data.decode())
    with writing_kiosk(kiosk.engine) as session:
        row = _row(session, "", found)
        row.printed += 1
        session.add(row)
    return {
        "number": found,
        "kind": facts.kind,
        "copy": is_copy,
        "language": slip.language,
        "out": None if out is None else str(out),
        "facts": msgspec.to_builtins(facts),
        "text": text_of(slip),
    }


def _data(slip: Slip, form: PrintedAs) -> bytes:
    match form:
        case PrintedAs.TEXT:
            return text_of(slip).encode()
        case PrintedAs.HTML:
            return html_of(slip).encode()
        case _:
            printed = pdf_of(slip)
            if printed is None:
                raise InputError("--as: pdf: needs weasyprint, the extra `relance[pdf]`, and Debian's pango")
            return printed


def _write(out: Path, data: bytes) -> None:
    try:
        with out.open("wb") as file:
            file.write(data)
            file.flush()
            if out.is_file():
                os.fsync(file.fileno())
    except OSError as error:
        raise UnreachableError(f"--out: {out}: cannot be written: {error.strerror}; print it again") from None
