"""`relance parameters`: a meter's payment mode and groups, as dated versions; two people set them."""

from typing import Annotated

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.options import Meter, Since
from controller.faces.cli.verbs import ACTING, verb
from controller.parameters.acts import set_parameters
from protocols.arguments import check_choice, read_instant, read_name, read_names
from protocols.documents.bodies import ParametersBody
from protocols.documents.kind_rule import Kind
from protocols.limits import REV_MAX
from protocols.reasons import PaymentMode

app = typer.Typer(no_args_is_help=True, help="Set a meter's payment mode and groups, and go back.")


@verb(
    app,
    "set",
    "parameters set m00042 --mode credit --from 2026-07-01T00:00+02:00",
    "parameters set m00042 --group namur --group social --as anna",
    "orders sign o000012 --as bert",
    shares=ACTING,
)
def set_one(
    face: Face,
    meter: Meter,
    *,
    mode: Annotated[
        str | None, typer.Option(metavar="MODE", help="prepaid or credit; else as commissioned.")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A group of the meter; else as commissioned.")
    ] = None,
    since: Since = None,
) -> int:
    """Set the next version of a meter's parameters. Two different people must sign; this command signs first.

    It is in force once its date has surely come by the meter's own clock. A version says everything: what it
    leaves out is as the meter was commissioned. On credit a meter never cuts for credit.
    """
    read_name(meter, "METER")
    check_choice(mode, PaymentMode, "--mode")
    groups = None if group is None else read_names(group, "--group")
    body = ParametersBody(_begin_ms(face, since), None if mode is None else PaymentMode(mode), groups)
    with face.acting(Kind.PARAMETERS, (meter,)) as act:
        status = set_parameters(act, meter, body)
    return face.show(status)


@verb(
    app,
    "back",
    "parameters back m00042 --to 3 --as anna",
    "orders sign o000012 --as bert",
    shares=ACTING,
)
def back_one(
    face: Face,
    meter: Meter,
    *,
    version: Annotated[
        int,
        typer.Option("--to", metavar="N", min=0, max=REV_MAX, help="An earlier version; 0: as commissioned."),
    ],
    since: Since = None,
) -> int:
    """Go back to an earlier version, as the next one.

    Two different people must sign; this command signs first. A meter keeps its commissioning and three more
    versions, that in force among them. It refuses a version that it does not hold (`out_of_range`).
    """
    read_name(meter, "METER")
    body = ParametersBody(_begin_ms(face, since), back_to=version)
    with face.acting(Kind.PARAMETERS, (meter,)) as act:
        status = set_parameters(act, meter, body)
    return face.show(status)


def _begin_ms(face: Face, since: str | None) -> int:
    return face.issue_ms() if since is None else read_instant(since, "--from")
