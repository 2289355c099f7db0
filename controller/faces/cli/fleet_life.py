"""`relance meters commission|move-out`: a meter comes to a connection, and a household leaves one."""

from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins

from controller.connections.moving import MovedOut, move_out
from controller.connections.working import SecretFolder
from controller.faces.cli import households as households_face
from controller.faces.cli.face import Face
from controller.faces.cli.left import money_in_words, tenancy_fields
from controller.faces.cli.options import Meter
from controller.faces.cli.order_status import order_fields, print_status
from controller.faces.cli.showing import print_json, print_lines
from controller.faces.cli.verbs import ACTING, NAMED, verb
from controller.households.commissioning import SecretFile, commission
from controller.households.rules import ean_of_cell
from controller.office.fleet_keys import newest_generation
from protocols.arguments import read_instant, read_name
from protocols.documents.kind_rule import Kind, Role
from protocols.errors import InputError, quoted
from protocols.rim.terminal import Exit
from protocols.words.en.amounts import eur
from protocols.words.en.times import local

Ean = Annotated[str, typer.Option(metavar="EAN", help="The connection; the DSO's file must name it.")]
Secrets = Annotated[
    Path | None,
    typer.Option("--secrets", metavar="FILE", help="Write what goes into the meter: id, keys, root."),
]

# These verbs stand beside the others of `relance meters`.
app = households_face.app


@verb(
    app,
    "commission",
    "meters commission m00042 --ean 541448860000000011",
    "meters commission m00042 --ean 541448860000000011 --link link-3 --secrets m00042.json",
    shares=NAMED,
)
def commission_one(
    face: Face,
    meter: Meter,
    *,
    ean: Ean,
    link: Annotated[
        str | None, typer.Option(metavar="LINK", help="Where the meter will be; else what the file says.")
    ] = None,
    secrets: Secrets = None,
) -> int:
    """Put a meter at a connection: it is the household's from now on, and it is admitted.

    `--secrets` writes a new file that only you can read, with the id, the meter's own keys and the root.
    Whoever reads it can speak for this meter, and for no other. To commission it again changes nothing. A
    meter that is at another connection is refused, and so is a connection whose meter has spoken.
    """
    read_name(meter, "METER")
    read_ean(ean)
    at = None if link is None else read_name(link, "--link")
    actor = face.actor(Role.PROTECT)
    out = None if secrets is None else secret_file(face, secrets)
    made = commission(face.office.store, meter, ean, at, actor, face.now_ms(), out=out)
    if face.as_json:
        print_json(to_builtins(made) | {"secrets": None if secrets is None else str(secrets)})
        return Exit.DONE
    where = f"at link {made.link}" if made.link else "when it first speaks"
    print_lines(
        f"{meter} is at EAN {ean}; it is admitted {where}."
        if made.new
        else f"{meter} was at EAN {ean} before: nothing has changed."
    )
    if secrets is not None:
        print_lines(f"{secrets}: what goes into the meter. Delete it once the meter has it.")
    return Exit.DONE


@verb(
    app,
    "move-out",
    "meters move-out m00042 --on 2026-11-29T12:00+01:00",
    "orders sign o000012 --as bert",
    shares=ACTING,
)
def move_one_out(
    face: Face,
    meter: Meter,
    *,
    on: Annotated[str, typer.Option(metavar="T", help="When they left, with an offset; not to come.")],
) -> int:
    """Record that a household has left. Its flags and holds do not pass to the next one.

    Category, language and flags of the DSO's file are taken away here and now. What the meter holds takes two
    people: the command signs first, `orders sign` second. It drafts the end of flags, of holds for the meter
    alone, of a debt's share and of the payment mode, and a refund of what the purse held by the last report:
    sign that once the leaver was paid. METER may be an EAN. The same move again changes nothing.
    """
    name = read_name(meter, "METER")
    on_ms = read_instant(on, "--on")
    with face.acting(Kind.CLEAR_FLAG) as act:
        moved = move_out(act, name, on_ms)
    service = face.check_served(*moved.drafts)
    if face.as_json:
        print_json(_moved_fields(moved) | service)
        return Exit.DONE
    _print_moved(face, moved)
    return Exit.DONE


def _moved_fields(moved: MovedOut) -> dict[str, Any]:
    owed = moved.owed
    return tenancy_fields(moved.tenancy) | {
        "new": moved.new,
        "orders": [order_fields(each) for each in moved.drafts],
        "groups": moved.groups,
        "refund_waits": moved.refund_waits,
        "owed_ueur": None if owed is None else owed.purse_ueur,
        "coming_ueur": None if owed is None else owed.coming_ueur,
        "withdrawn": moved.withdrawn,
        "kept": moved.kept,
        "cleared": moved.cleared,
        "contact_kept": moved.contact_kept,
    }


def _print_moved(face: Face, moved: MovedOut) -> None:
    left, owed = moved.tenancy, moved.owed
    when = local(left.until_ms, face.zone)
    print_lines(f"The household at EAN {left.ean}, meter {left.meter}, left on {when}.")
    if owed is None:
        waits = "these wait:" if moved.drafts else "no draft of it waits."
        print_lines(f"That was recorded before: nothing has changed; {waits}")
    else:
        print_lines(money_in_words(left, owed.purse_ueur))
    for status in moved.drafts:
        print_status(status, face.zone)
    print_lines(*_ended_in_words(moved))
    if owed is not None and owed.coming_ueur:
        print_lines(
            f"{eur(owed.coming_ueur)} EUR more are paid, and not yet at the meter: they are owed too. "
            "No refund of them is drafted: `relance refund` does it once they have come."
        )
    if moved.refund_waits is not None:
        print_lines(
            f"Refund {moved.refund_waits} waits: what is left is drafted by `relance refund` after it."
        )
    if moved.groups:
        print_lines(
            f"The connection stays in {', '.join(moved.groups)}; `relance groups remove` takes it out."
        )


def _ended_in_words(moved: MovedOut) -> list[str]:
    """What was taken away and withdrawn, and what stays since it came after the move."""
    lines = []
    if moved.cleared:
        lines.append(f"Taken out of the file's row, which has no dates: {', '.join(moved.cleared)}.")
    if moved.withdrawn:
        lines.append(f"Withdrawn, as nobody had signed them before the move: {', '.join(moved.withdrawn)}.")
    if moved.kept:
        lines.append(f"Left alone, as they came after the move: {', '.join(moved.kept)}.")
    if moved.contact_kept:
        lines.append("How it is written to stays: a file has told it after the move.")
    return lines


def read_ean(text: str) -> str:
    """The EAN of `--ean`. Raises InputError."""
    try:
        return ean_of_cell(text)
    except ValueError as error:
        raise InputError(f"--ean: {quoted(text)}; allowed: {error}") from None


def secret_file(face: Face, path: Path) -> SecretFile:
    """Where to write what goes into a meter, and of what. Raises InputError without the fleet's key."""
    fleet_key, root = _new_secrets(face)
    return SecretFile(path=path, fleet_key=fleet_key, root=root)


def secret_folder(face: Face, folder: Path) -> SecretFolder:
    """As `secret_file`, for a list of meters."""
    fleet_key, root = _new_secrets(face)
    return SecretFolder(folder=folder, fleet_key=fleet_key, root=root)


def _new_secrets(face: Face) -> tuple[bytes, bytes]:
    """The fleet's key in its last generation, and the root: of these new meters are made."""
    settings = face.office.settings
    return newest_generation(settings), settings.root.read_bytes()
