"""`relance reactivation visit|visited|done|undo`: the way from door to door, and what was seen there."""

import csv
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import structs, to_builtins

from controller.faces.cli import reactivation_post as post_face
from controller.faces.cli.face import Face
from controller.faces.cli.options import LISTED_FOR_PEOPLE, LISTED_FOR_PROGRAMS, Limit
from controller.faces.cli.reactivation import HouseholdName, Name
from controller.faces.cli.showing import print_json, print_lines, print_table
from controller.faces.cli.verbs import LOOKING, NAMED, verb
from controller.reactivation.acts import lacks_terminal, record
from controller.reactivation.rules import Happening, LearnedBy
from controller.reactivation.views import DoorVisit, visits
from protocols.arguments import check_choice, read_instant, read_name
from protocols.documents.kind_rule import Role
from protocols.errors import InputError, quoted
from protocols.limits import TEXT_CHARS_MAX
from protocols.rim.terminal import Exit, line_of, warn
from protocols.words.en.reactivation import left_in_words

# These verbs stand beside the others of `relance reactivation`.
app = post_face.app

_FOUND: Final = (Happening.MET, Happening.ABSENT)
_STEPS: Final = tuple(each for each in Happening if each not in _FOUND)
# What spreadsheets take for a formula; a telephone number with its plus is none.
_FORMULA: Final = re.compile(r"[=@\t\r]|[+-](?![0-9])")
# With two columns that wrap it fits 80, whatever their words: the file has each in a column of its own.
_HEADS: Final = ("door", "household", "meter", "steps", "absent", "reached")
When = Annotated[str | None, typer.Option("--on", metavar="T", help="When it was, with an offset; else now.")]
What = Annotated[str, typer.Option("--step", metavar="STEP", help=f"{', '.join(_STEPS)}.")]
# What the network says is never typed: `collect` reads it from receipts.
_TYPED: Final = tuple(each for each in LearnedBy if each is not LearnedBy.MQTT)
ByChannel = Annotated[
    str, typer.Option("--channel", metavar="NAME", help=f"How it is known: {', '.join(_TYPED)}.")
]


@verb(
    app,
    "visit",
    "reactivation visit june-2020",
    "reactivation visit june-2020 --out route.csv",
    "reactivation visit june-2020 --limit 1000 --json",
    shares=LOOKING,
)
def visit(
    face: Face,
    name: Name,
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write all doors into a new file instead.")
    ] = None,
    limit: Limit = None,
) -> int:
    """List the doors of all who are not done, street by street, for technicians. Ends with 1 for none.

    Those without an address come last. Where a household has left since, nobody knows who lives there now:
    the list has no such door, and says how many there are. `--out` writes a CSV file that only you can read.
    """
    read_name(name, "NAME")
    with face.office.reading() as session:
        listed = visits(session, name)
    found = listed.doors
    most = limit or (LISTED_FOR_PROGRAMS if face.as_json else LISTED_FOR_PEOPLE)
    shown = found[:most]
    face.note_access("reactivation visit", [each.meter for each in (shown if out is None else found)])
    if out is not None:
        _write(out, found)
    if face.as_json:
        doors = [] if out is not None else to_builtins(shown)
        more = len(found) - len(doors)
        print_json({"name": name, "doors": doors, "total": len(found), "more": more, "left": listed.left})
        return Exit.DONE if found else Exit.NO
    if out is not None:
        print_lines(f"{out}: {len(found)} doors.")
    elif found:
        print_table("", _HEADS, [_row(each) for each in shown], wraps=("door", "household"))
        if len(found) > most:
            print_lines(f"and {len(found) - most} more: add a higher --limit, or --out FILE.csv")
    else:
        who = "All who have not left" if listed.left else "All"
        print_lines(f"{who} are done: there is no door to go to.")
    print_lines(*left_in_words(listed.left))
    return Exit.DONE if found else Exit.NO


@verb(
    app,
    "visited",
    "reactivation visited june-2020 m00042 --found absent --on 2020-06-20T10:15+02:00",
    shares=NAMED,
)
def visited(
    face: Face,
    name: Name,
    household: HouseholdName,
    *,
    found: Annotated[str, typer.Option(metavar="WORD", help="met, or absent.")],
    channel: ByChannel = LearnedBy.TECHNICIAN,
    on: When = None,
    proof: Annotated[str, typer.Option(metavar="TEXT", help="Such as the number of the visit's card.")] = "",
) -> int:
    """Record that somebody was at a door, or called: the household was met, or nobody was there."""
    check_choice(found, _FOUND, "--found")
    return _record(face, name, household, Happening(found), channel, on, proof)


