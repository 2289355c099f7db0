"""`relance meters admit|quarantine|admission`: which meters the controller speaks with."""

from typing import Annotated

import typer
from msgspec import to_builtins

from controller.connections.readmitting import ReadmittedMeter
from controller.connections.readmitting import admit_meters as admit_all
from controller.faces.cli import meters as meters_face
from controller.faces.cli.face import Face
from controller.faces.cli.showing import instants, moment, print_json, print_lines, print_table
from controller.faces.cli.verbs import NAMED, verb
from controller.meters import acts
from controller.meters.admission import (
    Admission,
    QuarantineView,
    admission_of,
    list_quarantine,
    read_admission,
)
from controller.meters.views import show_meter
from protocols.arguments import read_name
from protocols.documents.kind_rule import Role
from protocols.rim.terminal import Exit
from protocols.words.en.amounts import eur

# These verbs stand beside the others of `relance meters`.
app = meters_face.app

_HEADS = ("name", "over link", "why", "messages", "first", "last")
_WHY = {"unverified": "proves nothing", "not_admitted": "admission is closed", "retired": "it left the fleet"}


@verb(app, "quarantine", "meters quarantine", "meters quarantine --json")
def show_quarantine(face: Face) -> int:
    """List meters and links that are not admitted, with how many messages named them.

    Ends with 1 when nobody waits. The list is bounded: what had no room is counted in its last line.
    """
    zone = face.zone
    with face.office.reading() as session:
        found, admission = list_quarantine(session), admission_of(session)
    if face.as_json:
        print_json({"admission": admission, "quarantine": [_fields(view) for view in found]})
    elif found:
        rows = [
            (
                view.name or "others, without room",
                view.link,
                _WHY.get(view.why, view.why),
                str(view.count),
                moment(view.first_ms, zone),
                moment(view.last_ms, zone),
            )
            for view in found
        ]
        print_table("Quarantine", _HEADS, rows)
    else:
        print_lines("Nobody waits.")
    return Exit.DONE if found else Exit.NO


@verb(app, "admit", "meters admit m00042", "meters admit m00042 --link link-3", shares=NAMED)
def admit_meters(
    face: Face,
    meters: Annotated[list[str], typer.Argument(metavar="METER...", help="The ids of the meters.")],
    *,
    link: Annotated[
        str | None, typer.Option(metavar="LINK", help="Where they will be; else where they were heard.")
    ] = None,
) -> int:
    """Admit meters: orders go to them from now on, and their own words count.

    For a meter of an older firmware, which proves nothing at first, and for every new meter while admission
    is closed.
    """
    names = [read_name(meter, "METER") for meter in meters]
    at = None if link is None else read_name(link, "--link")
    actor = face.actor(Role.PROTECT)
    admitted = admit_all(face.office.store, names, at, actor, face.now_ms())
    new = admitted.new
    with face.office.reading() as session:
        links = {name: show_meter(session, name).link for name in names}
    if face.as_json:
        back = to_builtins(admitted.back)
        print_json({"admitted": new, "known_before": sorted(set(names) - set(new)), "back": back})
    else:
        print_lines(*(_admitted(name, links[name], at, is_new=name in new) for name in names))
        print_lines(*(line for each in admitted.back for line in _back_in_words(each)))
    return Exit.DONE


@verb(app, "admission", "meters admission", "meters admission closed", shares=NAMED)
def change_admission(
    face: Face,
    wanted: Annotated[str | None, typer.Argument(metavar="[open|closed]", help="How it is to be.")] = None,
) -> int:
    """Show, open or close admission. While it is closed only `meters admit` makes a meter known.

    Meters that are known already are not touched.
    """
    if wanted is not None:
        chosen = read_admission(wanted)
        acts.change_admission(face.office.store, chosen, face.actor(Role.PROTECT), face.now_ms())
    with face.office.reading() as session:
        found = admission_of(session)
    if face.as_json:
        print_json({"admission": found})
    else:
        meaning = (
            "a meter that proves who it is" if found is Admission.OPEN else "only who is admitted by hand"
        )
        print_lines(f"Admission is {found}: {meaning}.")
    return Exit.DONE


def _admitted(meter: str, link: str, wanted: str | None, *, is_new: bool) -> str:
    """What became of a meter that was to be admitted, at the link `wanted` if one was named."""
    if is_new:
        return f"{meter}: admitted, at {link}."
    moves = "" if wanted in {None, link} else f"; it moves to {wanted} by its own word alone"
    return f"{meter}: is known already, at {link}; nothing has changed{moves}."


def _back_in_words(back: ReadmittedMeter) -> list[str]:
    """What of its money a meter that was removed has with it again, and what may be out of it meanwhile."""
    lines = []
    if back.waits_ueur:
        lines.append(f"{eur(back.waits_ueur)} EUR of payments wait for it again, to be booked.")
    if back.sent:
        lines.append(f"Sent again, as it had not come to the meter: {', '.join(back.sent)}.")
    if back.worth_ueur is not None and back.worth_ueur > 0:
        lines.append(
            f"{eur(back.worth_ueur)} EUR were told as owed when it left, and are on its purse or on their "
            f"way to it: `relance refund {back.meter}` takes out what was paid back meanwhile."
        )
    return lines


def _fields(view: QuarantineView) -> dict[str, object]:
    return {
        "name": view.name,
        "link": view.link,
        "why": view.why,
        "count": view.count,
        **instants(first=view.first_ms, last=view.last_ms),
    }
