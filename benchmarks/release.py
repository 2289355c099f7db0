"""One release for a thousand meters that are off: seconds from its commit to the stored report of each meter.

Everything runs at rate 1, each part in its own process, as in production: the broker, the fleet with four
links, the controller on SQLite, and the operator who commits the release and reads the store. The meters were
cut by an order that two people signed, inside a window, in an hour that their crystals counted before the
links first connected.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, NamedTuple

from sqlmodel import Session, col, func, select

from benchmarks.brokers import EMBEDDED, available, running
from benchmarks.controller_service import FLEET_KEY, OPERATORS, Controller, root_in, serving, signers
from benchmarks.figures import Figure, Goal, Progress, at, figure_of
from benchmarks.households import WholeFleet
from benchmarks.processes import Pipe, beside
from controller.database.engine import reading, writing
from controller.database.tables import EventRow, MeterRow
from controller.orders.life import DeliveryState
from controller.orders.outbox import count_waiting
from controller.orders.store import draw_sheet, submit
from controller.orders.views import delivery_counts
from emulator.firmware.events import Document
from emulator.fleet.building import FleetSecrets, build_links
from emulator.fleet.pacing import PacedTime
from emulator.fleet.running import RunningLink
from emulator.links.link import Link
from emulator.population.plan import FleetPlan
from emulator.population.shipped import shipped_profiles
from protocols.documents.bodies import CutCalendarBody, CutOrderBody, LeaseBody
from protocols.documents.drafting import release
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE, Order, digest_of, write_document
from protocols.instants import HOUR_MS, UtcMs
from protocols.link.carriage import BrokerAddress
from protocols.reasons import Supply
from protocols.rim.clocks import now_ms
from protocols.spans import Window

_LINKS: Final = 4
_PATIENCE_S: Final = 120.0
# The time limit: a meter that is not back by then will not come back by itself.
_RELEASE_S_MAX: Final = 20.0
_POLL_S: Final = 0.03
# If the store has not changed for this long, no message is on its way any more.
_QUIET_S: Final = 1.0
# The window began so long ago; the cut came after the warning and the meter's turn in the window.
_BEFORE_MS: Final = 3 * HOUR_MS
_BUSY_PERCENT: Final = 60
_SLICE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a run: the full one, and a tiny one for the tests."""

    meters: int = 1_000
    repetitions: int = 5
    brokers: tuple[str, ...] = available()


def measure_release(size: Size, progress: Progress) -> list[Figure]:
    """Half and 99 in a hundred of the meters, and how long until the store says that supply is back."""
    figures: list[Figure] = []
    for name in size.brokers:
        took = _releases(size, name, progress)
        note = f"{size.meters} meters off, {name} broker, each part a process"
        goal = Goal("at most", 2) if name == EMBEDDED else None
        figures += [
            figure_of(f"release, half effective, {name}", [at(50, each) for each in took], "s", note=note),
            figure_of(f"release, p99, {name}", [at(99, each) for each in took], "s", goal=goal, note=note),
        ]
    with beside(_take_a_core):
        took = _releases(size, EMBEDDED, progress)
    busy = f"as above; {_BUSY_PERCENT} % of one core taken by another process"
    figures.append(
        figure_of(
            f"release, p99, {EMBEDDED}, busy machine",
            [at(99, each) for each in took],
            "s",
            goal=Goal("at most", 2),
            note=busy,
        )
    )
    return figures


def _releases(size: Size, broker: str, progress: Progress) -> list[list[float]]:
    took: list[list[float]] = []
    for number in range(size.repetitions):
        with running(broker) as address:
            took.append(_release_once(address, size.meters))
        progress(f"{broker} {number + 1}/{size.repetitions}")
    return took


def _take_a_core(_pipe: Pipe) -> None:
    """Compute for a part of each slice of time, and sleep for the rest, until ended."""
    while True:
        until_s = time.perf_counter() + _SLICE_S * _BUSY_PERCENT / 100
        while time.perf_counter() < until_s:
            pass
        time.sleep(_SLICE_S * (100 - _BUSY_PERCENT) / 100)


# -- the operator -----------------------------------------------------------------------------------


def _release_once(address: BrokerAddress, meters: int) -> list[float]:
    """Seconds from the commit to each meter's stored read-back, ascending, as a reader of the store sees it.

    Infinity for a meter whose read-back has not come.
    """
    with (
        serving(address) as controller,
        beside(_run_fleet, controller.root_envelope, meters, address) as fleet,
    ):
        off, events = fleet.recv()
        assert off == meters, f"{off} of {meters} meters are off"
        _wait_until_known(controller, meters, events)
        took = _release_all(controller, meters)
        with reading(controller.engine) as session:
            still_off = _count_off(session)
        assert still_off == sum(each == inf for each in took), f"{still_off} meters are off"
        return took


