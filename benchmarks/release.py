"""A thousand meters that are really off, and one release: seconds from its commit to the stored read-back.

Everything runs at rate 1 in one process: four links, the broker, the controller on SQLite. The meters were
cut by an order that two people signed, inside a window, in an hour that their crystals counted before the
links ever connected.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from benchmarks.brokers import available, running
from benchmarks.controller_service import FLEET_KEY, OPERATORS, Controller, end, serving
from benchmarks.figures import Figure, Goal, Progress, figure_of
from benchmarks.households import WholeFleet
from controller.policy.drafting import release
from controller.policy.orders_life import DeliveryState
from controller.store.engine import reading, writing
from controller.store.orders import draw_sheet, submit
from controller.store.queries import count_meters, delivery_counts
from emulator.firmware.events import Document
from emulator.fleet import FleetPlan, RunningLink, Secrets, build_links
from emulator.link import Link
from emulator.shipped import shipped_profiles
from protocols.carriage import BrokerAddress
from protocols.envelope import Signer, seal
from protocols.instants import HOUR_MS
from protocols.orders import (
    KINDS,
    ORDER_TYPE,
    CutCalendarBody,
    CutOrderBody,
    Kind,
    LeaseBody,
    Order,
    Role,
    digest_of,
    write_document,
)
from protocols.reasons import Supply

_LINKS: Final = 4
_PATIENCE_S: Final = 120.0
# What has not come back by then never will by itself.
_RELEASE_S_MAX: Final = 20.0
_POLL_S: Final = 0.03
# The window began so long ago; the cut came after the warning and the meter's turn in the window.
_BEFORE_MS: Final = 3 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Size:
    """How much of each: a full run, and a tiny one for the tests."""

    meters: int = 1_000
    repetitions: int = 3
    brokers: tuple[str, ...] = available()


def measure_release(size: Size, progress: Progress) -> list[Figure]:
    """Half and 99 in a hundred of the meters, and how long until the store says that supply is back."""
    figures: list[Figure] = []
    for name in size.brokers:
        took: list[list[float]] = []
        for number in range(size.repetitions):
            with running(name) as address:
                took.append(asyncio.run(_release_once(address, size.meters)))
            progress(f"{name} {number + 1}/{size.repetitions}")
        note = f"{size.meters} meters off, {name} broker"
        goal = Goal("at most", 2) if name == "embedded" else None
        figures += [
            figure_of(f"release, half effective, {name}", [at(50, each) for each in took], "s", note=note),
            figure_of(f"release, p99, {name}", [at(99, each) for each in took], "s", goal=goal, note=note),
        ]
    return figures


def at(percent: int, ascending: Sequence[float]) -> float:
    """The nearest-rank percentile."""
    return ascending[-(-len(ascending) * percent // 100) - 1]


async def _release_once(address: BrokerAddress, meters: int) -> list[float]:
    """Seconds from the commit to each meter's stored read-back, ascending, as a reader of the store sees it.

    Infinity for a meter whose read-back has not come.
    """
    async with serving(address) as controller:
        links = _links_that_were_cut(controller, meters)
        off = sum(
            each.household.meter.point.supply is Supply.OFF for link in links for each in link.meters.values()
        )
        assert off == meters, f"{off} of {meters} meters are off"
        runners = [RunningLink(link, address, controller.time) for link in links]
        running_links = [asyncio.create_task(each.run()) for each in runners]
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await _until_known(controller, meters)
            return await _release_all(controller, meters)
        finally:
            await end(running_links)


async def _release_all(controller: Controller, meters: int) -> list[float]:
    now_ms = controller.time.now_ms()
    with writing(controller.engine) as session:
        order = release(draw_sheet(session, Kind.RELEASE, "all", now_ms, "benchmark"), "all")
        sealed = seal(write_document(order), ORDER_TYPE, [controller.signers[OPERATORS[0]]])
        submit(session, order, sealed, controller.service.root, OPERATORS[0], now_ms)
    committed_s = time.perf_counter()
    took: list[float] = []
    while len(took) < meters and time.perf_counter() - committed_s < _RELEASE_S_MAX:
        await asyncio.sleep(_POLL_S)
        effective = await asyncio.to_thread(_effective, controller, order.id)
        took += [time.perf_counter() - committed_s] * (effective - len(took))
    return took + [inf] * (meters - len(took))


def _effective(controller: Controller, order: str) -> int:
    with reading(controller.engine) as session:
        return delivery_counts(session, [order])[order].get(DeliveryState.EFFECTIVE, 0)


async def _until_known(controller: Controller, meters: int) -> None:
    """Until every meter has said that it is off, and nothing else is on its way."""
    while True:
        await controller.quiet()
        with reading(controller.engine) as session:
            if count_meters(session).get(Supply.OFF.value, 0) == meters:
                return
        await asyncio.sleep(_POLL_S)


def _links_that_were_cut(controller: Controller, meters: int) -> list[Link]:
    now_ms = controller.time.now_ms()
    began_ms = now_ms - _BEFORE_MS
    plan = FleetPlan(meters, _LINKS, 1, shipped_profiles()["wallonia-smart"])
    links = build_links(plan, Secrets(controller.service.root, FLEET_KEY), began_ms, None)
    documents = _documents(controller.signers, began_ms)
    for link in links:
        for meter in link.meters:
            for document in documents:
                link.apply(meter, Document(document), began_ms)
        link.advance(now_ms)
    return links


def _documents(signers: dict[str, Signer], began_ms: int) -> list[bytes]:
    fleet = WholeFleet(began_ms, began_ms + 24 * HOUR_MS)
    calendar = fleet.order(
        Kind.CUT_CALENDAR, "calendar/season", CutCalendarBody(((began_ms, began_ms + 12 * HOUR_MS),))
    )
    lease = fleet.order(
        Kind.LEASE, "lease/fleet", LeaseBody(calendar.object, calendar.rev, digest_of(calendar))
    )
    cut = fleet.order(Kind.CUT_ORDER, "cut/benchmark", CutOrderBody())
    return [_sealed(each, signers) for each in (calendar, lease, cut)]


def _sealed(order: Order, signers: dict[str, Signer]) -> bytes:
    holders = OPERATORS if KINDS[order.kind].role is Role.HARM else ("service",)
    return seal(write_document(order), ORDER_TYPE, [signers[holder] for holder in holders])
