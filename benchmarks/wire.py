"""Reports end to end: made and MACed by a link, over the broker, checked and stored by the controller.

Against the raw rate: the same client library moves equal payloads over the same broker, from one plain
client to another, with as many under way at a time, and nobody looks at them. Link, broker, controller and
whoever counts are processes of their own, in both cases.
"""

import asyncio
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count, islice
from typing import Final, NamedTuple

import aiomqtt
import msgspec
from sqlmodel import func, select

from benchmarks.brokers import available, running
from benchmarks.controller_service import FLEET_KEY, Controller, serving
from benchmarks.figures import Figure, Progress, figure_of, ratios
from benchmarks.processes import Pipe, beside
from controller.database.engine import reading
from controller.database.tables import EventRow, MeterRow
from emulator.links.reporting import Outgoing
from protocols.link.carriage import IN_FLIGHT_MAX, Arrival, BrokerAddress
from protocols.link.keys import meter_key
from protocols.link.messages import MeterEvent, Report, Reported, write_report
from protocols.link.records import SupplyChanged
from protocols.link.topics import CARRIAGE, Channel, Place, topic_of
from protocols.reasons import ClockStatus, Supply, SupplyReason
from protocols.rim.carrier import Carrier

_LINK: Final = "link-1"
_PATIENCE_S: Final = 120.0
_POLL_S: Final = 0.005
_RECORD: Final = msgspec.Raw(msgspec.json.encode(SupplyChanged(Supply.OFF, Supply.ON, SupplyReason.RELEASE)))
# Reports that a link publishes at once: 250 meters that were released.
_AT_ONCE: Final = 750


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a run: the full one, and a tiny one for the tests."""

    messages: int = 4_000
    meters: int = 200
    repetitions: int = 5
    brokers: tuple[str, ...] = available()


class Way(StrEnum):
    RAW = "raw"
    WHOLE = "end to end"


@dataclass(frozen=True, slots=True)
class Job:
    """The number of reports and of meters; reports are numbered from `first` on."""

    way: Way
    messages: int
    meters: int
    first: int


def measure_wire(size: Size, progress: Progress) -> list[Figure]:
    """Reports per second over each broker, raw and end to end."""
    figures: list[Figure] = []
    for name in size.brokers:
        with running(name) as address:
            took_s = _take_turns(address, size, progress)
        raw_s, whole_s = took_s[Way.RAW], took_s[Way.WHOLE]
        figures += [
            figure_of(f"raw, {name}", [size.messages / s for s in raw_s], "1/s", note="publish and receive"),
            figure_of(f"end to end, {name}", [size.messages / s for s in whole_s], "1/s", note="stored"),
            figure_of(f"end to end / raw, {name}", ratios(raw_s, whole_s), "×", note="1 would be no loss"),
        ]
    return figures


def _take_turns(address: BrokerAddress, size: Size, progress: Progress) -> dict[Way, list[float]]:
    took_s: dict[Way, list[float]] = {way: [] for way in Way}
    with serving(address) as controller, beside(_talk, address) as link:
        numbers = count(1, size.messages)
        # The controller learns of the meters before anything is measured.
        _end_to_end(link, controller, Job(Way.WHOLE, size.messages, size.meters, next(numbers)))
        for number in range(size.repetitions):
            for way in Way:
                job = Job(way, size.messages, size.meters, next(numbers))
                if way is Way.RAW:
                    took_s[way].append(asyncio.run(_raw(link, address, job)))
                else:
                    took_s[way].append(_end_to_end(link, controller, job))
                progress(f"{way} {number + 1}/{size.repetitions}")
    return took_s


# -- who counts -------------------------------------------------------------------------------------


def _end_to_end(link: Pipe, controller: Controller, job: Job) -> float:
    """Seconds from the first report made to the last one stored."""
    events = _stored(controller).events + job.messages // 2
    last = job.first + job.messages - 1
    begun_s = _begin(link, job)
    while (stored := _stored(controller)).events < events or stored.newest < last - 1:
        assert time.perf_counter() - begun_s < _PATIENCE_S, f"{stored}; wanted {events} events, report {last}"
        time.sleep(_POLL_S)
    return time.perf_counter() - begun_s


async def _raw(link: Pipe, address: BrokerAddress, job: Job) -> float:
    """Seconds from the first publication to the last arrival."""
    async with client_of(address, "raw-in") as receiver:
        await receiver.subscribe("raw/#", qos=1)
        begun_s = _begin(link, job)
        async with asyncio.timeout(_PATIENCE_S):
            await _receive(receiver, job.messages)
        return time.perf_counter() - begun_s


def _begin(link: Pipe, job: Job) -> float:
    """Start the link after its preparations, which are not measured; returns the instant."""
    link.send(job)
    link.recv()
    begun_s = time.perf_counter()
    link.send(None)
    return begun_s


async def _receive(client: aiomqtt.Client, wanted: int) -> None:
    arrived = 0
    async for _ in client.messages:
        arrived += 1
        if arrived == wanted:
            return


class _Stored(NamedTuple):
    """How many events the store has, and the newest number of which it has everything before."""

    events: int
    newest: int


def _stored(controller: Controller) -> _Stored:
    with reading(controller.engine) as session:
        events, event = session.exec(select(func.count(), func.max(EventRow.number))).one()
        report = session.exec(select(func.max(MeterRow.report_number))).one()
    return _Stored(events, min(report or 0, event or 0))


# -- the link ---------------------------------------------------------------------------------------


def _talk(pipe: Pipe, address: BrokerAddress) -> None:
    """Do one job after the other; each begins at a signal through the pipe."""
    asyncio.run(_talking(pipe, address))


async def _talking(pipe: Pipe, address: BrokerAddress) -> None:
    carrier = Carrier(address, "benchmark-link", (), handle=_nothing)
    async with asyncio.TaskGroup() as group:
        group.create_task(carrier.run())
        await carrier.first_attempt()
        while True:
            job: Job = await asyncio.to_thread(pipe.recv)
            if job.way is Way.RAW:
                await _send_raw(pipe, address, job)
            else:
                pipe.send(None)
                await asyncio.to_thread(pipe.recv)
                await _report(carrier, job)


async def _send_raw(pipe: Pipe, address: BrokerAddress, job: Job) -> None:
    payloads = [(f"raw/{topic_of(each.place)}", each.payload) for each in _said(job)]
    async with client_of(address, "raw-out") as sender:
        pipe.send(None)
        await asyncio.to_thread(pipe.recv)
        # The client itself limits the number of messages that wait for an acknowledgement.
        await asyncio.gather(*(sender.publish(topic, payload, qos=1) for topic, payload in payloads))


async def _report(carrier: Carrier, job: Job) -> None:
    """Publish in batches, as a link answers one order after the other."""
    said = _said(job)
    while portion := list(islice(said, _AT_ONCE)):
        await asyncio.gather(*(carrier.publish(each.place, each.payload) for each in portion))


def client_of(address: BrokerAddress, name: str) -> aiomqtt.Client:
    """A plain client that does not wait for one acknowledgement before it sends the next message."""
    client = aiomqtt.Client(
        address.host,
        address.port,
        identifier=name,
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=True,
        max_concurrent_outgoing_calls=IN_FLIGHT_MAX,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
    client.pending_calls_threshold = IN_FLIGHT_MAX
    return client


async def _nothing(_arrival: Arrival) -> None:
    """Ignore an arrival: this benchmark needs none of the messages to links."""


# -- what is reported -------------------------------------------------------------------------------


def _said(job: Job) -> Iterator[Outgoing]:
    """States and events in turn, from one meter after the other, each with a new number."""
    for place in range(job.messages):
        meter = f"m{place // 2 % job.meters:05d}"
        report = _state(meter, job.first + place) if place % 2 == 0 else _event(meter, job.first + place)
        channel = Channel.REPORTED if isinstance(report, Reported) else Channel.EVENTS
        payload = write_report(report, meter_key(FLEET_KEY, meter))
        yield Outgoing(Place(channel, link=_LINK, meter=meter), payload, CARRIAGE[channel].expiry_s)


def _event(meter: str, number: int) -> Report:
    return MeterEvent(meter=meter, number=number, time_ms=1_593_637_200_000, record=_RECORD)


def _state(meter: str, number: int) -> Report:
    return Reported(
        meter=meter,
        number=number,
        journal=number,
        supply=Supply.ON,
        reason=SupplyReason.RELEASE,
        clock=ClockStatus.TRUSTED,
        earliest_ms=1_593_637_199_000,
        latest_ms=1_593_637_201_000,
        time_ms=1_593_637_200_000,
        balance_ueur=-1_234_567,
        emergency_ueur=0,
        next_possible_ms=1_593_680_400_000,
        dispute_nonce="",
        code="",
    )
