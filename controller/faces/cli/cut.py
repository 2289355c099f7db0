"""`relance cut`: a planned cut of named meters; two people order it, one cancels it."""

from typing import Annotated

import typer

from controller.faces.cli.acting import Clerk
from controller.faces.cli.examples import examples
from controller.faces.cli.options import ZONE_DEFAULT, As, Basis, Database, Home, Json, Meters, Since, Zone
from controller.faces.cli.performing import Manner, perform
from controller.orders.drafting import cancel_cut, cut_order
from controller.orders.planning import check_plan
from protocols.arguments import read_name, read_names, read_span
from protocols.cutting.cut_calendar import Window
from protocols.documents.orders import Kind, Order
from protocols.errors import InputError
from protocols.limits import SCOPE_METERS_MAX
from protocols.rim.clocks import now_ms
from protocols.rim.terminal import warn

app = typer.Typer(no_args_is_help=True, help="Order and cancel planned cuts.")

Name = Annotated[str, typer.Option("--name", metavar="NAME", help="The cut's name, to cancel it by.")]


@app.command(
    "order",
    epilog=examples(
        "cut order m00042 m00043 --name debts --from 2026-07-06T10:00+02:00 --until 2026-07-06T14:00+02:00",
        "orders sign o000011 --as bart",
    ),
)
def order_cut(
    meters: Meters,
    *,
    name: Name,
    until: Annotated[str, typer.Option(metavar="T", help="The cut happens before this instant.")],
    since: Since = None,
    basis: Basis = "",
    by: As = None,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Order a cut of these meters, inside this interval and inside their cut calendar.

    Two different people sign: this is the first. A plan that would harm is refused in words: on a Friday
    evening, before a weekend or holiday, outside office hours, more than the offices can serve.
    """
    span_ms = read_span(since, until, now_ms())
    read_name(name, "--name")
    addressed = _addressed(meters)
    warn(check_plan(f"cut/{name}", [Window(*span_ms)], meters=len(addressed)))

    def draft(clerk: Clerk) -> list[Order]:
        return [cut_order(clerk.sheet(Kind.CUT_ORDER, name), name, addressed, span_ms)]

    return perform(Kind.CUT_ORDER, Manner(by, basis, zone, home, database, as_json), draft, addressed)


@app.command("cancel", epilog=examples("cut cancel m00042 m00043 --name debts"))
def cancel(
    meters: Meters,
    *,
    name: Name,
    basis: Basis = "",
    by: As = None,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Cancel a planned cut for these meters, whether it has reached them or not. One person is enough."""
    read_name(name, "--name")
    addressed = _addressed(meters)

    def draft(clerk: Clerk) -> list[Order]:
        return [cancel_cut(clerk.sheet(Kind.CANCEL_CUT, name), name, addressed)]

    return perform(Kind.CANCEL_CUT, Manner(by, basis, zone, home, database, as_json), draft, addressed)


def _addressed(meters: list[str]) -> tuple[str, ...]:
    addressed = read_names(meters, "METER")
    if len(addressed) > SCOPE_METERS_MAX:
        raise InputError(f"METER: {len(addressed)} given; allowed: 1 to {SCOPE_METERS_MAX}, in one order")
    return addressed
