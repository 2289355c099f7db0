"""`relance flag`: a household's flag; one person sets it, two clear it."""

from typing import Annotated

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.options import Meter
from controller.faces.cli.verbs import ACTING, verb
from controller.households.acts import clear_household_flag, set_household_flag
from protocols.arguments import check_choice, read_name
from protocols.documents.kind_rule import Kind
from protocols.reasons import FlagName

app = typer.Typer(no_args_is_help=True, help="Set and clear a household's flags.")

Name = Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(FlagName)}.")]


@verb(app, "set", "flag set m00042 medical --basis 'certificate of 12 June'", shares=ACTING)
def set_one(face: Face, meter: Meter, name: Name) -> int:
    """Protect a household. One person is enough.

    medical and dispute forbid every cut; protected engages the limiter instead, where the meter has one.
    """
    read_name(meter, "METER")
    flag = _flag(name)
    with face.acting(Kind.SET_FLAG, (meter,)) as act:
        status = set_household_flag(act, meter, flag)
    return face.show(status)


@verb(app, "clear", "flag clear m00042 medical --as anne", "orders sign o000009 --as bart", shares=ACTING)
def clear_one(face: Face, meter: Meter, name: Name) -> int:
    """Clear a household's flag. Two different people must sign; this command signs first."""
    read_name(meter, "METER")
    flag = _flag(name)
    with face.acting(Kind.CLEAR_FLAG, (meter,)) as act:
        status = clear_household_flag(act, meter, flag)
    return face.show(status)


def _flag(name: str) -> FlagName:
    check_choice(name, FlagName, "NAME")
    return FlagName(name)
