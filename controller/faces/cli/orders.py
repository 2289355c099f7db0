"""`relance orders`: what has been asked of the fleet, who signed it, and how far it has come."""

from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from sqlmodel import Session

from controller.database.engine import reading, writing
from controller.database.tables import OrderRow
from controller.faces.cli.examples import examples
from controller.faces.cli.options import ZONE_DEFAULT, As, Database, Home, Json, Zone
from controller.faces.cli.order_words import order_fields, order_in_words, tell
from controller.faces.cli.people import choose_operator, signer_of
from controller.faces.cli.showing import instants, local, print_json, print_table, say
from controller.office.desk import Desk, open_desk
from controller.orders.life import OrderState
from controller.orders.planning import warnings_of
from controller.orders.standing import Standing, standing_of
from controller.orders.store import add_signature, approve, withdraw
from controller.orders.views import DeliveryView, OrderView, list_deliveries, list_orders
from protocols.arguments import check_choice, read_name
from protocols.cutting.zones import load_zone
from protocols.documents.envelope import add_signature as signed_envelope
from protocols.documents.orders import KINDS, Kind
from protocols.errors import RefusedError, quoted
from protocols.rim.clocks import now_ms
from protocols.rim.terminal import Exit, warn

app = typer.Typer(no_args_is_help=True, help="List, show, sign and withdraw orders.")

# Meters named one by one below an order; `--json` names all.
_METERS_SHOWN = 50

Id = Annotated[str, typer.Argument(metavar="ID", help="An order's id, such as o000007.")]
State = Annotated[str | None, typer.Option(metavar="STATE", help="Only orders in this state.")]
Kinds = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only orders of this kind.")]


