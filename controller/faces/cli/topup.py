"""`relance topup`: take a payment, and send its statement to the meter (design §4.3)."""

import time
from typing import Annotated, Any, Final

import typer
from msgspec import structs

from controller.faces.cli.face import Face
from controller.faces.cli.options import Meter
from controller.faces.cli.order_status import order_fields, print_status
from controller.faces.cli.presence import look, unserved_in_words
from controller.faces.cli.showing import print_json, print_lines
from controller.payments.acts import ToppedUp, top_up, topped_up
from controller.payments.requests import RequestState
from protocols.arguments import read_name, read_payment
from protocols.documents.kind_rule import Kind
from protocols.limits import TEXT_CHARS_MAX
from protocols.rim.terminal import Exit, warn
from protocols.units import UEUR_PER_EUR
from protocols.words.en.amounts import eur

_UEUR_PER_CENT = UEUR_PER_EUR // 100
# The service books within a tenth of a second where it has heard the meter.
_WAIT_S: Final = 2.0
_POLL_S: Final = 0.05


def top_up_one(
    face: Face,
    meter: Meter,
    *,
    amount_eur: Annotated[str, typer.Option("--eur", metavar="AMOUNT", help="In euro, such as 20.00.")],
    payment_id: Annotated[
        str, typer.Option("--id", metavar="X", help="The payment's own id: the same id is the same payment.")
    ],
    again: Annotated[
        bool | None,
        typer.Option(
            "--again/--new",
            help="Taken before the store was restored from a backup, or since.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Take a payment and send it to a meter as a statement. One person is enough.

    The service books what this command requests, and signs the statement with the controller's own key. Until
    it has heard the meter, or while none serves, the payment is *requested*: it is kept, and booked then.
    Repeat the command with the same id to see the status of the payment: it is not booked twice.

    A store that was restored from a backup has forgotten payments. Enter them again with --again: what a
    meter has credited already is not credited twice. Where such money was found at a meter, one of --again
    and --new is asked for.
    """
    read_name(meter, "METER")
    amount_ueur = read_payment(amount_eur)
    read_name(payment_id, "--id")
    with face.acting(Kind.PAYMENT, (meter,), basis=f"payment {payment_id}"[:TEXT_CHARS_MAX]) as act:
        taken = top_up(act, payment_id, meter, amount_ueur, again=again)
    unserved: str | None = None
    service: dict[str, str] = {}
    if taken.state is RequestState.REQUESTED:
        seen = look(face.office)
        unserved = unserved_in_words(seen)
        service = {"service": seen.presence}
        if unserved is None:
            taken = _wait(face, payment_id, is_new=taken.is_new)
    if taken.status is not None:
        service = face.check_served(taken.status)
    if face.as_json:
        order = None if taken.status is None else order_fields(taken.status)
        print_json({"payment": _fields(payment_id, meter, amount_ueur, taken), "order": order, **service})
        return Exit.DONE
    _print(face, payment_id, amount_ueur, taken)
    if unserved is not None:
        warn([f"{unserved}: payment {payment_id} waits in the store until it serves"])
    return Exit.DONE


def _wait(face: Face, payment_id: str, *, is_new: bool) -> ToppedUp:
    """Wait a moment for the service to book a request."""
    until_s = time.monotonic() + _WAIT_S
    while True:
        with face.office.reading() as session:
            found = topped_up(session, face.office.root, payment_id)
        if found.state is not RequestState.REQUESTED or time.monotonic() >= until_s:
            return structs.replace(found, is_new=is_new)
        time.sleep(_POLL_S)


def _fields(payment_id: str, meter: str, amount_ueur: int, taken: ToppedUp) -> dict[str, Any]:
    paid = taken.payment
    return {
        "id": payment_id,
        "meter": meter,
        "new": taken.is_new,
        "state": taken.state,
        "amount_cents": amount_ueur // _UEUR_PER_CENT,
        "amount_ueur": amount_ueur,
        "number": None if paid is None else paid.number,
        "total_ueur": None if paid is None else paid.total_ueur,
    }


def _print(face: Face, payment_id: str, amount_ueur: int, taken: ToppedUp) -> None:
    again = "" if taken.is_new else " already"
    print_lines(f"Payment {payment_id} of {eur(amount_ueur)} EUR is {taken.state}{again}.")
    if taken.state is RequestState.FOUND:
        print_lines("The meter had credited it already: it was found there after the store was restored.")
    elif taken.state is RequestState.INCLUDED:
        print_lines(
            "It is not booked: it was told as owed when its meter left the fleet. "
            "If nobody was paid that out, take it again under another id."
        )
    elif taken.status is None:
        print_lines("The service books it as soon as it has heard the meter; the same command shows how far.")
    else:
        print_status(taken.status, face.zone)
