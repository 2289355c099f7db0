"""`relance status`: does the service serve, how is the fleet, and what waits for people."""

import sys
import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.presence import Seen, look, unserved_in_words
from controller.faces.cli.showing import instants, print_json, print_lines
from controller.meters.registry import LinkState
from controller.service.views import Overview, overview
from protocols.rim.terminal import Exit
from protocols.words.en.times import duration

_AGAIN_S: Final = 2.0
_NAMED_MAX: Final = 5
_SILENT: Final = "`relance meters list --where expected==true`"
_LEFT: Final = "`relance meters quarantine`"
_ABOVE: Final = "relance orders sign ID"
_DUE: Final = "`relance flag due`"
# Clears the screen and goes to its corner (ECMA-48, ED and CUP).
_CLEAR: Final = "\x1b[2J\x1b[H"


def show_status(
    face: Face,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Again every two seconds, until Ctrl-C.")] = False,
) -> int:
    """Show whether `relance serve` serves, how many meters are well, and what waits for people.

    Ends with 0 when the service runs and has its broker, else with 1.
    """
    while True:
        seen = look(face.office)
        with face.office.reading() as session:
            view = overview(session, face.office.root, face.now_ms())
        if face.as_json:
            print_json(_fields(seen, view))
        else:
            if watch and sys.stdout.isatty():
                sys.stdout.write(_CLEAR)
            print_lines(*_sentences(seen, view))
        if not watch:
            return Exit.DONE if seen.serves else Exit.NO
        sys.stdout.flush()
        time.sleep(_AGAIN_S)


def _sentences(seen: Seen, view: Overview) -> list[str]:
    online = [link for link in view.links if link.state == LinkState.ONLINE]
    heard = f"{len(online)} of {len(view.links)} online" if seen.serves else "not heard: nobody listens"
    unsigned = sum(link.state == LinkState.UNVERIFIED for link in view.links)
    if seen.serves and unsigned:
        heard += f", {unsigned} not known: an older firmware, or not heard yet"
    return [
        _service(seen),
        f"Links: {len(view.links)}, {heard}." if view.links else "Links: none has come yet.",
        f"Meters: {view.meters}. Supply: {_counts(view.supply)}. Clock: {_counts(view.clock)}.",
        *_of_the_file(view),
        f"Waiting for a further signature: {_named(view.drafts, 'relance orders list --state draft')}.",
        *_above(view),
        *([f"Keys voided by: {_named(view.voided, 'relance void list')}."] if view.voided else []),
        f"Disputed clocks: {_named(view.disputed, 'relance meters list --clock disputed')}.",
        *(
            [f"Meters on cards that cannot cut until a technician comes: {view.too_wide}."]
            if view.too_wide
            else []
        ),
        *_of_those_who_left(view),
        f"Deliveries that have not left yet: {view.queued}.",
        *(
            [f"Payments that are not booked yet: {view.payments_requested}."]
            if view.payments_requested
            else []
        ),
        f"Black boxes with missing entries: {view.gaps}.",
        *(
            [f"Entries of the audit lost by a restored backup: {view.lost_entries}; `relance audit verify`."]
            if view.lost_entries
            else []
        ),
    ]


def _of_the_file(view: Overview) -> list[str]:
    """What the DSO's file says and nobody has heard or ordered yet."""
    silent = f"Meters of the DSO's file that never spoke: {view.expected}; {_SILENT}."
    due = f"Flags of the file that no order sets: {view.flags_due}; {_DUE}."
    return [*([silent] if view.expected else []), *([due] if view.flags_due else [])]


def _above(view: Overview) -> list[str]:
    """Payments that no meter credits before two people have signed them, or the allowance covers them."""
    if not view.above_allowance:
        return []
    return [f"Payments above their issuer's allowance: {_named(view.above_allowance, _ABOVE)}."]


def _of_those_who_left(view: Overview) -> list[str]:
    """Meters whose links go on telling what they say, though nobody acknowledges it."""
    speaking = f"Meters that left the fleet and still speak: {view.left_speaking}; {_LEFT}."
    return [speaking] if view.left_speaking else []


def _service(seen: Seen) -> str:
    wrong = unserved_in_words(seen)
    sign = seen.sign
    if wrong is not None or sign is None:
        return f"Service: {wrong}."
    since = duration((sign.tick_ms - sign.began_tick_ms) // 1_000 * 1_000)
    return f"Service: `relance serve` on {sign.host} serves at {sign.broker}, for {since}."


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def _named(names: tuple[str, ...], command: str) -> str:
    if not names:
        return "none"
    shown = ", ".join(names[:_NAMED_MAX])
    return f"{shown}; `{command}`" if len(names) <= _NAMED_MAX else f"{len(names)}; `{command}`"


def _fields(seen: Seen, view: Overview) -> dict[str, Any]:
    sign = seen.sign
    service = {
        "presence": seen.presence,
        "age_ms": seen.age_ms,
        "host": None if sign is None else sign.host,
        "broker": None if sign is None else sign.broker,
        "connected": seen.serves,
        "running_ms": None if sign is None else sign.tick_ms - sign.began_tick_ms,
    }
    return {
        "service": service,
        "links": [
            {
                "id": link.id,
                "state": link.state,
                "online": seen.serves and link.state == LinkState.ONLINE,
                "meters": link.meters,
                **instants(seen=link.seen_ms),
            }
            for link in view.links
        ],
        "meters": {"total": view.meters, "supply": view.supply, "clock": view.clock},
        "drafts": view.drafts,
        "voided": view.voided,
        "disputed": view.disputed,
        "payments_above_allowance": view.above_allowance,
        "queued": view.queued,
        "payments_requested": view.payments_requested,
        "black_boxes_with_gaps": view.gaps,
        "lost_entries": view.lost_entries,
        "meters_expected": view.expected,
        "flags_due": view.flags_due,
        "clocks_too_wide": view.too_wide,
        "left_speaking": view.left_speaking,
    }
