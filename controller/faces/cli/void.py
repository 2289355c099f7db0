"""`relance void`: two people take away what a stolen key has signed, and say what of it still protects."""

from typing import Annotated, Any

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.order_status import order_fields, print_status
from controller.faces.cli.showing import print_json, print_lines, print_table
from controller.faces.cli.verbs import ACTING, verb
from controller.voids.acts import VoidProposal, propose
from controller.voids.views import VoidView, key_named, list_voids, standing_orders_of
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, short_keyid
from protocols.documents.roles import SignedBy
from protocols.rim.terminal import Exit
from protocols.words.en.orders import order_in_words

app = typer.Typer(
    no_args_is_help=True, help="Take away what a stolen key has signed, and say what of it stays."
)

Key = Annotated[
    str, typer.Argument(metavar="KEY", help="A person with one key, a keyid, or its first characters.")
]
Keep = Annotated[
    list[str] | None,
    typer.Option(metavar="ORDER", help="An order that stays, by id or object; or `all`, or `none`."),
]


@verb(
    app,
    "propose",
    "void propose carl --as anna",
    "void propose carl --keep hold/covid-2020 --keep o000012 --basis 'key stolen on 3 May' --as anna",
    "void propose 5f8c1a02 --keep none --as anna",
    shares=ACTING,
)
def propose_one(face: Face, key: Key, *, keep: Keep = None) -> int:
    """Void a key: lift all protection that it alone has signed, wherever that arrived.

    Without `--keep`, where something in force stands on this key alone, the command lists that, drafts
    nothing and ends with 1. What stays you sign too, at once; releases among it are made anew. Two different
    people must sign the void: this command signs first, `orders sign` second. Money that was credited stays,
    and so do cancelled cuts. What the key signs later is refused as soon as a meter has the void.
    """
    with face.acting(Kind.VOID) as act:
        proposal = propose(act, key, keep or ())
    if face.as_json:
        print_json(_proposal_fields(proposal))
    else:
        _print_proposal(face, proposal)
    return Exit.NO if proposal.void is None else Exit.DONE


@verb(app, "show", "void show carl", "void show 5f8c1a02 --json")
def show_one(face: Face, key: Key) -> int:
    """Show what in force stands on a key alone, before anybody voids it."""
    with face.office.reading() as session:
        found = key_named(session, face.office.root, key)
        standing = standing_orders_of(session, face.office.root, found.keyid)
    if face.as_json:
        print_json(_key_fields(found) | {"standing": [_order_fields(order) for order in standing]})
    elif not standing:
        print_lines(f"Nothing in force stands on the {_key(found)} alone.")
    else:
        print_lines(
            f"These orders in force stand on the {_key(found)} alone:", *_listed(face, found, standing)
        )
    return Exit.DONE


@verb(app, "list", "void list", "void list --json")
def list_all(face: Face) -> int:
    """List the keys that are voided, each with counts of meters that have confirmed its void."""
    with face.office.reading() as session:
        views = list_voids(session)
    if face.as_json:
        print_json({"voids": [_view_fields(view) for view in views]})
    elif not views:
        print_lines("No key has been voided.")
    else:
        rows = [
            (view.holder, short_keyid(view.keyid), view.order_id, _counts(view) or "none") for view in views
        ]
        print_table("", ("person", "key", "order", "meters"), rows, wraps=("meters",))
    return Exit.DONE


def _print_proposal(face: Face, proposal: VoidProposal) -> None:
    standing = [order for order, _ in proposal.standing]
    if proposal.void is None:
        print_lines(
            f"Nothing is drafted. These orders in force stand on the {_key(proposal.key)} alone:",
            *_listed(face, proposal.key, standing),
            "Say what stays: --keep ORDER for each, --keep all, or --keep none.",
        )
        return
    for head, stays in (("Stays, since you sign it too:", True), ("Ends with the void:", False)):
        chosen = [order for order, kept in proposal.standing if kept is stays]
        if chosen:
            print_lines(head, *_listed(face, proposal.key, chosen))
    print_status(proposal.void, face.zone)
    face.check_served(proposal.void)


def _listed(face: Face, key: SignedBy, orders: list[Order]) -> list[str]:
    """Orders that this key alone has signed, a line each."""
    return [f"  {order.id}: {order_in_words(order, face.zone, key.holder)}" for order in orders]


def _key(key: SignedBy) -> str:
    return f"key {short_keyid(key.keyid)} of {key.holder}"


def _proposal_fields(proposal: VoidProposal) -> dict[str, Any]:
    return _key_fields(proposal.key) | {
        "standing": [_order_fields(order) | {"kept": kept} for order, kept in proposal.standing],
        "order": None if proposal.void is None else order_fields(proposal.void),
    }


def _key_fields(key: SignedBy) -> dict[str, Any]:
    return {"key": key.keyid, "holder": key.holder}


def _order_fields(order: Order) -> dict[str, Any]:
    return {"id": order.id, "kind": order.kind, "object": order.object, "rev": order.rev}


def _view_fields(view: VoidView) -> dict[str, Any]:
    found = view.progress
    meters = {"stored": found.stored, "sent": found.sent, "refused": found.refused, "unknown": found.unknown}
    return {
        "key": view.keyid,
        "holder": view.holder,
        "order": view.order_id,
        "meters": meters | {"total": found.total},
    }


def _counts(view: VoidView) -> str:
    counts = _view_fields(view)["meters"]
    return ", ".join(f"{count} {reach}" for reach, count in counts.items() if count and reach != "total")
