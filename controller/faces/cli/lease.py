"""`relance lease`: which meters hold a lease, the permission to cut. The service renews leases by itself."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.options import Wide
from controller.faces.cli.showing import instants, moment, print_json, print_lines, print_table
from controller.faces.cli.verbs import verb
from controller.leases.views import LeaseView, lease_status
from protocols.arguments import read_name
from protocols.rim.terminal import Exit

_NAMED_MAX: Final = 8

app = typer.Typer(no_args_is_help=True, help="Show the leases that permit meters to cut.")


@verb(app, "status", "lease status", "lease status m00042 --json")
def status(
    face: Face,
    meter: Annotated[str | None, typer.Argument(metavar="[METER]", help="Only this meter.")] = None,
    *,
    wide: Wide = False,
) -> int:
    """Show which meters may cut at all: the lease given to each, and the one that it says it holds.

    Both by number. A meter that *cuts* does so inside its windows only; without a lease in force it cuts
    nobody, and neither while a flag, a hold or a release forbids it. Ends with 1 when nothing matches.
    """
    zone = face.zone
    named = None if meter is None else read_name(meter, "METER")
    now = face.now_ms()
    with face.office.reading() as session:
        views = lease_status(session, now, named)
    if face.as_json:
        alive = sum(view.held_ends_ms > now for view in views)
        print_json({"meters": [_fields(view, now) for view in views], "alive": alive})
    elif views:
        heads = ("meter", "given", "delivery", "until", "held", "held until", "cuts")
        rows = [
            (
                view.meter,
                str(view.rev) if view.order_id else "none",
                view.state or "",
                moment(view.ends_ms, zone, wide=wide) if view.order_id else "",
                str(view.held_rev) if view.held_rev else "none",
                moment(view.held_ends_ms, zone, wide=wide) if view.held_rev else "",
                "yes" if view.cuts(now) else "no",
            )
            for view in views
        ]
        print_table("", heads, rows)
        print_lines(*_forbidden(views, now))
    else:
        print_lines("No meter has come yet." if meter is None else f"No such meter: {meter}.")
    return Exit.DONE if views else Exit.NO


def _forbidden(views: Sequence[LeaseView], now: int) -> Iterator[str]:
    """Of meters that the lease alone would let cut, what forbids it."""
    found: dict[tuple[str, ...], list[str]] = {}
    for view in views:
        if view.held_ends_ms > now and view.forbidden_by:
            found.setdefault(tuple(view.forbidden_by), []).append(view.meter)
    for causes, meters in found.items():
        more = f" and {len(meters) - _NAMED_MAX} more" if len(meters) > _NAMED_MAX else ""
        yield f"No cut by {', '.join(causes)}: {', '.join(meters[:_NAMED_MAX])}{more}."


def _fields(view: LeaseView, now: int) -> dict[str, object]:
    return {
        "meter": view.meter,
        "order": view.order_id,
        "rev": view.rev,
        "delivery": view.state,
        "held_rev": view.held_rev,
        "alive": view.held_ends_ms > now,
        "cuts": view.cuts(now),
        "forbidden_by": view.forbidden_by,
        **instants(ends=view.ends_ms, held_ends=view.held_ends_ms or None),
    }
