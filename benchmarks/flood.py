"""Honest top-ups under a flood from somebody who has no key: seconds until each is effective.

Everything runs at rate 1, each part in its own process: the broker, the fleet with four links, the controller
on SQLite, whoever floods, and the clerk who books the top-ups, spread over the flood. The flood comes in
bursts with a pause between them, since an endless one fills any broker, whatever we do. It has the form of
honest words, so that it is read to the end.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle, islice
from typing import Final

import aiomqtt
from sqlmodel import col, func, select

from benchmarks.brokers import available, running
from benchmarks.controller_service import FLEET_KEY, OPERATORS, Controller, root_in, serving, signers
from benchmarks.figures import Figure, Goal, Progress, at
from benchmarks.processes import Pipe, beside
from benchmarks.wire import client_of
from controller.database.engine import reading
from controller.database.tables import DeliveryRow, MeterRow
from controller.office.people import Actor
from controller.orders.acting import acting
from controller.orders.life import DeliveryState
from controller.payments.acts import top_up
from emulator.fleet.building import FleetSecrets, build_links
from emulator.fleet.pacing import PacedTime
from emulator.fleet.running import RunningLink
from emulator.population.plan import FleetPlan
from emulator.population.shipped import shipped_profiles
from protocols.link.carriage import BrokerAddress
from protocols.link.messages import (
    ControllerStatus,
    MeterHolds,
    Receipt,
    Status,
    Sync,
    TimeAsk,
    write_message,
    write_report,
)
from protocols.link.proofs import Purpose, with_mac
from protocols.link.topics import Channel, Place, topic_of
from protocols.reasons import ClockStatus, Did, Energy, OrderVerdict, Source, Supply
from protocols.rim.clocks import now_ms
from protocols.units import UEUR_PER_EUR

Burst = Callable[[int], Iterator[tuple[Place, bytes]]]

_LINKS: Final = 4
_WRONG_KEY: Final = b"w" * 32
_PATIENCE_S: Final = 60.0
_POLL_S: Final = 0.01
# If the store has not changed for this long, the fleet has told all that it had to tell.
_QUIET_S: Final = 1.0
# A sync of this many meters is as large as a message may be.
_PER_SYNC: Final = 35


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a run: the full one, and a tiny one for the tests. `share`: one in so many."""

    meters: int = 200
    top_ups: int = 120
    every_s: float = 0.2
    pause_s: float = 4.0
    share: int = 1
    brokers: tuple[str, ...] = available()
    floods: tuple[str, ...] = ()


def measure_floods(size: Size, progress: Progress) -> list[Figure]:
    """Half and 99 in a hundred of the honest top-ups, without a flood and under each."""
    figures: list[Figure] = []
    for broker in size.brokers:
        for name in size.floods or FLOODS:
            took = _under(name, broker, size)
            note = f"{size.top_ups} top-ups, {size.meters} meters, {broker} broker; {FLOODS[name][0]}"
            spread, goal = (took[0], took[-1]), Goal("at most", 2)
            figures += [
                Figure(f"top-up, half effective, {name}, {broker}", at(50, took), "s", spread, note=note),
                Figure(f"top-up, p99, {name}, {broker}", at(99, took), "s", spread, goal, note),
            ]
            progress(f"{name}, {broker}")
    return figures


def _under(name: str, broker: str, size: Size) -> list[float]:
    """Seconds from each command to its stored proof, ascending; infinity for what is not effective."""
    with (
        running(broker) as address,
        serving(address) as controller,
        beside(_run_fleet, controller.root_envelope, size.meters, address) as fleet,
    ):
        meters: list[str] = fleet.recv()
        _wait_until_quiet(controller, len(meters))
        with beside(_flood, name, address, size.share, size.pause_s) as flood:
            flood.recv()
            return _top_up_all(controller, meters, size)


# -- the clerk --------------------------------------------------------------------------------------


