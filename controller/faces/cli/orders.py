"""`relance orders`: the orders to the fleet, who signed each, and which meters have it."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from controller.cuts.views import cut_words, order_not_cutting
from controller.faces.cli.face import Face
from controller.faces.cli.options import LISTED_FOR_PEOPLE, LISTED_FOR_PROGRAMS, Limit, Wide
from controller.faces.cli.order_status import above_in_words, not_cut_fields, order_fields
from controller.faces.cli.people import choose_operator
from controller.faces.cli.refund import warn_of_purse
from controller.faces.cli.showing import instants, moment, print_json, print_lines, print_table
from controller.faces.cli.unreached import warn_of_order
from controller.faces.cli.verbs import NAMED, READING, verb
from controller.orders.acting import acting
from controller.orders.acts import check_signable, check_withdrawable, sign, withdraw
from controller.orders.choosing import ORDER_FIELDS
from controller.orders.life import OrderState
from controller.orders.status import OrderStatus, status_by_id
from controller.orders.views import (
    DeliveryView,
    OrderFilter,
    OrderPage,
    OrderView,
    list_deliveries,
    list_orders,
)
from controller.query.rules import read_query
from controller.refunds.acts import purse_short
from protocols.arguments import check_choice, read_name
from protocols.cutting.planning import warnings_of
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.rim.terminal import Exit, warn
from protocols.words.en.hindrances import not_cut_in_words
from protocols.words.en.orders import object_in_words, order_in_words
from protocols.words.en.plans import findings_in_words
from protocols.words.en.times import local

app = typer.Typer(no_args_is_help=True, help="List, show, sign and withdraw orders.")

# How many meters are listed below an order; `--json` lists all.
_METERS_SHOWN = 50

# How the deliveries of cut orders are read, by order and meter: see `cuts.views.cut_words`.
Words = Mapping[str, Mapping[str, str]]

Id = Annotated[str, typer.Argument(metavar="ID", help="An order's id, such as o000007.")]
State = Annotated[str | None, typer.Option(metavar="STATE", help="Only orders in this state.")]
Kinds = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only orders of this kind.")]
Object = Annotated[
    str | None, typer.Option("--object", metavar="KIND/NAME", help="Only orders of this object: cut/debts.")
]
Where = Annotated[
    str | None,
    typer.Option("--where", metavar="QUERY", help="Only those that match: 'kind==hold;by==anna'."),
]
OfMeter = Annotated[str | None, typer.Option("--meter", metavar="METER", help="Only orders to this meter.")]


@verb(
    app,
    "list",
    "orders list",
    "orders list --state draft",
    "orders list --meter m00042 --leases --limit 200",
    "orders list --before o000618 --json",
    "orders list --where 'kind=in=(hold,release);by==anna'",
)
def list_all(
    face: Face,
    *,
    state: State = None,
    kind: Kinds = None,
    object_name: Object = None,
    meter: OfMeter = None,
    leases: Annotated[bool, typer.Option("--leases", help="Leases too, which the service issues.")] = False,
    before: Annotated[str | None, typer.Option(metavar="ID", help="Only orders older than this.")] = None,
    where: Where = None,
    limit: Limit = None,
    wide: Wide = False,
) -> int:
    """List orders, the latest first, with counts of their deliveries.

    The list says how many older orders it does not show, and how many leases. Ends with 1 when no order is as
    was asked for. Of what `--where` may name, see docs/queries.md.
    """
    check_choice(state, OrderState, "--state")
    check_choice(kind, Kind, "--kind")
    query = None if where is None else read_query(where, ORDER_FIELDS, "--where")
    wanted = OrderFilter(state=state, kind=kind, object=object_name, meter=meter, leases=leases, query=query)
    for text, option in ((meter, "--meter"), (before, "--before")):
        if text is not None:
            read_name(text, option)
    chosen = wanted != OrderFilter(leases=leases) or before is not None
    most = limit or (LISTED_FOR_PROGRAMS if face.as_json else LISTED_FOR_PEOPLE)
    with face.office.reading() as session:
        page = list_orders(session, wanted, before=before, limit=most)
        words = cut_words(session, [view.id for view in page.orders], face.now_ms())
    if face.as_json:
        print_json(_page_fields(page, words))
    else:
        _print_page(page, words, face.zone, chosen=chosen, wide=wide)
    return Exit.NO if chosen and not page.orders else Exit.DONE


@verb(app, "show", "orders show o000007", "orders show o000007 --json")
def show(face: Face, order_id: Id, *, wide: Wide = False) -> int:
    """Show an order: what it does, who signed, and its delivery to each meter."""
    zone = face.zone
    with face.office.reading() as session:
        status = status_by_id(session, read_name(order_id, "ID"), face.office.root)
        deliveries = list_deliveries(session, order_id=order_id)
        words = cut_words(session, [order_id], face.now_ms())
    reads = _reads(order_id, status.deliveries, words)
    word_of = words.get(order_id, {})
    if face.as_json:
        meters = [
            _delivery_fields(each) | {"reads": word_of.get(each.meter, each.state)} for each in deliveries
        ]
        print_json(order_fields(status) | {"reads": reads, "meters": meters})
        return Exit.DONE
    order = status.order
    print_lines(
        f"{order.id}: {order_in_words(order, zone, status.created_by)}.",
        f"State: {status.state}. Signed by {', '.join(status.signed_by) or 'nobody'}.",
        f"Issued {local(order.issued_at_ms, zone)}, good until {local(order.not_after_ms, zone)}.",
        *([f"Basis: {order.basis}"] if order.basis else []),
        f"Meters: {_counts(reads) or 'not sent yet'}.",
        *above_in_words(status),
    )
    if deliveries:
        heads = ("meter", "state", "sent", *(("stored",) if wide else ()), "effective", "reason")
        shown = deliveries[:_METERS_SHOWN]
        rows = [
            (each.meter, word_of.get(each.meter, each.state), *_times(each, zone, wide=wide), each.reason)
            for each in shown
        ]
        print_table("", heads, rows, wraps=("reason",))
    if len(deliveries) > _METERS_SHOWN:
        print_lines(f"and {len(deliveries) - _METERS_SHOWN} more meters; --json names all")
    return Exit.DONE


@verb(
    app,
    "sign",
    "orders sign o000007 --as bert",
    "orders sign o000007 o000008 --as bert",
    shares=READING,
)
def sign_some(
    face: Face,
    order_ids: Annotated[
        list[str], typer.Argument(metavar="ID...", help="Orders' ids, such as o000007 o000008.")
    ],
    *,
    by: Annotated[str, typer.Option("--as", metavar="NAME", help="Who signs.")],
) -> int:
    """Sign orders that wait for a further person. Once enough people have signed one it is sent.

    The command shows what each does before it asks for the passphrase, once. Where one of them cannot be
    signed, none is. With `--json` and several ids, they are listed in `orders`.
    """
    waiting = {order_id: _signable(face, order_id, by) for order_id in order_ids}
    told = [_told_before(face, status) for status in waiting.values()]
    face.warn_of_clocks()
    actors = {role: face.actor(role) for role in {each.role for each in waiting.values()}}
    signed = []
    for order_id, status in waiting.items():
        actor = actors[status.role]
        with acting(face.office.store, face.office.root, actor, face.now_ms(), here=face.here()) as act:
            signed.append(sign(act, order_id))
    if face.as_json and len(signed) > 1:
        fields = [order_fields(each) | more for each, more in zip(signed, told, strict=True)]
        print_json({"orders": fields, **face.check_served(*signed)})
        return Exit.DONE
    for each, more in zip(signed, told, strict=True):
        face.show(each, described=True, more=more)
    return Exit.DONE


def _signable(face: Face, order_id: str, by: str) -> OrderStatus:
    """An order that waits for this person. Raises InputError or RefusedError."""
    status = _waiting(face, order_id)
    choose_operator(face.office.root, status.role, by)
    check_signable(status, by)
    return status


def _told_before(face: Face, status: OrderStatus) -> dict[str, object]:
    """Say what an order does, and what stands against it; returns what `--json` has of that."""
    if not face.as_json:
        print_lines(f"{status.order.id}: {order_in_words(status.order, face.zone, status.created_by)}.")
    warn(findings_in_words(warnings_of(status.order)))
    with face.office.reading() as session:
        groups = order_not_cutting(session, status.order, face.now_ms())
        short = purse_short(session, status.order)
    if short is not None:
        warn_of_purse(face, short)
    warn(not_cut_in_words(groups, face.zone))
    unreached = warn_of_order(face, status.order)
    plans_cuts = status.order.kind in {Kind.CUT_ORDER, Kind.CUT_CALENDAR}
    return {**(not_cut_fields(groups) if plans_cuts else {}), **unreached}


@verb(app, "withdraw", "orders withdraw o000007 --as anna", shares=NAMED)
def withdraw_one(face: Face, order_id: Id) -> int:
    """Withdraw an order that was not sent. One that was sent is lifted, cancelled or cleared instead."""
    office, status = face.office, _waiting(face, order_id)
    check_withdrawable(status)
    # Nothing is signed. The key proves that this person withdraws the order.
    actor = face.actor(KINDS[status.order.kind].role)
    with acting(office.store, office.root, actor, face.now_ms()) as act:
        status = withdraw(act, order_id)
    return face.show(status)


def _print_page(page: OrderPage, words: Words, zone: ZoneInfo, *, chosen: bool, wide: bool) -> None:
    if page.orders:
        more = ("rev", "by") if wide else ()
        rows = [
            (
                view.id,
                view.state,
                object_in_words(view.object, view.created_by),
                *((str(view.rev), view.created_by) if wide else ()),
                moment(view.issued_at_ms, zone, wide=wide),
                _counts(_reads(view.id, view.deliveries, words)),
            )
            for view in page.orders
        ]
        heads = ("id", "state", "object", *more, "issued", "deliveries")
        print_table("", heads, rows, wraps=("deliveries", "object"))
    elif not page.leases_hidden:
        print_lines("No order matches." if chosen else "No order has been made yet.")
    else:
        print_lines("No order but leases matches." if chosen else "No order but leases has been made yet.")
    if page.more:
        print_lines(f"and {page.more} more: add --before {page.orders[-1].id}, or --limit N")
    if page.leases_hidden:
        print_lines(f"and {page.leases_hidden} of the service's leases: add --leases")


def _page_fields(page: OrderPage, words: Words) -> dict[str, object]:
    return {
        "orders": [
            _view_fields(view) | {"reads": _reads(view.id, view.deliveries, words)} for view in page.orders
        ],
        "more": page.more,
        "leases_hidden": page.leases_hidden,
        "before": page.orders[-1].id if page.more else None,
    }


def _waiting(face: Face, order_id: str) -> OrderStatus:
    with face.office.reading() as session:
        return status_by_id(session, read_name(order_id, "ID"), face.office.root)


def _reads(order_id: str, deliveries: dict[str, int], words: Words) -> dict[str, int]:
    """The deliveries of an order counted as people read them: a cut is planned before it is done."""
    return dict(Counter(words[order_id].values())) if order_id in words else deliveries


def _counts(deliveries: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(deliveries.items()))


def _times(delivery: DeliveryView, zone: ZoneInfo, *, wide: bool) -> tuple[str, ...]:
    """When the delivery was sent, stored (only `wide`) and effective; empty where it was not yet."""
    stored = (delivery.stored_ms,) if wide else ()
    instants_ms = (delivery.sent_ms, *stored, delivery.effective_ms)
    return tuple("" if each_ms is None else moment(each_ms, zone, wide=wide) for each_ms in instants_ms)


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


def _delivery_fields(delivery: DeliveryView) -> dict[str, object]:
    return {
        "meter": delivery.meter,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "reason": delivery.reason,
        **instants(
            queued=delivery.queued_ms,
            sent=delivery.sent_ms,
            stored=delivery.stored_ms,
            effective=delivery.effective_ms,
        ),
    }
