"""`relance-kiosk shift open|close|status`: one clerk at a time, and the cash-up at the end."""

import sys
from typing import Annotated, Any

import msgspec
import typer

from cardreader.cli.app import PROGRAM
from cardreader.cli.desk import kiosk_at_work, kiosk_now_ms
from cardreader.cli.options import PRACTICE_SEED, Generation, Json, KioskHomeOption, Practice, StoreFile
from cardreader.kiosk.cash import read_cash
from cardreader.kiosk.ledger import open_payments
from cardreader.kiosk.receiving import cash_up_receipt
from cardreader.kiosk.rules import eur
from cardreader.kiosk.shifts import Takings, close_shift, open_shift, shift_now, takings_of
from cardreader.kiosk.store import reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import ShiftRow
from protocols.arguments import check_choice, read_name
from protocols.errors import RefusedError
from protocols.instants import iso_or_none
from protocols.reasons import Language
from protocols.rim.commands import examples
from protocols.rim.terminal import Exit, warn

shift_app = typer.Typer(name="shift", help="Open and close a clerk's shift.", no_args_is_help=True)


@shift_app.command(
    "open",
    epilog=examples(PROGRAM, "shift open --home kiosk-1 --clerk anna --language fr --float 100"),
)
def open_clerks_shift(
    clerk: Annotated[str, typer.Option(metavar="NAME", help="Who serves.")],
    language: Annotated[str, typer.Option(help="Of receipts: fr, nl, de or en.")] = Language.FRENCH,
    drawer: Annotated[
        str, typer.Option("--float", metavar="EUR", help="The cash that lies in the drawer.")
    ] = "0",
    home: KioskHomeOption = None,
    store: StoreFile = None,
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Open a shift. A clerk whose shift is open already goes on. Ends with 1 while another's is open."""
    name, float_ueur = read_name(clerk, "--clerk"), read_cash(drawer, "--float")
    check_choice(language, list(Language), "--language")
    with (
        kiosk_at_work(home, practice, generation, store=store, make=True) as kiosk,
        writing_kiosk(kiosk.engine) as session,
    ):
        row, is_new = open_shift(session, name, Language(language), float_ueur, kiosk_now_ms(kiosk))
    told = {**_shift_fields(row), "did": "opened" if is_new else "unchanged"}
    _write(
        told, f"shift {row.number} of {row.clerk} is open" + ("" if is_new else " already"), as_json=as_json
    )
    return Exit.DONE


@shift_app.command("close", epilog=examples(PROGRAM, "shift close --home kiosk-1 --counted 340.50"))
def close_clerks_shift(
    counted: Annotated[str, typer.Option(metavar="EUR", help="The cash that was counted.")],
    home: KioskHomeOption = None,
    store: StoreFile = None,
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Close the shift, and compare the cash that was counted with what is booked.

    A difference is said and kept; it keeps no shift open. Ends with 1 where there is one.
    """
    counted_ueur = read_cash(counted, "--counted")
    with (
        kiosk_at_work(home, practice, generation, store=store, make=False) as kiosk,
        writing_kiosk(kiosk.engine) as session,
    ):
        now_ms = kiosk_now_ms(kiosk)
        row, takings, cash = close_shift(session, counted_ueur, now_ms)
        receipt = cash_up_receipt(session, kiosk, row, takings, cash, now_ms)
        left = len(open_payments(session))
    told = {
        **_shift_fields(row),
        **takings._asdict(),
        "booked_ueur": cash.booked_ueur,
        "counted_ueur": cash.counted_ueur,
        "difference_ueur": cash.difference_ueur,
        "open_payments": left,
        "receipt": receipt,
    }
    _write(told, _closed_text(told), as_json=as_json)
    if left:
        warn([f"{left} payments are open yet: `relance-kiosk queue` names them"])
    return Exit.NO if cash.difference_ueur else Exit.DONE


@shift_app.command("status", epilog=examples(PROGRAM, "shift status --home kiosk-1 --json"))
def show_shift(
    home: KioskHomeOption = None,
    store: StoreFile = None,
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Say whose shift is open, and what it has taken. Ends with 1 where none is."""
    with (
        kiosk_at_work(home, practice, generation, store=store, make=False) as kiosk,
        reading_kiosk(kiosk.engine) as session,
    ):
        row = shift_now(session)
        if row is None or row.number is None:
            raise RefusedError("no shift is open")
        takings = takings_of(session, row.number)
        told = {**_shift_fields(row), **takings._asdict()}
    said = f"shift {told['number']} of {told['clerk']} since {told['opened']}: {_takings_text(takings)}"
    _write(told, said, as_json=as_json)
    return Exit.DONE


def _shift_fields(row: ShiftRow) -> dict[str, Any]:
    return {
        "number": row.number,
        "clerk": row.clerk,
        "language": row.language,
        "opened": iso_or_none(row.opened_ms),
        "closed": None if row.closed_ms is None else iso_or_none(row.closed_ms),
        "float_ueur": row.float_ueur,
    }


def _takings_text(takings: Takings) -> str:
    said = (
        f"{takings.payments} payments, cash in {eur(takings.cash_in_ueur)}, cash out "
        f"{eur(takings.cash_out_ueur)}, terminal {eur(takings.terminal_ueur)}"
    )
    if takings.asked_back_ueur:
        asked, paid = eur(takings.asked_back_ueur), eur(takings.paid_back_ueur)
        said += f", asked of the office {asked} (it has paid {paid})"
    return said


def _closed_text(told: dict[str, Any]) -> str:
    difference = told["difference_ueur"]
    drawer = (
        "the drawer is right"
        if not difference
        else (f"{eur(abs(difference))} too {'much' if difference > 0 else 'little'} in the drawer")
    )
    takings = Takings(*(told[name] for name in Takings._fields))
    return (
        f"shift {told['number']} of {told['clerk']} is closed: {_takings_text(takings)}; booked "
        f"{eur(told['booked_ueur'])}, counted {eur(told['counted_ueur'])}: {drawer}"
    )


def _write(told: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    sys.stdout.write((msgspec.json.encode(told).decode() if as_json else sentence) + "\n")