def _top_up_all(controller: Controller, meters: Sequence[str], size: Size) -> list[float]:
    actor = Actor(OPERATORS[0], signers()[OPERATORS[0]])
    begun_s = time.perf_counter()
    waiting: dict[str, float] = {}
    took: list[float] = []
    for number, meter in enumerate(islice(cycle(meters), size.top_ups)):
        due_s = begun_s + number * size.every_s
        while time.perf_counter() < due_s:
            took += _arrived(controller, waiting)
            time.sleep(_POLL_S)
        # From when it was due, so that a clerk who must wait for the store is counted too.
        with acting(controller.engine, controller.root, actor, now_ms(), "benchmark") as act:
            status = top_up(act, f"p{number}", meter, 5 * UEUR_PER_EUR).status
        assert status is not None, "no issuers are in force here: the clerk's key signs"
        waiting[status.order.id] = due_s
    give_up_s = time.perf_counter() + _PATIENCE_S
    while waiting and time.perf_counter() < give_up_s:
        took += _arrived(controller, waiting)
        time.sleep(_POLL_S)
    return sorted(took + [float("inf")] * len(waiting))


def _arrived(controller: Controller, waiting: dict[str, float]) -> list[float]:
    """Seconds of those that have become effective, which wait no more."""
    if not waiting:
        return []
    with reading(controller.engine) as session:
        query = select(DeliveryRow.order_id).where(DeliveryRow.state == DeliveryState.EFFECTIVE)
        found = session.exec(query.where(col(DeliveryRow.order_id).in_(list(waiting)))).all()
    now_s = time.perf_counter()
    return [now_s - waiting.pop(order) for order in found]


def _wait_until_quiet(controller: Controller, meters: int) -> None:
    """Wait until every meter has reported, and nothing is on its way any more."""
    give_up_s = time.monotonic() + _PATIENCE_S
    seen, since_s = (0, 0), time.monotonic()
    while seen[0] < meters or time.monotonic() - since_s < _QUIET_S:
        assert time.monotonic() < give_up_s, f"{seen}; {meters} meters are to be known"
        time.sleep(_POLL_S)
        with reading(controller.engine) as session:
            query = select(func.count(), func.coalesce(func.sum(col(MeterRow.report_number)), 0))
            now = session.exec(query.where(col(MeterRow.report_number) > 0)).one()
        if (now[0], now[1]) != seen:
            seen, since_s = (now[0], now[1]), time.monotonic()


# -- the fleet --------------------------------------------------------------------------------------


def _run_fleet(pipe: Pipe, root_envelope: bytes, meters: int, address: BrokerAddress) -> None:
    clock = PacedTime(now_ms())
    plan = FleetPlan(meters, _LINKS, 1, shipped_profiles()["wallonia-smart"])
    links = build_links(plan, FleetSecrets(root_in(root_envelope), FLEET_KEY), clock.now_ms(), None)
    pipe.send([meter for link in links for meter in link.meters])
    asyncio.run(_run_links([RunningLink(link, address, clock) for link in links]))


async def _run_links(links: Sequence[RunningLink]) -> None:
    async with asyncio.TaskGroup() as group:
        for each in links:
            group.create_task(each.run())


# -- the flood --------------------------------------------------------------------------------------


def _flood(pipe: Pipe, name: str, address: BrokerAddress, share: int, pause_s: float) -> None:
    """Publish one burst after the other; say when the first of it is out."""
    asyncio.run(_flooding(pipe, FLOODS[name][1], address, share, pause_s))


async def _flooding(pipe: Pipe, burst: Burst, address: BrokerAddress, share: int, pause_s: float) -> None:
    async with client_of(address, "flood") as client:
        pipe.send(None)
        for number in count():
            await _publish_all(client, burst(number), share)
            await asyncio.sleep(pause_s)


