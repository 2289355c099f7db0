"""`relance-kiosk find` and `queue`: payments and cards that this kiosk knows, and what is to be done yet."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
import typer
from sqlmodel import Session

from cardreader.cli.desk import kiosk_at_work
from cardreader.cli.options import PRACTICE_SEED, Generation, Json, KioskHomeOption, Practice, StoreFile
from cardreader.files.identity import is_reference
from cardreader.kiosk.ledger import epoch_now, open_payments
from cardreader.kiosk.rules import PaymentState, eur, is_with_office
from cardreader.kiosk.searching import Sought, find, refund_told
from cardreader.kiosk.store import reading_kiosk
from cardreader.kiosk.tables import CardSeenRow, TakenPaymentRow
from protocols.arguments import read_name
from protocols.errors import InputError, quoted
from protocols.instants import iso_or_none
from protocols.rim.terminal import Exit

_LIMIT_MAX: Final = 10_000
_TODO: Final = {
    PaymentState.ASKED: "ask the terminal: `topup` with the same --id, or `void`",
    PaymentState.CANCELLING: "finish it: `void`",
    PaymentState.TAKEN: "write the card: `topup` with the same --id, or `void`",
    PaymentState.WRITTEN: "write the card again: `topup` with the same --id",
    PaymentState.VOIDING: "finish it: `void` with the card, or `topup` with the same --id",
}
_WITH_OFFICE: Final = (
    "its epoch is closed: `topup` with the same --id and its card, and where that is refused "
    "`void --refund`: the office sees whether the meter has it"
)


def find_household(
    meter: Annotated[str, typer.Option(metavar="METER", help="The meter.")] = "",
    card: Annotated[str, typer.Option(metavar="HEX", help="The card's serial number.")] = "",
    reference: Annotated[str, typer.Option(metavar="DIGITS", help="The customer's 13 digits.")] = "",
    payment: Annotated[str, typer.Option(metavar="ID", help="A payment.")] = "",
    home: KioskHomeOption = None,
    store: StoreFile = None,
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    limit: Annotated[int, typer.Option(min=1, max=_LIMIT_MAX, help="At most so many of each.")] = 50,
    *,
    as_json: Json = False,
) -> int:
    """Find what this kiosk knows of a household, also where its card is lost.

    It asks nobody else: what other kiosks and the office know, the office says. Ends with 1 where it knows
    nothing.
    """
    sought = Sought(
        meter and read_name(meter, "--meter"),
        card.lower(),
        reference,
        payment and read_name(payment, "--payment"),
    )
    if not any(sought):
        raise InputError("allowed: --meter, --card, --reference or --payment")
    if reference and not is_reference(reference):
        raise InputError(f"--reference: {quoted(reference)}; allowed: 13 digits")
    with (
        kiosk_at_work(home, practice, generation, store=store, make=False) as kiosk,
        reading_kiosk(kiosk.engine) as session,
    ):
        found = find(session, sought, limit)
        lines = [(_card_fields(each), _card_text(each)) for each in found.cards]
        epoch = epoch_now(kiosk.home)
        lines += [_with_refund(session, each, epoch) for each in found.payments]
    _write(lines, as_json=as_json)
    if not lines and not as_json:
        sys.stdout.write("this kiosk knows nothing of it\n")
    return Exit.DONE if lines else Exit.NO


def _with_refund(session: Session, row: TakenPaymentRow, epoch: int | None) -> tuple[dict[str, Any], str]:
    """A payment, with how far the office is with its refund."""
    told = refund_told(session, row)
    fields, text = payment_fields(row, epoch), payment_text(row, epoch)
    if told is None:
        return {**fields, "office": None}, text
    return {**fields, "office": told.standing}, f"{text}; the office: {told.standing}"


def show_queue(
    home: KioskHomeOption = None,
    store: StoreFile = None,
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Say which payments are open, and what finishes each.

    Ends with 0 also where there is none.
    """
    with (
        kiosk_at_work(home, practice, generation, store=store, make=False) as kiosk,
        reading_kiosk(kiosk.engine) as session,
    ):
        rows, epoch = open_payments(session), epoch_now(kiosk.home)
        lines = [(payment_fields(each, epoch), payment_text(each, epoch)) for each in rows]
    _write(lines, as_json=as_json)
    if not lines and not as_json:
        sys.stdout.write("no payment is open\n")
    return Exit.DONE


def payment_fields(row: TakenPaymentRow, epoch: int | None) -> dict[str, Any]:
    """A payment as values, for programs. `epoch`: that of the kiosk's issuer (`ledger.epoch_now`)."""
    return {
        "payment": row.id,
        "state": row.state,
        "amount_ueur": row.amount_ueur,
        "means": row.means,
        "meter": row.meter,
        "card": row.card,
        "reference": row.reference,
        "issuer": row.issuer,
        "epoch": row.epoch,
        "number": row.number,
        "total_ueur": row.total_ueur,
        "clerk": row.clerk,
        "shift": row.shift,
        "at": iso_or_none(row.asked_ms),
        "todo": _todo(row, epoch),
    }


def _todo(row: TakenPaymentRow, epoch: int | None) -> str | None:
    if is_with_office(row.state, row.epoch, epoch):
        return _WITH_OFFICE
    return _TODO.get(PaymentState(row.state))


def payment_text(row: TakenPaymentRow, epoch: int | None) -> str:
    """A payment as a line, for people; `epoch` as in `payment_fields`."""
    todo = _todo(row, epoch)
    said = f"payment {row.id}: {eur(row.amount_ueur)} for meter {row.meter}, {row.means}, {row.state}"
    return f"{said}, {iso_or_none(row.asked_ms)}" + (f"; {todo}" if todo else "")


def _card_fields(row: CardSeenRow) -> dict[str, Any]:
    return {
        "card": row.serial,
        "meter": row.meter,
        "pairing": row.pairing,
        "reference": row.reference,
        "seen": iso_or_none(row.seen_ms),
    }


def _card_text(row: CardSeenRow) -> str:
    reference = f", reference {row.reference}" if row.reference else ""
    return (
        f"card {row.serial} of meter {row.meter or 'nobody'}, pairing epoch {row.pairing}{reference}, "
        f"last here {iso_or_none(row.seen_ms)}"
    )


def _write(lines: Sequence[tuple[dict[str, Any], str]], *, as_json: bool) -> None:
    for fields, text in lines:
        sys.stdout.write((msgspec.json.encode(fields).decode() if as_json else text) + "\n")
