"""`relance flag`: one person sets a household's flag, two clear it; which are set, which the file says."""

from collections.abc import Sequence
from typing import Annotated, Final

import typer
from msgspec import to_builtins

from controller.faces.cli.face import Face
from controller.faces.cli.options import Meter, Wide
from controller.faces.cli.showing import instants, moment, print_json, print_lines, print_table
from controller.faces.cli.verbs import ACTING, LOOKING, verb
from controller.households.acts import clear_household_flag, set_household_flag
from controller.households.flags_due import FLAGS_AT_ONCE, FlagDue, flags_due, order_due
from controller.households.views import FlagView, ForgottenFlag, list_flags, list_forgotten_flags
from controller.meters.registry import check_known
from controller.orders.status import OrderStatus
from protocols.arguments import check_choice, read_name
from protocols.documents.kind_rule import Kind
from protocols.reasons import FlagName
from protocols.rim.terminal import Exit

app = typer.Typer(no_args_is_help=True, help="Set, clear and list households' flags.")

_DUE_HEADS: Final = ("meter", "EAN", "flag", "state")
_DUE: Final = {True: "no order sets it", False: "its meter has never spoken"}
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


@verb(app, "clear", "flag clear m00042 medical --as anna", "orders sign o000009 --as bert", shares=ACTING)
def clear_one(face: Face, meter: Meter, name: Name) -> int:
    """Clear a household's flag. Two different people must sign; this command signs first."""
    read_name(meter, "METER")
    flag = _flag(name)
    with face.acting(Kind.CLEAR_FLAG, (meter,)) as act:
        status = clear_household_flag(act, meter, flag)
    return face.show(status)


@verb(app, "list", "flag list", "flag list m00042 --json", shares=LOOKING)
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
    face.note_access("flag list", [each.meter for each in flags])
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


@verb(app, "due", "flag due", "flag due --order --basis 'file of 1 December'", shares=ACTING)
def due(
    face: Face,
    *,
    order: Annotated[bool, typer.Option("--order", help="Set them all. One person is enough.")] = False,
) -> int:
    """List the flags that the DSO's file says and that no order sets: so far they protect nobody.

    `--order` sets them at meters that have spoken; those of others wait until theirs has. Ends with 1 when
    no flag is due.
    """
    with face.office.reading() as session:
        found = flags_due(session, face.now_ms())
    face.note_access("flag due", [each.meter for each in found])
    statuses: list[OrderStatus] = []
    spoken = [each for each in found if each.spoken]
    if order and spoken:
        with face.acting(Kind.SET_FLAG) as act:
            statuses += order_due(act, spoken[:FLAGS_AT_ONCE])
        for start in range(FLAGS_AT_ONCE, len(spoken), FLAGS_AT_ONCE):
            with face.again(act) as further:
                statuses += order_due(further, spoken[start : start + FLAGS_AT_ONCE])
    service = face.check_served(*statuses)
    if face.as_json:
        ids = [each.order.id for each in statuses]
        print_json({"due": to_builtins(found), "ordered": ids} | service)
    else:
        _tell_due(found, statuses, ordered=order)
    return Exit.DONE if found else Exit.NO


def _tell_due(found: Sequence[FlagDue], statuses: Sequence[OrderStatus], *, ordered: bool) -> None:
    if not found:
        print_lines("No flag is due: an order sets each flag of the file.")
    elif ordered:
        silent = sum(1 for each in found if not each.spoken)
        if statuses:
            first, last = statuses[0].order.id, statuses[-1].order.id
            print_lines(f"Flags ordered: {len(statuses)}, by orders {first} to {last}.")
        if silent:
            print_lines(f"Flags that wait until their meter has spoken: {silent}.")
    else:
        rows = [(each.meter, each.ean, each.flag, _DUE[each.spoken]) for each in found]
        print_table("", _DUE_HEADS, rows)


def _flag(name: str) -> FlagName:
    check_choice(name, FlagName, "NAME")
    return FlagName(name)
