"""`relance moratorium`: no cut for a while; one person declares and extends it, two people lift it."""

from typing import Annotated, Any

import typer
from sqlmodel import Session

from controller.database.engine import reading
from controller.faces.cli.acting import Clerk
from controller.faces.cli.examples import examples
from controller.faces.cli.options import ZONE_DEFAULT, As, Basis, Database, Home, Json, Since, Zone
from controller.faces.cli.performing import Manner, perform
from controller.faces.cli.showing import instants, local, print_json, print_table, say
from controller.moratoriums.views import HoldView, list_holds
from controller.office.desk import open_desk
from controller.orders.drafting import declare_moratorium, extend_moratorium, lift_moratorium
from protocols.arguments import read_instant, read_name, read_span
from protocols.cutting.zones import load_zone
from protocols.documents.orders import Kind, Order
from protocols.errors import RefusedError
from protocols.rim.clocks import now_ms
from protocols.rim.terminal import Exit

app = typer.Typer(no_args_is_help=True, help="Declare, extend, lift and follow moratoriums.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The moratorium, such as covid-2020.")]
Until = Annotated[
    str, typer.Option(metavar="T", help="Its end: 2020-09-01T00:00+02:00. The offset is not optional.")
]


@app.command(
    "declare",
    epilog=examples(
        "moratorium declare covid-2020 --until 2020-07-01T00:00+02:00 --basis 'decree of 18 March 2020'",
        "moratorium declare heat-2026 --from 2026-07-20T12:00+02:00 --until 2026-07-27T00:00+02:00 --as bart",
    ),
)
def declare_one(
    name: Name,
    *,
    until: Until,
    since: Since = None,
    basis: Basis = "",
    by: As = None,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Declare a moratorium for the whole fleet: no cut from its start until its end.

    One person is enough. It is sent as soon as `relance serve` runs, and kept for meters that are away.
    """
    from_ms, until_ms = read_span(since, until, now_ms())
    read_name(name, "NAME")

    def draft(clerk: Clerk) -> list[Order]:
        held = _in_force(clerk.session, name)
        if held is not None and held[1] > clerk.now_ms:
            ends = local(held[1], load_zone(zone))
            raise RefusedError(f"{name} stands until {ends}; `relance moratorium extend {name}` adds to it")
        return [declare_moratorium(clerk.sheet(Kind.HOLD, name), name, from_ms, until_ms)]

    return perform(Kind.HOLD, Manner(by, basis, zone, home, database, as_json), draft)


@app.command("extend", epilog=examples("moratorium extend covid-2020 --until 2020-09-01T00:00+02:00"))
def extend(
    name: Name,
    *,
    until: Until,
    basis: Basis = "",
    by: As = None,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Give a moratorium a later end. One person is enough; an earlier end would be harm, which takes two."""
    until_ms = read_instant(until, "--until")
    read_name(name, "NAME")

    def draft(clerk: Clerk) -> list[Order]:
        held = _must_be_in_force(clerk.session, name)
        return [extend_moratorium(clerk.sheet(Kind.HOLD, name), name, held, until_ms)]

    return perform(Kind.HOLD, Manner(by, basis, zone, home, database, as_json), draft)


@app.command("lift", epilog=examples("moratorium lift covid-2020 --as anne", "orders sign o000007 --as bart"))
def lift(
    name: Name,
    *,
    basis: Basis = "",
    by: As = None,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """End a moratorium before its time.

    Two different people sign: this is the first, `orders sign` the second.
    """
    read_name(name, "NAME")

    def draft(clerk: Clerk) -> list[Order]:
        _must_be_in_force(clerk.session, name)
        return [lift_moratorium(clerk.sheet(Kind.LIFT_HOLD, name), name)]

    return perform(Kind.LIFT_HOLD, Manner(by, basis, zone, home, database, as_json), draft)


@app.command("status", epilog=examples("moratorium status", "moratorium status covid-2020 --json"))
def status(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one.")] = None,
    *,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Show moratoriums and how far each has come, by meter: stored, sent, refused, unknown.

    *Stored* is the meter's own receipt. What nobody knows is shown as unknown.
    """
    place = load_zone(zone, "--zone")
    if name is not None:
        read_name(name, "NAME")
    with open_desk(home, database) as desk, reading(desk.store) as session:
        holds = [hold for hold in list_holds(session) if name in {None, hold.name}]
    if name is not None and not holds:
        raise RefusedError(f"no moratorium {name}: none of this name has been declared")
    if as_json:
        print_json({"holds": [_fields(hold) for hold in holds]})
    elif not holds:
        say("No moratorium has been declared.")
    else:
        heads = ("name", "from", "until", "stored", "sent", "refused", "unknown", "last order")
        rows = [
            (
                hold.name,
                "lifted" if hold.from_ms is None else local(hold.from_ms, place),
                "lifted" if hold.until_ms is None else local(hold.until_ms, place),
                *(str(number) for number in _progress(hold).values()),
                hold.order_id,
            )
            for hold in holds
        ]
        print_table("Moratoriums, and meters by how far they have come", heads, rows)
    return Exit.DONE


def _in_force(session: Session, name: str) -> tuple[int, int] | None:
    for hold in list_holds(session):
        if hold.name == name and hold.from_ms is not None and hold.until_ms is not None:
            return hold.from_ms, hold.until_ms
    return None


def _must_be_in_force(session: Session, name: str) -> tuple[int, int]:
    held = _in_force(session, name)
    if held is None:
        raise RefusedError(f"no moratorium {name} in force; `relance moratorium status` shows all")
    return held


def _progress(hold: HoldView) -> dict[str, int]:
    found = hold.progress
    return {"stored": found.stored, "sent": found.sent, "refused": found.refused, "unknown": found.unknown}


def _fields(hold: HoldView) -> dict[str, Any]:
    return {
        "name": hold.name,
        "in_force": hold.until_ms is not None,
        **instants(**{"from": hold.from_ms}, until=hold.until_ms),
        "revs": hold.revs,
        "order": hold.order_id,
        "meters": _progress(hold) | {"total": hold.progress.total},
    }
