"""`relance topup`: book a payment, and send its statement to the meter (design §4.3)."""

from typing import Annotated

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.options import Meter
from controller.faces.cli.order_status import order_fields, print_status
from controller.faces.cli.showing import print_json, print_lines
from controller.payments.acts import top_up
from protocols.arguments import read_name, read_payment
from protocols.documents.kind_rule import Kind
from protocols.limits import TEXT_CHARS_MAX
from protocols.rim.terminal import Exit
from protocols.units import UEUR_PER_EUR
from protocols.words.en.amounts import eur

_UEUR_PER_CENT = UEUR_PER_EUR // 100


def top_up_one(
    face: Face,
    meter: Meter,
    *,
    amount_eur: Annotated[str, typer.Option("--eur", metavar="AMOUNT", help="In euro, such as 20.00.")],
    payment_id: Annotated[
        str, typer.Option("--id", metavar="X", help="The payment's own id: the same id is the same payment.")
    ],
) -> int:
    """Book a payment and send it to a meter as a statement. One person is enough.

    Repeat the command with the same id to see the status of the payment: it is not booked twice.
    """
    read_name(meter, "METER")
    amount_ueur = read_payment(amount_eur)
    read_name(payment_id, "--id")
    with face.acting(Kind.PAYMENT, (meter,), basis=f"payment {payment_id}"[:TEXT_CHARS_MAX]) as act:
        topped_up = top_up(act, payment_id, meter, amount_ueur)
    paid = topped_up.payment
    service = face.check_served(topped_up.status)
    if face.as_json:
        payment = {
            "id": payment_id,
            "meter": meter,
            "new": topped_up.is_new,
            "amount_cents": paid.amount_ueur // _UEUR_PER_CENT,
            "amount_ueur": paid.amount_ueur,
            "number": paid.number,
            "total_ueur": paid.total_ueur,
        }
        print_json({"payment": payment, "order": order_fields(topped_up.status), **service})
        return Exit.DONE
    booked = "booked" if topped_up.is_new else "booked already"
    print_lines(f"Payment {payment_id} of {eur(paid.amount_ueur)} EUR is {booked}.")
    print_status(topped_up.status, face.zone)
    return Exit.DONE
