"""`relance clock`: what a person may do about a meter's clock. Nobody sets it: it has witnesses."""

from typing import Annotated

import typer

from controller.faces.cli.acting import Clerk
from controller.faces.cli.examples import examples
from controller.faces.cli.options import ZONE_DEFAULT, As, Basis, Database, Home, Json, Meter, Zone
from controller.faces.cli.performing import Manner, perform
from controller.meters.views import show_meter
from controller.orders.drafting import rebase
from protocols.arguments import read_name
from protocols.documents.orders import Kind, Order
from protocols.errors import RefusedError

app = typer.Typer(no_args_is_help=True, help="Settle a meter's disputed clock.")


@app.command("rebase", epilog=examples("clock rebase m00042 --as anne", "orders sign o000012 --as bart"))
def rebase_one(
    meter: Meter,
    *,
    nonce: Annotated[
        str | None, typer.Option(metavar="NONCE", help="Of the dispute; else the one last reported.")
    ] = None,
    basis: Basis = "",
    by: As = None,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Let a meter whose clock is disputed forget its witnesses and ask them again. It carries no time.

    Two different people sign: this is the first. Until it is settled the meter cuts nobody.
    """
    read_name(meter, "METER")

    def draft(clerk: Clerk) -> list[Order]:
        named = nonce or show_meter(clerk.session, meter).dispute_nonce
        if not named:
            raise RefusedError(f"meter {meter} has reported no dispute: there is nothing to settle")
        return [rebase(clerk.sheet(Kind.REBASE, meter), meter, named)]

    return perform(Kind.REBASE, Manner(by, basis, zone, home, database, as_json), draft, (meter,))
