"""`relance flag`: a household's flag; one person sets it, two clear it; and the flags that are set."""

from typing import Annotated

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.options import Meter, Wide
from controller.faces.cli.showing import instants, moment, print_json, print_lines, print_table
from controller.faces.cli.verbs import ACTING, verb
from controller.households.acts import clear_household_flag, set_household_flag
from controller.households.views import FlagView, ForgottenFlag, list_flags, list_forgotten_flags
from controller.meters.registry import check_known
from protocols.arguments import check_choice, read_name
from protocols.documents.kind_rule import Kind
from protocols.reasons import FlagName
from protocols.rim.terminal import Exit

app = typer.Typer(no_args_is_help=True, help="Set, clear and list households' flags.")

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


@verb(app, "list", "flag list", "flag list m00042 --json")
def list_set(
    face: Face,
    meter: Annotated[str | None, typer.Argument(metavar="[METER]", help="Only this meter's.")] = None,
    *,
    wide: Wide = False,
) -> int:
    """List the flags that protect households, and how far each has come.

    Where meters know a flag by a number that this store never gave, that is said too.
    """
    zone = face.zone
    named = None if meter is None else read_name(meter, "METER")
    with face.office.reading() as session:
        check_known(session, () if named is None else (named,))
        flags = list_flags(session, named)
        forgotten = [] if named else list_forgotten_flags(session)
    if face.as_json:
        print_json({"flags": [_fields(each) for each in flags], "not_in_this_store": forgotten})
        return Exit.DONE
    if not flags:
        print_lines("No flag is set.")
    else:
        rows = [
            (
                each.meter,
                each.flag,
                moment(each.from_ms, zone, wide=wide),
                each.order_id,
                each.by,
                each.delivery,
                each.basis,
            )
            for each in flags
        ]
        heads = ("meter", "flag", "since", "order", "by", "delivery", "basis")
        print_table("", heads, rows, wraps=("basis",))
    print_lines(*map(_forgotten, forgotten))
    return Exit.DONE


def _forgotten(each: ForgottenFlag) -> str:
    who = "1 meter knows" if each.meters == 1 else f"{each.meters} meters know"
    return (
        f"{who} flag {each.flag} by number {each.number}, which this store has not given: a household may be"
        " protected by it, or no more. Set it again where it must stand."
    )


def _fields(each: FlagView) -> dict[str, object]:
    return {
        "meter": each.meter,
        "flag": each.flag,
        **instants(since=each.from_ms),
        "order": each.order_id,
        "by": each.by,
        "basis": each.basis,
        "delivery": each.delivery,
    }


def _flag(name: str) -> FlagName:
    check_choice(name, FlagName, "NAME")
    return FlagName(name)
