"""`relance lease`: which meters hold a lease, the permission to cut. The service renews leases by itself."""

from typing import Annotated

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.showing import instants, print_json, print_lines, print_table
from controller.faces.cli.verbs import verb
from controller.leases.views import LeaseView, lease_status
from protocols.arguments import read_name
from protocols.rim.terminal import Exit
from protocols.words.en.times import local

app = typer.Typer(no_args_is_help=True, help="Show the leases that permit meters to cut.")


@verb(app, "status", "lease status", "lease status m00042 --json")
def status(
    face: Face,
    meter: Annotated[str | None, typer.Argument(metavar="[METER]", help="Only this meter.")] = None,
) -> int:
    """Show which meters may cut at all: the lease sent to each, and the one that it says it holds.

    A meter without a lease in force cuts nobody. Ends with 1 when nothing matches.
    """
    zone = face.zone
    named = None if meter is None else read_name(meter, "METER")
    with face.office.reading() as session:
        views = lease_status(session, named)
    now = face.now_ms()
    if face.as_json:
        alive = sum(view.held_ends_ms > now for view in views)
        print_json({"meters": [_fields(view, now) for view in views], "alive": alive})
    elif views:
        heads = ("meter", "lease given", "delivery", "until", "lease held", "until", "may cut")
        rows = [
            (
                view.meter,
                str(view.rev) if view.order_id else "none",
                view.state or "",
                local(view.ends_ms, zone) if view.order_id else "",
                str(view.held_rev) if view.held_rev else "none",
                local(view.held_ends_ms, zone) if view.held_rev else "",
                "inside windows" if view.held_ends_ms > now else "no",
            )
            for view in views
        ]
        print_table("Leases", heads, rows)
    else:
        print_lines("No meter has come yet." if meter is None else f"No such meter: {meter}.")
    return Exit.DONE if views else Exit.NO


def _fields(view: LeaseView, now: int) -> dict[str, object]:
    return {
        "meter": view.meter,
        "order": view.order_id,
        "rev": view.rev,
        "delivery": view.state,
        "held_rev": view.held_rev,
        "alive": view.held_ends_ms > now,
        **instants(ends=view.ends_ms, held_ends=view.held_ends_ms or None),
    }
