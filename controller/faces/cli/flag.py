"""`relance flag`: a household's flag; one person sets it, two clear it."""

from typing import Annotated, cast, get_args

import typer

from controller.faces.cli.acting import Clerk
from controller.faces.cli.examples import examples
from controller.faces.cli.options import ZONE_DEFAULT, As, Basis, Database, Home, Json, Meter, Zone
from controller.faces.cli.performing import Manner, perform
from controller.orders.drafting import FlagName, clear_flag, set_flag
from protocols.arguments import check_choice, read_name
from protocols.documents.orders import Kind, Order

app = typer.Typer(no_args_is_help=True, help="Set and clear a household's flags.")

Name = Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(get_args(FlagName))}.")]


@app.command("set", epilog=examples("flag set m00042 medical --basis 'certificate of 12 June'"))
def set_one(
    meter: Meter,
    name: Name,
    *,
    basis: Basis = "",
    by: As = None,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Protect a household: with a flag set its meter is never cut. One person is enough."""
    read_name(meter, "METER")
    flag = _flag(name)

    def draft(clerk: Clerk) -> list[Order]:
        return [set_flag(clerk.sheet(Kind.SET_FLAG, flag), meter, flag)]

    return perform(Kind.SET_FLAG, Manner(by, basis, zone, home, database, as_json), draft, (meter,))


@app.command("clear", epilog=examples("flag clear m00042 medical --as anne", "orders sign o000009 --as bart"))
def clear_one(
    meter: Meter,
    name: Name,
    *,
    basis: Basis = "",
    by: As = None,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Take a household's flag away. Two different people sign: this is the first."""
    read_name(meter, "METER")
    flag = _flag(name)

    def draft(clerk: Clerk) -> list[Order]:
        return [clear_flag(clerk.sheet(Kind.CLEAR_FLAG, flag), meter, flag)]

    return perform(Kind.CLEAR_FLAG, Manner(by, basis, zone, home, database, as_json), draft, (meter,))


def _flag(name: str) -> FlagName:
    check_choice(name, get_args(FlagName), "NAME")
    return cast("FlagName", name)
