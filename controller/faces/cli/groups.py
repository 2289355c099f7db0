"""`relance groups`: which groups of households there are, who is in one, and who comes in or leaves."""

from typing import Annotated, Final

import typer
from msgspec import to_builtins

from controller.faces.cli.behind import WHO_HEADS, household_fields, who_row
from controller.faces.cli.face import Face
from controller.faces.cli.options import LISTED_FOR_PEOPLE, LISTED_FOR_PROGRAMS, Limit, Where
from controller.faces.cli.showing import print_json, print_lines, print_table
from controller.faces.cli.verbs import LOOKING, NAMED, verb
from controller.groups.acts import change_group
from controller.groups.views import FREE, list_groups
from controller.meters.choosing import GROUP_KINDS, METER_FIELDS
from controller.meters.views import MeterFilter, count_meters, list_meters
from controller.query.rules import FieldTest, Operator, read_query
from protocols.arguments import check_choice, read_name, read_names
from protocols.documents.kind_rule import Role
from protocols.errors import InputError
from protocols.rim.terminal import Exit

app = typer.Typer(no_args_is_help=True, help="List and show groups of households; add and remove members.")

_HEADS: Final = ("group", "households", "meters that spoke")
Name = Annotated[str, typer.Argument(metavar="GROUP", help="A free group's name, such as winter-2026.")]
Members = Annotated[
    list[str] | None, typer.Argument(metavar="[METER...]", help="Meters' ids or EANs; or --where.")
]


@verb(app, "list", "groups list", "groups list --kind area --json")
def list_all(
    face: Face,
    *,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="Only free, area, dso, category or energy.")
    ] = None,
) -> int:
    """List all groups with their households: free ones, and those that the DSO's file makes.

    By its area, DSO, category and energy a household is in a group such as area/Namur. Ends with 1 when there
    is none.
    """
    check_choice(kind, (FREE, *GROUP_KINDS), "--kind")
    with face.office.reading() as session:
        found = list_groups(session, kind)
    if face.as_json:
        print_json({"groups": to_builtins(found)})
    elif found:
        rows = [(each.name, str(each.households), str(each.spoken)) for each in found]
        print_table("", _HEADS, rows)
    else:
        print_lines("There is no group." if kind is None else f"There is no group of kind {kind}.")
    return Exit.DONE if found else Exit.NO


@verb(
    app,
    "show",
    "groups show winter-2026",
    "groups show area/Namur --limit 1000 --json",
    shares=LOOKING,
)
def show(
    face: Face,
    name: Annotated[str, typer.Argument(metavar="GROUP", help="Such as winter-2026 or area/Namur.")],
    *,
    after: Annotated[str, typer.Option(metavar="METER", help="Only meters after this one, by id.")] = "",
    limit: Limit = None,
) -> int:
    """Show the households in a group. Ends with 1 when nobody is in it."""
    METER_FIELDS["group"].read(name, "GROUP")
    if "*" in name:
        raise InputError(f"GROUP: {name}; allowed: one group; `relance meters list --where` takes patterns")
    wanted = MeterFilter(query=FieldTest("group", Operator.EQUAL, (name,)))
    most = limit or (LISTED_FOR_PROGRAMS if face.as_json else LISTED_FOR_PEOPLE)
    now_ms = face.now_ms()
    with face.office.reading() as session:
        found = list_meters(session, wanted, now_ms=now_ms, after=after, limit=most)
        more = count_meters(session, wanted, now_ms=now_ms, after=after) - len(found)
    face.note_access("groups show", [view.id for view in found])
    if face.as_json:
        members = [{"id": view.id, **household_fields(view)} for view in found]
        print_json({"group": name, "meters": members, "more": more, "after": found[-1].id if more else None})
    elif found:
        print_table("", WHO_HEADS, [who_row(view, wide=False) for view in found])
        if more:
            print_lines(f"and {more} more: add --after {found[-1].id}, or a higher --limit")
    else:
        print_lines(f"Nobody is in {name}; `relance groups list` shows all groups.")
    return Exit.DONE if found else Exit.NO


@verb(
    app,
    "add",
    "groups add winter-2026 m00042 541448860000000011",
    "groups add winter-2026 --where 'area==Namur;flag==medical'",
    shares=NAMED,
)
def add(face: Face, name: Name, members: Members = None, *, where: Where = None) -> int:
    """Put households into a free group, by their meters, by EAN, or by a query. The first member makes it.

    A query that matches nobody adds nobody; the command ends with 1 then.
    """
    return _change(face, name, members or [], where, joins=True)


@verb(
    app,
    "remove",
    "groups remove winter-2026 m00042",
    "groups remove winter-2026 --where 'group==winter-2026'",
    shares=NAMED,
)
def remove(face: Face, name: Name, members: Members = None, *, where: Where = None) -> int:
    """Take households out of a free group. A group without members is gone.

    A query that matches nobody removes nobody; the command ends with 1 then.
    """
    return _change(face, name, members or [], where, joins=False)


def _change(face: Face, name: str, members: list[str], where: str | None, *, joins: bool) -> int:
    if name.partition("/")[0] in GROUP_KINDS:
        raise InputError(f"GROUP: {name}; allowed: a free group; this one follows from the DSO's file")
    read_name(name, "GROUP")
    if bool(members) == (where is not None):
        raise InputError("groups: allowed: meters' ids or EANs, or --where; one of them")
    chosen = read_names(members, "METER") if where is None else read_query(where, METER_FIELDS, "--where")
    actor = face.actor(Role.PROTECT)
    found = change_group(face.office.store, name, chosen, actor, face.now_ms(), joins=joins)
    if face.as_json:
        print_json({"group": name, "changed": found.changed, "unchanged": found.unchanged})
    elif not (found.changed or found.unchanged):
        print_lines(
            "No household matches: nobody comes in." if joins else "No household matches: nobody leaves."
        )
    else:
        did, were = ("came into", "were in it") if joins else ("left", "were not in it")
        households = "1 household" if found.changed == 1 else f"{found.changed} households"
        print_lines(f"{households} {did} {name}; {found.unchanged} {were} before.")
    return Exit.DONE if found.changed + found.unchanged else Exit.NO
