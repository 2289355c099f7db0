"""`relance clock`: settle a disputed clock. Nobody sets a meter's clock; it asks its witnesses."""

from typing import Annotated

import typer

from controller.clocks.acts import settle
from controller.faces.cli.face import Face
from controller.faces.cli.options import Meter
from controller.faces.cli.verbs import ACTING, verb
from protocols.arguments import read_name
from protocols.documents.kind_rule import Kind

app = typer.Typer(no_args_is_help=True, help="Settle a meter's disputed clock.")


@verb(app, "rebase", "clock rebase m00042 --as anna", "orders sign o000012 --as bert", shares=ACTING)
def rebase_one(
    face: Face,
    meter: Meter,
    *,
    nonce: Annotated[
        str | None,
        typer.Option(metavar="NONCE", help="Of the dispute; default: the last that the meter reported."),
    ] = None,
) -> int:
    """Make a meter whose clock is disputed forget its witnesses and ask them again.

    The order carries no time. Two different people must sign; this command signs first. Until the dispute is
    settled the meter cuts nobody.
    """
    read_name(meter, "METER")
    with face.acting(Kind.REBASE, (meter,)) as act:
        status = settle(act, meter, nonce)
    return face.show(status)