@verb(
    app,
    "done",
    "reactivation done june-2020 m00042 --step card_back --channel technician --proof 'photo 118'",
    "reactivation done june-2020 m00042 --step at_terminal --channel card --on 2020-06-29T17:40+02:00",
    shares=NAMED,
)
def done(
    face: Face,
    name: Name,
    household: HouseholdName,
    *,
    step: What = Happening.CARD_BACK,
    channel: ByChannel = LearnedBy.CLERK,
    on: When = None,
    proof: Annotated[str, typer.Option(metavar="TEXT", help="What proves it.")] = "",
) -> int:
    """Record that a household has done a step. The third one ends its reminders.

    The same step by the same channel again changes nothing. What a card or the meter says, or a technician
    has seen, is proved; what the household says at a desk or on the telephone is not. `card_back` without
    `at_terminal` is recorded, and one line says so.
    """
    check_choice(step, _STEPS, "--step")
    return _record(face, name, household, Happening(step), channel, on, proof)


@verb(
    app,
    "undo",
    "reactivation undo june-2020 m00042 --step card_back --channel clerk --proof 'another household'",
    shares=NAMED,
)
def undo(
    face: Face,
    name: Name,
    household: HouseholdName,
    *,
    step: Annotated[str, typer.Option("--step", metavar="WORD", help=f"{', '.join(Happening)}.")],
    channel: Annotated[str, typer.Option(metavar="NAME", help=f"By which channel: {', '.join(LearnedBy)}.")],
    proof: Annotated[str, typer.Option(metavar="TEXT", help="Why it is taken back.")] = "",
) -> int:
    """Take back what was recorded by mistake. Both stay: what was known on a day can still be asked."""
    check_choice(step, Happening, "--step")
    return _record(face, name, household, Happening(step), channel, None, proof, withdrawn=True)


def _record(
    face: Face,
    name: str,
    household: str,
    what: Happening,
    channel: str,
    on: str | None,
    proof: str,
    *,
    withdrawn: bool = False,
) -> int:
    read_name(name, "NAME")
    read_name(household, "METER")
    check_choice(channel, LearnedBy if withdrawn else _TYPED, "--channel")
    if len(proof) > TEXT_CHARS_MAX or not proof.isprintable():
        raise InputError(f"--proof: {quoted(proof)}; allowed: up to {TEXT_CHARS_MAX} characters on one line")
    happened_ms = None if on is None else read_instant(on, "--on")
    with face.acting_as(Role.PROTECT) as act:
        is_new = record(
            act,
            name,
            household,
            what,
            LearnedBy(channel),
            act.now_ms if happened_ms is None else happened_ms,
            proof=proof,
            withdrawn=withdrawn,
        )
        unseen = what is Happening.CARD_BACK and not withdrawn and lacks_terminal(act, name, household)
    if unseen:
        warn([f"{household}: at_terminal is not recorded; without it the card brings the meter nothing new"])
    if face.as_json:
        print_json(
            {"name": name, "household": household, "what": what, "new": is_new, "without_terminal": unseen}
        )
    elif withdrawn:
        print_lines(f"{household}: {what} by {channel} is taken back.")
    else:
        print_lines(f"{household}: {what} by {channel} {'is recorded' if is_new else 'was known before'}.")
    return Exit.DONE


def _row(door: DoorVisit) -> tuple[str, ...]:
    place = " ".join(filter(None, (door.postcode, door.town)))
    address = ", ".join(filter(None, (place, door.street)))
    household = ", ".join(filter(None, (door.name, door.phone)))
    return (address, household, door.meter, str(door.steps), str(door.absent), door.reached)


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write(out: Path, found: Sequence[DoorVisit]) -> None:
    try:
        with open(out, "x", encoding="utf-8", newline="", opener=_for_us_alone) as file:  # an opener
            writer = csv.writer(file)
            writer.writerow(DoorVisit.__struct_fields__)
            writer.writerows([cell_of(value) for value in structs.astuple(each)] for each in found)
    except OSError as error:
        raise InputError(line_of(error)) from None


def cell_of(value: object) -> str:
    """A value as a spreadsheet shows it: a name that looks like a formula must not be carried out there."""
    text = _text(value)
    return f"'{text}" if _FORMULA.match(text) else text


def _text(value: object) -> str:
    return "" if value is None else str(value)
