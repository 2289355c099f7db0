"""`relance topup`: a payment becomes a statement for one meter, credited exactly once (design §4.3)."""

from collections.abc import Sequence
from typing import Annotated

import typer

from controller.database.engine import reading
from controller.database.tables import PaymentRow
from controller.faces.cli.acting import Clerk, act, check_known
from controller.faces.cli.options import ZONE_DEFAULT, As, Database, Home, Json, Meter, Zone
from controller.faces.cli.order_words import order_fields, tell
from controller.faces.cli.showing import eur, print_json, say
from controller.office.desk import open_desk
from controller.orders.drafting import payment_statement
from controller.orders.standing import standing_of
from controller.orders.store import get_order
from controller.payments.store import Booked, attach, draw_statement
from protocols.arguments import read_name, read_payment
from protocols.cutting.zones import load_zone
from protocols.documents.orders import Kind, Order
from protocols.errors import InputError
from protocols.limits import TEXT_CHARS_MAX
from protocols.rim.terminal import Exit
from protocols.units import UEUR_PER_EUR

_UEUR_PER_CENT = UEUR_PER_EUR // 100


def top_up(
    meter: Meter,
    *,
    amount_eur: Annotated[str, typer.Option("--eur", metavar="AMOUNT", help="In euro, such as 20.00.")],
    payment_id: Annotated[
        str, typer.Option("--id", metavar="X", help="The payment's own id: the same id is the same payment.")
    ],
    by: As = None,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Book a payment and send it to a meter as a statement. One person is enough.

    Repeating the command with the same id books nothing twice: it shows what became of the payment.
    """
    read_name(meter, "METER")
    amount_ueur = read_payment(amount_eur)
    read_name(payment_id, "--id")
    place = load_zone(zone, "--zone")
    booked: list[Booked] = []

    def draft(clerk: Clerk) -> list[Order]:
        found = draw_statement(
            clerk.session, payment_id, meter, amount_ueur, clerk.by, clerk.now_ms, basis=clerk.basis
        )
        booked.append(found)
        if found.sheet is None:
            return []
        paid = found.payment
        return [payment_statement(found.sheet, meter, paid.issuer, paid.number, paid.total_ueur)]

    def tie(clerk: Clerk, orders: Sequence[Order]) -> None:
        for order in orders:
            attach(clerk.session, payment_id, order.id)

    with open_desk(home, database) as desk:
        check_known(desk, (meter,))
        act(desk, Kind.PAYMENT, by, f"payment {payment_id}"[:TEXT_CHARS_MAX], draft, tie)
        with reading(desk.store) as session:
            row = session.get(PaymentRow, payment_id)
            assert row is not None, payment_id
            if row.order_id is None:
                raise InputError(f"payment {payment_id}: was booked elsewhere and has no statement here")
            standing = standing_of(session, get_order(session, row.order_id), desk.root)
    paid, is_new = booked[0].payment, booked[0].sheet is not None
    if as_json:
        payment = {
            "id": payment_id,
            "meter": meter,
            "new": is_new,
            "amount_cents": paid.amount_ueur // _UEUR_PER_CENT,
            "amount_ueur": paid.amount_ueur,
            "number": paid.number,
            "total_ueur": paid.total_ueur,
        }
        print_json({"payment": payment, "order": order_fields(standing)})
        return Exit.DONE
    say(f"Payment {payment_id} of {eur(paid.amount_ueur)} EUR is {'booked' if is_new else 'booked already'}.")
    tell(standing, place)
    return Exit.DONE
