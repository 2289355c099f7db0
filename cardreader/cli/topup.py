"""`relance-kiosk topup`: a payment, from the ledger onto the card."""

import secrets
import sys
from typing import Annotated, Any, Final

import msgspec
import typer

from cardreader.cli.desk import NEXT_STEP, MeansOption, Mood, Station, kiosk_at_work, moment, port_of, receive
from cardreader.cli.options import (
    PRACTICE_SEED,
    Generation,
    Json,
    KioskHomeOption,
    Practice,
    Reader,
    StoreFile,
)
from cardreader.cli.printing import PrinterOption, printed_or_warned, wanted_printer
from cardreader.kiosk.desk import CardAtDesk, Kiosk
from cardreader.kiosk.ledger import epoch_now
from cardreader.kiosk.paying import Paid, top_up
from cardreader.kiosk.ports import TerminalMood
from cardreader.kiosk.receiving import payment_receipt
from cardreader.kiosk.rules import PaymentClaim, PaymentState, eur, is_with_office
from cardreader.kiosk.voiding import find_payment
from cardreader.readers.opening import open_card
from protocols.arguments import read_name, read_payment
from protocols.documents.till_receipts import PaymentMeans
from protocols.errors import InputError, RefusedError, RelanceError, quoted
from protocols.limits import TOP_UP_EUR_MAX, TOP_UP_EUR_MIN
from protocols.rim.terminal import Exit, warn
from protocols.units import UEUR_PER_EUR

_ID_BYTES: Final = 4


def top_up_card(
    reader: Reader,
    amount: Annotated[str, typer.Option("--eur", metavar="EUR", help="The amount, such as 20.")],
    payment: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Of the payment; the same id is the same payment."),
    ] = None,
    means: MeansOption = PaymentMeans.CASH,
    terminal: Mood = TerminalMood.APPROVE,
    printer: PrinterOption = None,
    home: KioskHomeOption = None,
    store: StoreFile = None,
    station: Station = "kiosk",
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    *,
    again: Annotated[
        bool, typer.Option("--again", help="It was paid before, and this kiosk has forgotten it.")
    ] = False,
    new: Annotated[bool, typer.Option("--new", help="Its money has just been handed over.")] = False,
    as_json: Json = False,
) -> int:
    """Take a payment for a card's meter, and put its statement onto the card.

    It is booked before the card is touched. Where the card or the terminal went away meanwhile, the same
    command with the same --id makes it good. A kiosk whose store was put back to an earlier copy finds money
    that it had forgotten, and asks whether the payment is --again or --new. The card also takes what waits
    for its meter. Ends with 1 for a card that belongs to no household, and beyond a limit of this kiosk.
    """
    amount_ueur, place = read_amount(amount), wanted_printer(printer)
    claim = _claim(payment, again=again, new=new)
    name = read_name(f"p-{secrets.token_hex(_ID_BYTES)}" if payment is None else payment, "--id")
    with (
        kiosk_at_work(home, practice, generation, store=store, reader=reader, station=station) as kiosk,
        open_card(reader) as channel,
    ):
        port = port_of(kiosk, means, terminal)
        card = receive(kiosk, channel)
        try:
            paid = top_up(kiosk, card, name, amount_ueur, port, moment(), claim)
        except (RelanceError, KeyboardInterrupt):
            warn_of_open(kiosk, name)
            raise
        number = payment_receipt(kiosk, card, paid)
        is_printed = printed_or_warned(kiosk, number, place)
    _tell({**paid_fields(card, paid, number), "printed": is_printed}, as_json=as_json)
    return Exit.DONE


def _claim(payment: str | None, *, again: bool, new: bool) -> PaymentClaim:
    """What is said of the payment. An id that is drawn here cannot have been used before."""
    if again and (new or payment is None):
        raise InputError(f"--again: {'with --new' if new else 'without --id'}; allowed: with --id alone")
    if again:
        return PaymentClaim.AGAIN
    return PaymentClaim.NEW if new or payment is None else PaymentClaim.UNSAID


def warn_of_open(kiosk: Kiosk, payment: str) -> None:
    """Says that money is here which is not on the card yet."""
    try:
        row = find_payment(kiosk, payment)
    except RefusedError:
        return  # it was not booked: nothing was taken
    if is_with_office(row.state, row.epoch, epoch_now(kiosk.home)):
        return  # no command here finishes it, as the refusal says
    if row.state in (PaymentState.TAKEN, PaymentState.WRITTEN):
        warn([f"payment {payment} is booked, and not on the card: repeat the command with --id {payment}"])


def paid_fields(card: CardAtDesk, paid: Paid, receipt: int) -> dict[str, Any]:
    """A payment that lies on a card, as values."""
    return {
        "card": card.serial,
        "meter": card.meter,
        "payment": paid.payment.id,
        "amount_ueur": paid.payment.amount_ueur,
        "did": "written" if paid.is_new else "repeated",
        "issuer": paid.statement.purse.issuer,
        "epoch": paid.statement.purse.epoch,
        "number": paid.statement.number,
        "total_ueur": paid.statement.total_ueur,
        "slot": paid.written.slot.name,
        "state": paid.payment.state,
        "means": paid.payment.means,
        "receipt": receipt,
        "left_out": [each.why for each in paid.written.left_out],
    }


def _tell(told: dict[str, Any], *, as_json: bool) -> None:
    if told["left_out"] and not as_json:
        warn([f"{len(told['left_out'])} other documents do not fit onto the card: {told['left_out'][0]}"])
    sentence = (
        f"payment {told['payment']}: {eur(told['amount_ueur'])} for meter {told['meter']}, in all "
        f"{eur(told['total_ueur'])}, on the card; {NEXT_STEP}"
    )
    sys.stdout.write((msgspec.json.encode(told).decode() if as_json else sentence) + "\n")


def read_amount(text: str) -> int:
    """An amount that may be paid, in micro-euro. Raises InputError."""
    amount_ueur = read_payment(text)
    if not TOP_UP_EUR_MIN * UEUR_PER_EUR <= amount_ueur <= TOP_UP_EUR_MAX * UEUR_PER_EUR:
        raise InputError(f"--eur: {quoted(text)}; allowed: {TOP_UP_EUR_MIN} to {TOP_UP_EUR_MAX}")
    return amount_ueur
