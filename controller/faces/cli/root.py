"""`relance root`: renew the root that says whose keys count, and drop the keys of those who have left."""

from typing import Annotated

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.proposals import (
    Countersign,
    change_in_words,
    root_fields,
    root_in_words,
    show_proposal,
    signing_root,
)
from controller.faces.cli.showing import print_json, print_lines
from controller.faces.cli.verbs import NAMED, READING, verb
from controller.office.root_store import proposed_root
from controller.roots.acts import code_of, propose, sign, sign_command, words_of
from controller.roots.rules import RootChange, change_between
from protocols.documents.envelope import read_envelope
from protocols.documents.kind_rule import Role
from protocols.documents.roles import read_root
from protocols.rim.terminal import Exit

app = typer.Typer(no_args_is_help=True, help="Renew the root: whose keys count.")


@verb(app, "show", "root show", "root show --json", shares=READING)
def show_root(face: Face) -> int:
    """Show whose keys count, until when, and the root that waits for a signature."""
    root = face.office.root
    with face.office.reading() as session:
        envelope = proposed_root(session)
    waiting = None if envelope is None else read_root(read_envelope(envelope).payload)
    if envelope is None or waiting is None:
        if face.as_json:
            print_json(root_fields(root) | {"proposed": None})
        else:
            print_lines(*root_in_words(root, face.zone))
        return Exit.DONE
    change = change_between(root, waiting)
    if face.as_json:
        proposed = root_fields(waiting) | {"code": code_of(envelope), "changes": words_of(change)}
        print_json(root_fields(root) | {"proposed": proposed})
        return Exit.DONE
    print_lines(
        *root_in_words(root, face.zone),
        "Proposed, and waiting for a signature:",
        *root_in_words(waiting, face.zone),
        *change_in_words(change),
        f"To sign exactly that: {sign_command(change, envelope)}",
    )
    return Exit.DONE


@verb(app, "propose", "root propose --as anna", "root propose --drop carl --as anna", shares=NAMED)
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
        done = propose(act, RootChange(dropped=frozenset(drop or ())), countersign=countersign)
    return show_proposal(face, done)


@verb(
    app,
    "sign",
    "root sign --as bert",
    "root sign --drop carl --as bert",
    "root sign --code 5f0c2b9a41d7e836 --as bert",
    shares=NAMED,
)
def sign_root(
    face: Face,
    *,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Whom it drops: each of them must be named.")
    ] = None,
    code: Annotated[
        str | None, typer.Option(metavar="CODE", help="Of a root that adds or changes: see `root show`.")
    ] = None,
    countersign: Countersign = False,
) -> int:
    """Sign the proposed root as a second person, who names again whom it drops, or its code.

    So nobody signs another proposal unseen that has come in the place of the one that was talked about.
    Before you sign for somebody who comes, compare the first digits of the key with them, by voice.
    """
    with signing_root(face) as (act, own):
        done = sign(act, countersign=countersign, dropped=drop or [], code=code, own=own)
    return show_proposal(face, done)
