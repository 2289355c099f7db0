"""`relance release`: one person restores the supply of one, several or all meters; and how long it took."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from controller.faces.cli.face import Face
from controller.faces.cli.options import Where
from controller.faces.cli.order_status import order_fields, print_status
from controller.faces.cli.showing import print_json, print_lines
from controller.meters.behind import count_silent
from controller.meters.choosing import METER_FIELDS
from controller.meters.views import meter_names
from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from controller.query.rules import read_query
from controller.releases.acts import release_all, release_meter
from controller.releases.views import Restored, by_card_alone, reached, refused_by_number, restored
from protocols.arguments import read_names
from protocols.documents.kind_rule import Kind
from protocols.errors import InputError
from protocols.instants import SECOND_MS
from protocols.limits import RELEASE_HOURS
from protocols.rim.terminal import Exit, complain, warn

# Each meter takes an order of its own; so many are signed in one transaction, which others wait for.
_ORDERS_AT_ONCE: Final = 512
# A group of meters; for more of them one order to the fleet is the right one.
METERS_MAX: Final = 10_000
# More orders than these are told by their first and last.
_ORDERS_SHOWN: Final = 20
# So many meters that only a card reaches are named; `--json` names all.
_NAMED_MAX: Final = 20
_POLL_S: Final = 0.1
_WAIT_S_MAX: Final = 3_600


def release_meters(
    face: Face,
    meters: Annotated[
        list[str] | None, typer.Argument(metavar="METER...", help="Meters to release; or --all.")
    ] = None,
    *,
    everybody: Annotated[bool, typer.Option("--all", help="The whole fleet.")] = False,
    where: Where = None,
    hours: Annotated[int, typer.Option(metavar="H", help="No cut for so long: 24, 48, 72 or 240.")] = 72,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the meters report supply.")] = False,
    patience_s: Annotated[
        int, typer.Option("--patience", metavar="S", help="Seconds that --wait waits at most.")
    ] = 60,
) -> int:
    """Give meters their supply back now, and let nothing cut them for some hours. One person is enough.

    With `--wait` the command ends with 0 once every meter has reported that its supply is back (a gas meter:
    that it is armed), and with 1 when that has not happened in time. Meters that only a card reaches are
    named at once and not waited for; with one of them it ends with 1. Where a meter refuses a release because
    its number is used up there, the command signs again above it, once. `--where` releases the meters that a
    query chooses (docs/queries.md); it ends with 1 where it chooses nobody.
    """
    names = _addressed(face, meters or [], where, everybody=everybody)
    if not names and not everybody:
        return _nobody(face)
    if hours not in RELEASE_HOURS:
        raise InputError(f"--hours: {hours}; allowed: {', '.join(map(str, RELEASE_HOURS))}")
    if not 1 <= patience_s <= _WAIT_S_MAX:
        raise InputError(f"--patience: {patience_s}; allowed: 1 to {_WAIT_S_MAX}")
    with face.acting(Kind.RELEASE, names) as act:
        first = names[:_ORDERS_AT_ONCE]
        statuses = (
            [release_all(act, hours)] if everybody else [release_meter(act, name, hours) for name in first]
        )
    for start in range(_ORDERS_AT_ONCE, len(names), _ORDERS_AT_ONCE):
        with face.again(act) as further:
            later = names[start : start + _ORDERS_AT_ONCE]
            statuses += [release_meter(further, name, hours) for name in later]
    waited, by_card = None, tuple[str, ...]()
    # Ctrl-C from the first line on that a person has seen.
    with _goes_on(statuses) if wait else nullcontext():
        if not face.as_json:
            _print_all(face, statuses)
        service = face.check_served(*statuses)
        if wait:
            until_ms = face.now_ms() + patience_s * SECOND_MS
            by_card = _named_by_card(face, statuses)
            _wait(face, statuses, until_ms)
            statuses += _signed_again(face, act, statuses, hours, until_ms)
            with face.office.reading() as session:
                waited = restored(session, statuses)
    if face.as_json:
        measured = {} if waited is None else {**msgspec.to_builtins(waited), "by_card": by_card}
        print_json({"orders": [order_fields(each) for each in statuses], **measured, **service})
    elif waited is not None:
        print_lines(_in_words(waited))
    return Exit.NO if waited is not None and waited.effective < waited.meters else Exit.DONE


@contextmanager
def _goes_on(statuses: Sequence[OrderStatus]) -> Iterator[None]:
    """Says at Ctrl-C that only the waiting has ended, and how to look again."""
    try:
        yield
    except KeyboardInterrupt:
        first, last = statuses[0].order.id, statuses[-1].order.id
        look = f"`relance orders show {first}`" + ("" if first == last else f" (to {last})")
        complain(
            "You wait no longer; the release stays in force, and `relance serve` goes on sending it. "
            f"To look again: {look}, or `relance status`."
        )
        raise


def _print_all(face: Face, statuses: Sequence[OrderStatus]) -> None:
    if len(statuses) <= _ORDERS_SHOWN:
        for status in statuses:
            print_status(status, face.zone)
        return
    ids = [status.order.id for status in statuses]
    print_lines(f"{len(ids)} meters are released, by orders {ids[0]} to {ids[-1]}.")


def _nobody(face: Face) -> int:
    """Tell that a query has chosen nobody: never the same as everybody."""
    if face.as_json:
        print_json({"orders": []})
    else:
        print_lines("No meter matches: nobody is released.")
    return Exit.NO


def _addressed(face: Face, meters: list[str], where: str | None, *, everybody: bool) -> tuple[str, ...]:
    """The meters that are meant; empty for the whole fleet, or where a query chooses nobody."""
    if [everybody, bool(meters), where is not None].count(True) != 1:
        raise InputError(
            "release: allowed: the meters' ids, or --all for the whole fleet, or --where; one of them"
        )
    if where is None:
        names, told = read_names(meters, "METER"), "METER: {} given"
    else:
        query = read_query(where, METER_FIELDS, "--where")
        with face.office.reading() as session:
            names, told = meter_names(session, query, face.now_ms()), "--where: {} meters match"
            silent = count_silent(session, query)
        warn([f"{silent} more match that have never spoken: they are not released"] if silent else [])
    if len(names) > METERS_MAX:
        raise InputError(f"{told.format(len(names))}; allowed: 1 to {METERS_MAX}, or --all")
    return names


def _signed_again(
    face: Face, act: Act, statuses: Sequence[OrderStatus], hours: int, until_ms: int
) -> list[OrderStatus]:
    """Release the meters again that refused a number, now above what they named; wait for them too."""
    with face.office.reading() as session:
        meters = refused_by_number(session, statuses)
    if not meters:
        return []
    with face.again(act) as further:
        released = [release_meter(further, meter, hours) for meter in meters]
    if not face.as_json:
        print_lines(f"{len(meters)} refused a number that is used up there: signed again above it.")
    _wait(face, released, until_ms)
    return released


def _named_by_card(face: Face, statuses: Sequence[OrderStatus]) -> tuple[str, ...]:
    """Say at once which meters only a card reaches; returns them."""
    with face.office.reading() as session:
        names = by_card_alone(session, [status.order.id for status in statuses])
    if names and not face.as_json:
        more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
        print_lines(
            f"Only a card reaches {', '.join(names[:_NAMED_MAX])}{more}: not waited for here. "
            "Supply is back there when the card was at a kiosk and then in the meter."
        )
    return names


def _wait(face: Face, statuses: Sequence[OrderStatus], until_ms: int) -> None:
    """Poll the store until every delivery is over but those that only a card brings, or the time is up."""
    order_ids = [status.order.id for status in statuses]
    total = sum(sum(status.deliveries.values()) for status in statuses)
    with _bar(quiet=face.as_json) as bar:
        task = bar.add_task("supply is back", total=total)
        while True:
            with face.office.reading() as session:
                come = reached(session, order_ids)
                by_card = len(by_card_alone(session, order_ids))
            bar.update(task, completed=come.effective)
            if come.over + by_card >= total or face.now_ms() >= until_ms:
                break
            time.sleep(_POLL_S)


def _in_words(waited: Restored) -> str:
    if not waited.meters:
        return "No meter is known yet: meters that register later get the order."
    sentence = f"Supply is back at {waited.effective} of {waited.meters} meters"
    if waited.p50_ms is None or waited.p99_ms is None:
        return f"{sentence}."
    p50_s, p99_s = (f"{took_ms / SECOND_MS:.2f} s" for took_ms in (waited.p50_ms, waited.p99_ms))
    return f"{sentence}; half of them within {p50_s}, 99 in a hundred within {p99_s}."


def _bar(*, quiet: bool) -> Progress:
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
