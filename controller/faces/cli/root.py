"""`relance root`: renew the root that says whose keys count, and drop the keys of those who have left."""

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.showing import print_json, print_lines
from controller.faces.cli.verbs import NAMED, READING, verb
from controller.office.issuers_store import issuers_in_force
from controller.office.root_file import replace_sealed
from controller.office.root_store import holders_of_keys, proposed_root
from controller.roots import acts
from controller.roots.acts import RootProposal
from controller.roots.rules import dropped_people
from protocols.documents.envelope import read_envelope
from protocols.documents.kind_rule import Role
from protocols.documents.orders import keyid_named_by
from protocols.documents.roles import Root, read_root
from protocols.instants import iso_from_ms
from protocols.rim.terminal import Exit
from protocols.words.en.orders import object_in_words
from protocols.words.en.times import local

app = typer.Typer(no_args_is_help=True, help="Renew the root: whose keys count.")

Countersign = Annotated[
    bool,
    typer.Option(
        "--countersign",
        help="Sign orders that stand on dropped keys alone, or release anew; so does who signs the root.",
    ),
]


@verb(app, "show", "root show", "root show --json", shares=READING)
def show_root(face: Face) -> int:
    """Show whose keys count, until when, and the root that waits for a signature."""
    root = face.office.root
    with face.office.reading() as session:
        envelope = proposed_root(session)
    waiting = None if envelope is None else read_root(read_envelope(envelope).payload)
    if face.as_json:
        print_json(_fields(root) | {"proposed": None if waiting is None else _fields(waiting)})
        return Exit.DONE
    print_lines(*_in_words(root, face.zone))
    if waiting is not None:
        print_lines(
            "Proposed, and waiting for a signature (`relance root sign`):", *_in_words(waiting, face.zone)
        )
    return Exit.DONE


@verb(app, "propose", "root propose --as anne", "root propose --drop carl --as anne", shares=NAMED)
def propose_root(
    face: Face,
    *,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A person whose keys count no more.")
    ] = None,
    countersign: Countersign = False,
) -> int:
    """Propose the next root: the same people for another year, without those who are dropped.

    A second person signs it (`root sign`). Then the service sends it to every meter. What a dropped key has
    signed stays, until two people void it (`relance void`); nothing new that it signs is obeyed.
    """
    with face.acting_as(Role.ROOT) as act:
        done = acts.propose(act, drop or [], countersign=countersign)
    return _show(face, done)


@verb(app, "sign", "root sign --as bart", "root sign --drop carl --as bart", shares=NAMED)
def sign_root(
    face: Face,
    *,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Whom it drops: each of them must be named.")
    ] = None,
    countersign: Countersign = False,
) -> int:
    """Sign the proposed root as a second person, who names again whom it drops.

    So nobody signs another proposal unseen that has come in the place of the one that was talked about.
    """
    with face.acting_as(Role.ROOT) as act:
        done = acts.sign(act, countersign=countersign, dropped=drop or [])
    return _show(face, done)


def _show(face: Face, done: RootProposal) -> int:
    if done.in_force:
        replace_sealed(face.office.settings.root, done.envelope)
        _write_issuers(face)
    if face.as_json:
        shown = {"in_force": done.in_force, "stranded": done.stranded, "countersigned": done.countersigned}
        shown["countersigning"] = done.countersigning
        print_json(_fields(done.root) | shown)
    else:
        with face.office.reading() as session:
            holders = holders_of_keys(session, face.office.root)
        command = "relance root sign"
        command += "".join(f" --drop {name}" for name in dropped_people(face.office.root, done.root))
        print_lines(*_in_words(done.root, face.zone), *_what_next(done, holders, command))
    return Exit.NO if done.stranded else Exit.DONE


def _write_issuers(face: Face) -> None:
    """The home's copy, for fleets that are made from it: with the signatures that the new root demands."""
    with face.office.reading() as session:
        sealed = issuers_in_force(session)
    if sealed is not None:
        replace_sealed(face.office.settings.issuers, sealed.envelope)


def _what_next(done: RootProposal, holders: Mapping[str, str], command: str) -> list[str]:
    """What is to do now; `command`: what the next person types."""
    lines = [f"You have signed {_named(each, holders)} too." for each in done.countersigned]
    if done.in_force:
        return [*lines, "It is in force here, and the service sends it to every meter."]
    if done.stranded:
        then = (
            f"Whoever signs the root signs them too: `{command}`."
            if done.countersigning
            else f"Sign them with --countersign, or release, extend or order anew; then `{command}`."
        )
        return [
            *lines,
            "It does not go out: these are in force and stand on dropped keys alone.",
            *(f"  {_named(each, holders)}" for each in done.stranded),
            then,
        ]
    return [*lines, f"It waits for a second person: {command}."]


def _named(order: str, holders: Mapping[str, str]) -> str:
    """An order and its object, `o000007 hold/frost`, with the holder's name in the place of a key."""
    order_id, _, name = order.partition(" ")
    return f"{order_id} {object_in_words(name, holders.get(keyid_named_by(name) or '', ''))}"


def _in_words(root: Root, zone: ZoneInfo) -> list[str]:
    people = ", ".join(_people(root))
    return [f"Root {root.version}, until {local(root.expires_ms, zone)}.", f"People: {people}."]


def _people(root: Root) -> list[str]:
    rule = root.roles.get(Role.ROOT)
    return sorted({root.keys[keyid].holder for keyid in (() if rule is None else rule.keyids)})


def _fields(root: Root) -> dict[str, Any]:
    roles = {
        role.value: {
            "threshold": rule.threshold,
            "holders": sorted({root.keys[keyid].holder for keyid in rule.keyids}),
        }
        for role, rule in root.roles.items()
    }
    expires = {"expires_ms": root.expires_ms, "expires": iso_from_ms(root.expires_ms)}
    return {"version": root.version, **expires, "roles": roles}
