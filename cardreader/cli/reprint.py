"""`relance-kiosk reprint`: a receipt again, as text, HTML, PDF, or onto a receipt printer's device."""

import os
import sys
from enum import StrEnum, unique
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cardreader.cli.desk import KioskHomeOption, StoreFile, kiosk_at_work
from cardreader.cli.options import PRACTICE_SEED, Generation, Json, Practice
from cardreader.kiosk.kept_receipts import facts_of, receipt_rows
from cardreader.kiosk.store import writing_kiosk
from cardreader.receipts.page import html_of, pdf_of
from cardreader.receipts.slip import Slip, slip_of
from cardreader.receipts.text import text_of
from protocols.arguments import check_choice, read_name
from protocols.errors import InputError, RefusedError, UnreachableError
from protocols.languages.catalogue import Sentences
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
    with (
        kiosk_at_work(home, practice, generation, store=store, make=False) as kiosk,
        writing_kiosk(kiosk.engine) as session,
    ):
        asked = "" if payment is None else read_name(payment, "--payment")
        row = next(iter(receipt_rows(session, payment=asked, number=number or 0)), None)
        if row is None or row.number is None:
            raise RefusedError(
                f"{f'payment {asked}' if asked else f'receipt {number}'}: no such receipt here"
            )
        facts = facts_of(row)
        sentences = Sentences(Language(language) if language else facts.language)
        slip = slip_of(facts, row.number, sentences, is_copy=row.printed > 0)
        data = _data(slip, PrintedAs(form))
        # Written before it is noted: where the paper is out, the next one is no copy.
        if out is not None:
            _write(out, data)
        elif not as_json:
            sys.stdout.write(data.decode())
        row.printed += 1
        session.add(row)
        told = {
            "number": row.number,
            "kind": facts.kind,
            "copy": row.printed > 1,
            "language": sentences.language,
            "out": None if out is None else str(out),
            "facts": msgspec.to_builtins(facts),
            "text": text_of(slip),
        }
    if as_json:
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    elif out is not None:
        sys.stdout.write(f"receipt {told['number']}: {out}\n")
    return Exit.DONE


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