def _release_all(controller: Controller, meters: int) -> list[float]:
    at_ms = now_ms()
    with writing(controller.engine) as session:
        keyid = signers()[OPERATORS[0]].keyid
        order = release(draw_sheet(session, Kind.RELEASE, keyid, at_ms, "benchmark"), keyid)
        sealed = _sealed(order)
        submit(session, sealed, controller.root, OPERATORS[0], at_ms)
    committed_s = time.perf_counter()
    took: list[float] = []
    while len(took) < meters and time.perf_counter() - committed_s < _RELEASE_S_MAX:
        time.sleep(_POLL_S)
        effective = _effective(controller, order.id)
        took += [time.perf_counter() - committed_s] * (effective - len(took))
    return took + [inf] * (meters - len(took))


def _effective(controller: Controller, order: str) -> int:
    with reading(controller.engine) as session:
        return delivery_counts(session, [order]).get(order, {}).get(DeliveryState.EFFECTIVE, 0)


def _wait_until_known(controller: Controller, meters: int, events: int) -> None:
    """Wait until every meter has reported that it is off and why, and the store has stopped changing."""
    give_up_s = time.monotonic() + _PATIENCE_S
    seen, since_s = _standing(controller), time.monotonic()
    while seen.off < meters or seen.events < events or time.monotonic() - since_s < _QUIET_S:
        assert time.monotonic() < give_up_s, f"{seen}; {meters} meters off, {events} events are to be known"
        time.sleep(_POLL_S)
        now = _standing(controller)
        if now != seen:
            seen, since_s = now, time.monotonic()


class _Standing(NamedTuple):
    """The number of meters known to be off, and counts that change while any message is on its way."""

    off: int
    events: int
    reports: int
    waiting: int


def _count_off(session: Session) -> int:
    """The number of meters whose last report says that they are off."""
    off = select(func.count()).select_from(MeterRow).where(MeterRow.supply == Supply.OFF)
    return session.exec(off).one()


def _standing(controller: Controller) -> _Standing:
    with reading(controller.engine) as session:
        return _Standing(
            _count_off(session),
            session.exec(select(func.count()).select_from(EventRow)).one(),
            session.exec(select(func.coalesce(func.sum(col(MeterRow.report_number)), 0))).one(),
            count_waiting(session),
        )


# -- the fleet --------------------------------------------------------------------------------------


def _run_fleet(pipe: Pipe, root_envelope: bytes, meters: int, address: BrokerAddress) -> None:
    """Links with meters that were cut; first it says how many are off, and how many events explain it."""
    clock = PacedTime(now_ms())
    links = _links_that_were_cut(root_envelope, meters, clock.now_ms())
    cut = [each for link in links for each in link.meters.values()]
    off = sum(each.household.meter.glance.supply is Supply.OFF for each in cut)
    pipe.send((off, sum(len(each.untold(clock.now_ms(), 10_000)) for each in cut)))
    asyncio.run(_run_links([RunningLink(link, address, clock) for link in links]))


async def _run_links(running_links: Sequence[RunningLink]) -> None:
    async with asyncio.TaskGroup() as group:
        for each in running_links:
            group.create_task(each.run())


def _links_that_were_cut(root_envelope: bytes, meters: int, now_ms: int) -> list[Link]:
    began_ms = now_ms - _BEFORE_MS
    plan = FleetPlan(meters, _LINKS, 1, shipped_profiles()["wallonia-smart"])
    links = build_links(plan, FleetSecrets(root_in(root_envelope), FLEET_KEY), UtcMs(began_ms), None)
    documents = _documents(began_ms)
    for link in links:
        for meter in link.meters:
            for document in documents:
                link.apply(meter, Document(document), UtcMs(began_ms))
        link.advance(UtcMs(now_ms))
    return links


def _documents(began_ms: int) -> list[bytes]:
    fleet = WholeFleet(began_ms, began_ms + 24 * HOUR_MS)
    calendar = fleet.order(
        Kind.CUT_CALENDAR, "calendar/season", CutCalendarBody((Window(began_ms, began_ms + 12 * HOUR_MS),))
    )
    lease = fleet.order(
        Kind.LEASE, "lease/fleet", LeaseBody(calendar.object, calendar.rev, digest_of(calendar))
    )
    cut = fleet.order(Kind.CUT_ORDER, "cut/benchmark", CutOrderBody())
    return [_sealed(each) for each in (calendar, lease, cut)]


def _sealed(order: Order) -> bytes:
    """An order signed by as many people as its kind needs."""
    holders = {Role.HARM: OPERATORS, Role.PROTECT: OPERATORS[:1]}.get(KINDS[order.kind].role, ("service",))
    return seal(write_document(order), ORDER_TYPE, [signers()[holder] for holder in holders])
