"""`relance release`: supply back for one meter, some, or all, by one person; and how long it took."""

import sys
import time
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from controller.database.engine import reading
from controller.faces.cli.acting import Clerk, act, check_known
from controller.faces.cli.options import ZONE_DEFAULT, As, Basis, Database, Home, Json, Zone
from controller.faces.cli.order_words import order_fields, tell
from controller.faces.cli.showing import print_json, say
from controller.office.desk import Desk, open_desk
from controller.orders.drafting import FLEET, release
from controller.orders.life import DeliveryState
from controller.orders.standing import Standing
from controller.orders.views import delivery_counts, list_deliveries
from protocols.arguments import read_names
from protocols.cutting.zones import load_zone
from protocols.documents.orders import Kind, Order, Scope
from protocols.errors import InputError
from protocols.instants import SECOND_MS
from protocols.limits import RELEASE_HOURS
from protocols.rim.clocks import now_ms
from protocols.rim.terminal import Exit

ALL: Final = "all"
# One order per meter is signed; beyond this, the fleet's release is the one that is meant.
METERS_MAX: Final = 512
_POLL_S: Final = 0.1
_WAIT_S_MAX: Final = 3_600
# After which nothing more comes of a delivery by itself within the wait.
_OVER: Final = (
    DeliveryState.EFFECTIVE,
    DeliveryState.REFUSED,
    DeliveryState.EXPIRED,
    DeliveryState.SUPERSEDED,
)


def release_meters(
    meters: Annotated[list[str] | None, typer.Argument(metavar="METER...", help="Whom; or --all.")] = None,
    *,
    everybody: Annotated[bool, typer.Option("--all", help="The whole fleet.")] = False,
    hours: Annotated[int, typer.Option(metavar="H", help="No cut for so long: 24, 48, 72 or 240.")] = 72,
    wait: Annotated[bool, typer.Option("--wait", help="Until supply is back, as the meters say.")] = False,
    patience_s: Annotated[
        int, typer.Option("--patience", metavar="S", help="Seconds that --wait waits at most.")
    ] = 60,
    basis: Basis = "",
    by: As = None,
    zone: Zone = ZONE_DEFAULT,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Give meters their supply back now, and let nothing cut them for some hours. One person is enough.

    With `--wait` the command ends with 0 once every meter has said that its supply is back (a gas meter:
    that it is armed), and with 1 when that has not happened in time.
    """
    names = _addressed(meters or [], everybody=everybody)
    if hours not in RELEASE_HOURS:
        raise InputError(f"--hours: {hours}; allowed: {', '.join(map(str, RELEASE_HOURS))}")
    if not 1 <= patience_s <= _WAIT_S_MAX:
        raise InputError(f"--patience: {patience_s}; allowed: 1 to {_WAIT_S_MAX}")
    place = load_zone(zone, "--zone")

    def draft(clerk: Clerk) -> list[Order]:
        if everybody:
            return [release(clerk.sheet(Kind.RELEASE, ALL), ALL, hours, FLEET)]
        return [
            release(clerk.sheet(Kind.RELEASE, name), name, hours, Scope(meters=(name,))) for name in names
        ]

    with open_desk(home, database) as desk:
        check_known(desk, names)
        standings = act(desk, Kind.RELEASE, by, basis, draft)
        if not as_json:
            for standing in standings:
                tell(standing, place)
        waited = _wait(desk, standings, patience_s, quiet=as_json) if wait else {}
    if as_json:
        print_json({"orders": [order_fields(each) for each in standings], **waited})
    elif wait:
        say(_in_words(waited))
    return Exit.NO if waited and waited["effective"] < waited["meters"] else Exit.DONE


def _addressed(meters: list[str], *, everybody: bool) -> tuple[str, ...]:
    if everybody == bool(meters):
        raise InputError("release: allowed: the meters' ids, or --all for the whole fleet; one of them")
    names = read_names(meters, "METER")
    if len(names) > METERS_MAX:
        raise InputError(f"METER: {len(names)} given; allowed: 1 to {METERS_MAX}, or --all")
    return names


def _wait(desk: Desk, standings: Sequence[Standing], patience_s: int, *, quiet: bool) -> dict[str, Any]:
    """Watch the store until every delivery has come to its end; what was reached, and how fast."""
    until_ms = now_ms() + patience_s * SECOND_MS
    order_ids = [standing.order.id for standing in standings]
    total = sum(sum(standing.deliveries.values()) for standing in standings)
    with _bar(quiet=quiet) as bar:
        task = bar.add_task("supply is back", total=total)
        while True:
            counts = _counts(desk, order_ids)
            bar.update(task, completed=counts.get(DeliveryState.EFFECTIVE, 0))
            if sum(counts.get(state, 0) for state in _OVER) >= total or now_ms() >= until_ms:
                break
            time.sleep(_POLL_S)
    return _measured(desk, standings, total)


def _counts(desk: Desk, order_ids: Sequence[str]) -> dict[str, int]:
    summed: dict[str, int] = {}
    with reading(desk.store) as session:
        for counts in delivery_counts(session, order_ids).values():
            for state, count in counts.items():
                summed[state] = summed.get(state, 0) + count
    return summed


def _measured(desk: Desk, standings: Sequence[Standing], total: int) -> dict[str, Any]:
    """From the commit of the order to the stored read-back of each meter."""
    took_ms: list[int] = []
    with reading(desk.store) as session:
        for standing in standings:
            ways = list_deliveries(session, order_id=standing.order.id)
            took_ms += [
                way.effective_ms - standing.created_ms for way in ways if way.effective_ms is not None
            ]
    took_ms.sort()
    return {
        "meters": total,
        "effective": len(took_ms),
        "p50_ms": percentile(took_ms, 50),
        "p99_ms": percentile(took_ms, 99),
    }


def percentile(ascending: Sequence[int], percent: int) -> int | None:
    """The nearest-rank percentile: the least value that so many percent do not exceed. None of nothing."""
    if not ascending:
        return None
    return ascending[-(-len(ascending) * percent // 100) - 1]


def _in_words(waited: dict[str, Any]) -> str:
    if not waited["meters"]:
        return "No meter is known yet: those that come will be told."
    sentence = f"Supply is back at {waited['effective']} of {waited['meters']} meters"
    if waited["p50_ms"] is None:
        return f"{sentence}."
    p50_s, p99_s = (f"{waited[name] / SECOND_MS:.2f} s" for name in ("p50_ms", "p99_ms"))
    return f"{sentence}; half of them within {p50_s}, 99 in a hundred within {p99_s}."


def _bar(*, quiet: bool) -> Progress:
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
