"""`relance privacy`: who looked at households, for how long personal data is kept, and how it goes."""

from typing import Annotated, Any, Final

import typer
from msgspec import to_builtins

from controller.faces.cli.face import Face
from controller.faces.cli.options import LISTED_FOR_PEOPLE, LISTED_FOR_PROGRAMS, Limit
from controller.faces.cli.showing import instants, moment, print_json, print_lines, print_table
from controller.faces.cli.verbs import NAMED, PLAIN, verb
from controller.meters.behind import household_named, meter_of
from controller.meters.views import show_meter
from controller.privacy.accesses import AccessView, list_accesses
from controller.privacy.acts import limits_of, plan_purge, purge_now
from controller.privacy.purging import Purged
from protocols.arguments import read_name
from protocols.documents.kind_rule import Role
from protocols.errors import InputError
from protocols.rim.terminal import Exit
from protocols.words.en.times import local

app = typer.Typer(no_args_is_help=True, help="Who looked at households, and for how long data is kept.")

_HEADS: Final = ("when", "who", "user here", "what", "households")
_KINDS: Final = {
    "readings": "readings, rolled up by day and by month",
    "events": "entries of black boxes",
    "claims": "dates that meters heard",
    "accesses": "who looked at households",
    "left": "words of households that have left",
    "contacts": "how households are written to",
    "reminders": "where reminders were sent, and why they came back",
    "proofs": "proofs of steps",
}
_LIMITS: Final = {
    "readings": "every reading",
    "readings_by_day": "then the last of each day",
    "readings_by_month": "then the last of each month",
    "events": "entries of black boxes, dates that meters heard",
    "accesses": "who looked at a household",
    "left": "category, language and flags of who has left",
    "contacts": "how a household is written to, since a file last said so",
    "reminders": "addresses of reminders, and proofs of steps, after the deadline",
}


@verb(
    app,
    "accesses",
    "privacy accesses",
    "privacy accesses --meter m00042",
    "privacy accesses --ean 541448860000000011 --json",
)
def show_accesses(
    face: Face,
    *,
    meter: Annotated[
        str | None, typer.Option("--meter", metavar="METER", help="Only who looked at this household.")
    ] = None,
    ean: Annotated[str | None, typer.Option("--ean", metavar="EAN", help="The same, by its EAN.")] = None,
    limit: Limit = None,
) -> int:
    """Show who looked at which household, the latest first.

    Noted are `meters show` and `why`, `meters list` with --who or --json, `groups show`, `flag list`,
    `flag due`, `reactivation show` and `reactivation visit`. Of a list of more than 1,000 households it is
    not kept who was in it: it is shown for each. Ends with 1 where nobody looked, or there is no such meter.
    """
    if meter is not None and ean is not None:
        raise InputError("--meter and --ean; allowed: one of them")
    name = None if meter is None else read_name(meter, "--meter")
    name = name if ean is None else read_name(ean, "--ean")
    shown = limit or (LISTED_FOR_PROGRAMS if face.as_json else LISTED_FOR_PEOPLE)
    zone = face.zone
    with face.office.reading() as session:
        found = list_accesses(session, name, shown)
        if name is not None and all(each.whole_list for each in found):
            # Lists of everybody are shown for a household, and not for a slip of the pen.
            _ = (
                show_meter(session, meter_of(session, name))
                if ean is None
                else household_named(session, name)
            )
    if face.as_json:
        print_json({"accesses": [_access_fields(each) for each in found]})
    elif found:
        rows = [
            (
                moment(each.at_ms, zone),
                each.operator or "not said",
                each.os_user,
                each.command,
                str(each.shown),
            )
            for each in found
        ]
        print_table("", _HEADS, rows, wraps=("what",))
    else:
        print_lines("Nobody has looked.")
    return Exit.DONE if found else Exit.NO


@verb(app, "retention", "privacy retention", "privacy retention --json", shares=PLAIN)
def show_retention(face: Face) -> int:
    """Show for how many days personal data is kept. The file privacy.toml in the home sets it."""
    limits, path = limits_of(face.office), face.office.settings.privacy
    days: dict[str, int] = to_builtins(limits)
    if face.as_json:
        print_json({"keep_days": days, "file": str(path), "set": path.exists()})
        return Exit.DONE
    print_lines(f"{path}:" if path.exists() else f"No {path}: what the program brings counts.")
    print_table("", ("days", "keep_days", "what"), [(str(days[name]), name, _LIMITS[name]) for name in days])
    return Exit.DONE


@verb(
    app,
    "purge",
    "privacy purge --dry-run",
    "privacy purge --yes --as anna",
    shares=NAMED,
)
def purge_all(
    face: Face,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; take nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take it. It does not come back.")] = False,
) -> int:
    """Take away personal data that is older than the limits, and roll readings up by day and by month.

    What the ledger or the audit need stays. It may be killed and run again. It is refused while the service
    doubts its clock, or this machine's differs; and one purge goes at most 31 days beyond the last one, so
    that no wrong clock takes years at once.
    """
    if dry_run == yes:
        raise InputError("privacy purge; allowed: --dry-run, or --yes; one of them")
    zone = face.zone
    if dry_run:
        found = plan_purge(face.office, zone, face.here())
    else:
        actor = face.actor(Role.HARM)
        found = purge_now(face.office, zone, actor, face.here())
    if face.as_json:
        print_json(_fields(face, found, dry_run=dry_run))
        return Exit.DONE
    over: dict[str, int] = to_builtins(found.over)
    print_lines(f"{'Over' if dry_run else 'Taken'} as of {local(found.as_of_ms, zone)}:")
    print_table("", ("rows", "of what"), [(str(over[kind]), _KINDS[kind]) for kind in over])
    if _waits(face, found):
        print_lines("More is over: one purge goes only so far, and the next one goes on.")
    return Exit.DONE


def _waits(face: Face, found: Purged) -> bool:
    """Whether a further purge would take more."""
    return found.more or found.as_of_ms < face.here().now_ms - 60_000


def _fields(face: Face, found: Purged, *, dry_run: bool) -> dict[str, Any]:
    told = {"dry_run": dry_run, "rows": to_builtins(found.over), "more": _waits(face, found)}
    return told | instants(as_of=found.as_of_ms)


def _access_fields(view: AccessView) -> dict[str, Any]:
    return {
        "number": view.number,
        "operator": view.operator,
        "os_user": view.os_user,
        "command": view.command,
        "shown": view.shown,
        "whole_list": view.whole_list,
        **instants(at=view.at_ms),
    }