@app.command("list", epilog=examples("orders list", "orders list --state draft", "orders list --json"))
def list_all(
    *,
    state: State = None,
    kind: Kinds = None,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """List orders, the latest first, and how many meters they have come to.

    Ends with 1 when none is in the state and of the kind that was asked for.
    """
    place = load_zone(zone, "--zone")
    chosen = (state, kind) != (None, None)
    check_choice(state, OrderState, "--state")
    check_choice(kind, Kind, "--kind")
    with open_desk(home, database) as desk, reading(desk.store) as session:
        views = list_orders(session, state=state, kind=kind)
    if as_json:
        print_json({"orders": [_view_fields(view) for view in views]})
    elif views:
        heads = ("id", "state", "object", "rev", "by", "issued", "deliveries")
        rows = [
            (
                view.id,
                view.state,
                view.object,
                str(view.rev),
                view.created_by,
                local(view.issued_at_ms, place),
                _counts(view.deliveries),
            )
            for view in views
        ]
        print_table("Orders", heads, rows)
    else:
        say("No order matches." if chosen else "No order has been made yet.")
    return Exit.NO if chosen and not views else Exit.DONE


@app.command("show", epilog=examples("orders show o000007", "orders show o000007 --json"))
def show(
    order_id: Id,
    *,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Show an order: what it does, who signed, and its way to each meter."""
    place = load_zone(zone, "--zone")
    with open_desk(home, database) as desk, reading(desk.store) as session:
        standing = standing_of(session, _existing(session, order_id), desk.root)
        ways = list_deliveries(session, order_id=order_id)
    if as_json:
        print_json(order_fields(standing) | {"meters": [_way_fields(way) for way in ways]})
        return Exit.DONE
    order = standing.order
    say(
        f"{order.id}: {order_in_words(order, place)}.",
        f"State: {standing.state}. Signed by {', '.join(standing.signed_by) or 'nobody'}.",
        f"Issued {local(order.issued_at_ms, place)}, good until {local(order.not_after_ms, place)}.",
        *([f"Basis: {order.basis}"] if order.basis else []),
        f"Meters: {_counts(standing.deliveries) or 'not sent yet'}.",
    )
    if ways:
        heads = ("meter", "state", "sent", "stored", "effective", "reason")
        rows = [(way.meter, way.state, *_marks(way, place), way.reason) for way in ways[:_METERS_SHOWN]]
        print_table("", heads, rows)
    if len(ways) > _METERS_SHOWN:
        say(f"and {len(ways) - _METERS_SHOWN} more meters; --json names all")
    return Exit.DONE


@app.command("sign", epilog=examples("orders sign o000007 --as bart"))
def sign(
    order_id: Id,
    *,
    by: Annotated[str, typer.Option("--as", metavar="NAME", help="Who signs.")],
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Sign an order that waits for a further person; with enough of them it is sent.

    What the order does is shown before the passphrase is asked for.
    """
    place = load_zone(zone, "--zone")
    with open_desk(home, database) as desk:
        standing = _signable(desk, order_id, by)
        if not as_json:
            say(f"{order_id}: {order_in_words(standing.order, place)}.")
        warn(warnings_of(standing.order))
        signer = signer_of(desk.settings, desk.root, by)
        now = now_ms()
        with writing(desk.store) as session:
            envelope = signed_envelope(_existing(session, order_id).envelope, signer)
            row = add_signature(session, order_id, envelope, desk.root, by, now)
            standing = standing_of(session, row, desk.root)
            if not standing.missing:
                row = approve(session, order_id, desk.root, by, now)
                standing = standing_of(session, row, desk.root)
    if as_json:
        print_json(order_fields(standing))
    else:
        tell(standing, place, described=True)
    return Exit.DONE


@app.command("withdraw", epilog=examples("orders withdraw o000007 --as anne"))
def withdraw_one(
    order_id: Id,
    *,
    by: As = None,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Take back an order that has not been sent; what has been is lifted, cancelled or cleared."""
    place = load_zone(zone, "--zone")
    with open_desk(home, database) as desk:
        with reading(desk.store) as session:
            standing = standing_of(session, _existing(session, order_id), desk.root)
        if not standing.waits:
            raise RefusedError(
                f"{order_id} is {standing.state}: only what has not been sent can be withdrawn"
            )
        name = choose_operator(desk.root, KINDS[standing.order.kind].role, by)
        # Nothing is signed, but it is an act of that person: whoever has the key.
        signer_of(desk.settings, desk.root, name)
        with writing(desk.store) as session:
            standing = standing_of(session, withdraw(session, order_id, name, now_ms()), desk.root)
    if as_json:
        print_json(order_fields(standing))
    else:
        tell(standing, place)
    return Exit.DONE


def _signable(desk: Desk, order_id: str, by: str) -> Standing:
    with reading(desk.store) as session:
        standing = standing_of(session, _existing(session, order_id), desk.root)
    choose_operator(desk.root, KINDS[standing.order.kind].role, by)
    if not standing.waits:
        raise RefusedError(f"{order_id} is {standing.state}: it waits for no signature")
    if by in standing.signed_by:
        others = " or ".join(standing.others) or "nobody else there is"
        raise RefusedError(f"{by} has signed {order_id} already; it takes a different person: {others}")
    return standing


def _existing(session: Session, order_id: str) -> OrderRow:
    row = session.get(OrderRow, read_name(order_id, "ID"))
    if row is None:
        raise RefusedError(f"no such order: {quoted(order_id)}; `relance orders list` shows all")
    return row


def _counts(deliveries: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(deliveries.items()))


def _marks(way: DeliveryView, place: ZoneInfo) -> tuple[str, str, str]:
    marks = (way.sent_ms, way.stored_ms, way.effective_ms)
    sent, stored, effective = ("" if mark is None else local(mark, place) for mark in marks)
    return sent, stored, effective


def _view_fields(view: OrderView) -> dict[str, object]:
    return {
        "id": view.id,
        "kind": view.kind,
        "object": view.object,
        "rev": view.rev,
        "state": view.state,
        "basis": view.basis,
        "created_by": view.created_by,
        "deliveries": view.deliveries,
        **instants(
            issued_at=view.issued_at_ms,
            not_before=view.not_before_ms,
            not_after=view.not_after_ms,
            changed=view.changed_ms,
        ),
    }


def _way_fields(way: DeliveryView) -> dict[str, object]:
    return {
        "meter": way.meter,
        "state": way.state,
        "attempts": way.attempts,
        "reason": way.reason,
        **instants(queued=way.queued_ms, sent=way.sent_ms, stored=way.stored_ms, effective=way.effective_ms),
    }
