"""`relance-kiosk void`: a payment is taken back, or a refund is asked for."""

import sys
from contextlib import ExitStack
from typing import Annotated

import msgspec
import typer

from cardreader.cli.desk import MeansOption, Mood, Station, kiosk_at_work, kiosk_now_ms, port_of, receive
from cardreader.cli.interrupts import saying_at_ctrl_c
from cardreader.cli.options import PRACTICE_SEED, Generation, Json, KioskHomeOption, Practice, StoreFile
from cardreader.kiosk.ports import TerminalMood
from cardreader.kiosk.receiving import undone_receipt
from cardreader.kiosk.rules import PaymentState, eur
from cardreader.kiosk.voiding import Undone, find_payment, void
from cardreader.readers.opening import open_card
from protocols.arguments import read_name
from protocols.documents.till_receipts import PaymentMeans, RefundStanding
from protocols.rim.terminal import Exit

_BACK = {
    PaymentMeans.CASH: "give {amount} back in cash",
    PaymentMeans.TERMINAL: "the terminal has given {amount} back to the bank card: give no cash",
}
_SAID = {
    PaymentState.DECLINED: "cancelled: nothing was taken",
    PaymentState.REFUND: "a refund of {amount} is noted: the office decides, give nothing back now",
}

_OFFICE = {
    RefundStanding.OWED: "a refund of {amount} is with the office: give nothing back now",
    RefundStanding.PAID: "the office has paid {amount} back: give nothing back",
    RefundStanding.REJECTED: "the office has refused to pay {amount} back: the meter keeps it",
}


def void_payment(
    payment: Annotated[str, typer.Option("--id", metavar="ID", help="The payment.")],
    reader: Annotated[
        str | None,
        typer.Option(metavar="NAME|virtual:FILE", help="The card that has it; needed once it may be on one."),
    ] = None,
    means: MeansOption = PaymentMeans.CASH,
    terminal: Mood = TerminalMood.APPROVE,
    home: KioskHomeOption = None,
    store: StoreFile = None,
    station: Station = "kiosk",
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    *,
    refund: Annotated[
        bool, typer.Option("--refund", help="Where it cannot be voided: ask the office to pay it back.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Take a payment back, before its meter has it.

    Freely until a card may have it; then only with that card, which nobody has opened since, by a later
    statement without it. Else --refund notes it for the office. Repeated it goes on where it was. Ends with 1
    where it can be neither.
    """
    name = read_name(payment, "--id")
    with ExitStack() as stack:
        stack.enter_context(saying_at_ctrl_c(f"stopped: `void --id {name}` again goes on where it was"))
        kiosk = stack.enter_context(
            kiosk_at_work(
                home, practice, generation, store=store, reader=reader or "", station=station, make=False
            )
        )
        channel = None if reader is None else stack.enter_context(open_card(reader))
        find_payment(kiosk, name)
        card = None if channel is None else receive(kiosk, channel)
        port = port_of(kiosk, means, terminal)
        undone = void(kiosk, name, card, port, kiosk_now_ms(kiosk), refund=refund)
        receipt = None
        if undone.payment.state != PaymentState.DECLINED:
            receipt = undone_receipt(kiosk, undone)
    row = undone.payment
    told = {
        "payment": row.id,
        "meter": row.meter,
        "amount_ueur": row.amount_ueur,
        "state": row.state,
        "way": undone.way,
        "did": "done" if undone.is_new else "repeated",
        "receipt": receipt,
        "office": undone.office or None,
    }
    sentence = f"payment {row.id} for meter {row.meter}: {_said(undone)}"
    sys.stdout.write((msgspec.json.encode(told).decode() if as_json else sentence) + "\n")
    return Exit.DONE


def _said(undone: Undone) -> str:
    """What became of the payment, and by which means its money goes back."""
    row = undone.payment
    if undone.office:
        said = _OFFICE[RefundStanding(undone.office)]
    elif row.state != PaymentState.VOIDED:
        said = _SAID[PaymentState(row.state)]
    elif undone.is_new or row.means == PaymentMeans.TERMINAL:
        said = f"voided: {_BACK[PaymentMeans(row.means)]}"
    else:
        said = "was voided before: give {amount} back in cash only if that was not done then"
    return said.format(amount=eur(row.amount_ueur))