async def _publish_all(client: aiomqtt.Client, burst: Iterator[tuple[Place, bytes]], share: int) -> None:
    # The client itself limits the number of messages that wait for an acknowledgement.
    sending = [client.publish(topic_of(place), data, qos=1) for place, data in islice(burst, 0, None, share)]
    await asyncio.gather(*sending)


def _nothing(_burst: int) -> Iterator[tuple[Place, bytes]]:
    return iter(())


def _births_of_controllers(burst: int) -> Iterator[tuple[Place, bytes]]:
    for number in range(200):
        status = ControllerStatus(online=True, sequence=burst * 200 + number)
        yield Place(Channel.CONTROLLER), write_message(status)


def _asks(burst: int) -> Iterator[tuple[Place, bytes]]:
    for number in range(5_000):
        name = f"x{number}"
        ask = TimeAsk(meter=name, source=Source.HEADEND, nonce=f"{burst:032x}")
        yield Place(Channel.TIME_ASK, link="link-1", meter=name), write_message(ask)


def _syncs(burst: int) -> Iterator[tuple[Place, bytes]]:
    for number in range(40):
        names = [f"x{burst}-{number}-{place}" for place in range(_PER_SYNC)]
        sync = Sync(link="link-1", meters=tuple(map(_holds, names)), more=False)
        yield Place(Channel.SYNC, link="link-1"), write_message(sync)


def _births_of_links(burst: int) -> Iterator[tuple[Place, bytes]]:
    for number in range(5_000):
        link = f"x{burst}-{number}"
        status = Status(link=link, online=True, sequence=1, meters=100)
        yield Place(Channel.STATUS, link=link), write_message(status)


def _wrong_macs(burst: int) -> Iterator[tuple[Place, bytes]]:
    """Receipts, births and asks with the MAC of another key."""
    for number in range(1_700):
        meter, link = f"m{number % 200:05d}", f"link-{number % _LINKS + 1}"
        receipt = Receipt(
            meter=meter,
            order=f"payment-{number}",
            kind="payment",
            object=f"payment/{meter}",
            rev=1,
            verdict=OrderVerdict.ACCEPTED,
            reason=Did.CREDITED,
            number=burst * 2_000 + number,
        )
        yield Place(Channel.RECEIPTS, link=link, meter=meter), write_report(receipt, _WRONG_KEY)
        status = write_message(Status(link=link, online=False, sequence=burst * 2_000 + number, meters=0))
        yield Place(Channel.STATUS, link=link), with_mac(status, Purpose.STATUS, link, _WRONG_KEY)
        ask = write_message(
            TimeAsk(meter=meter, source=Source.HEADEND, nonce=f"{burst * 2_000 + number:032x}")
        )
        yield (
            Place(Channel.TIME_ASK, link=link, meter=meter),
            with_mac(ask, Purpose.ASK, link, _WRONG_KEY),
        )


def _holds(meter: str) -> MeterHolds:
    return MeterHolds(
        meter=meter,
        energy=Energy.ELECTRICITY,
        firmware="guarded",
        profile="wallonia-smart",
        supply=Supply.OFF,
        clock=ClockStatus.TRUSTED,
        protections=(),
        calendars=(),
        lease_rev=0,
        lease_ends_ms=0,
        statements=(),
        cut_orders=(),
        tombstones=(),
        root_version=1,
    )


# What is sent in each burst, in words, and the burst of a number.
FLOODS: Final[dict[str, tuple[str, Burst]]] = {
    "no flood": ("nobody floods", _nothing),
    "births of controllers": ("200 births of a controller again and again", _births_of_controllers),
    "asks": ("5 000 asks for the time again and again", _asks),
    "syncs": ("40 syncs that name 1 400 unknown meters again and again", _syncs),
    "births of links": ("5 000 births of unknown links again and again", _births_of_links),
    "wrong MACs": ("5 100 receipts, births and asks with a wrong MAC again and again", _wrong_macs),
}
