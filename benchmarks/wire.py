"""Reports end to end: made and MACed by a link, over the broker, checked and stored by the controller.

Against the raw rate: the same client library moves equal payloads over the same broker, from one plain
client to another, with as many under way at a time, and nobody looks at them.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

import aiomqtt
import msgspec

from benchmarks.brokers import available, running
from benchmarks.controller_service import FLEET_KEY, Controller, end, serving
from benchmarks.figures import Figure, Progress, figure_of, ratios
from emulator.firmware.records import SupplyChanged
from protocols.carriage import IN_FLIGHT_MAX, BrokerAddress
from protocols.carrier import Carrier
from protocols.messages import MeterEvent, Report, Reported, meter_key, write_report
from protocols.reasons import ClockStatus, Supply, SupplyReason
from protocols.topics import Channel, Place, topic_of

_LINK: Final = "link-1"
_PATIENCE_S: Final = 120.0
_RECORD: Final = msgspec.Raw(msgspec.json.encode(SupplyChanged(Supply.OFF, Supply.ON, SupplyReason.RELEASE)))


@dataclass(frozen=True, slots=True)
class Size:
    """How much of each: a full run, and a tiny one for the tests."""

    messages: int = 4_000
    meters: int = 200
    repetitions: int = 5
    brokers: tuple[str, ...] = available()


def measure_wire(size: Size, progress: Progress) -> list[Figure]:
    """Messages per second over each broker, raw and end to end."""
    figures: list[Figure] = []
    for name in size.brokers:
        with running(name) as address:
            raw_s, whole_s = asyncio.run(_take_turns(address, size, progress))
        figures += [
            figure_of(f"raw, {name}", [size.messages / s for s in raw_s], "1/s", note="publish and receive"),
            figure_of(f"end to end, {name}", [size.messages / s for s in whole_s], "1/s", note="stored"),
            figure_of(f"end to end / raw, {name}", ratios(raw_s, whole_s), "×", note="1 would be no loss"),
        ]
    return figures


async def _take_turns(
    address: BrokerAddress, size: Size, progress: Progress
) -> tuple[list[float], list[float]]:
    raw_s: list[float] = []
    whole_s: list[float] = []
    numbers = count(1)
    async with serving(address) as controller:
        carrier = Carrier(address, "benchmark-link", (), handle=_nothing)
        carrying: list[asyncio.Task[None]] = [asyncio.create_task(carrier.run())]
        try:
            await carrier.first_attempt()
            # The meters make themselves known before anything is measured.
            await _end_to_end(carrier, controller, _reports(size.meters, size.meters, numbers))
            for number in range(size.repetitions):
                reports = _reports(size.messages, size.meters, numbers)
                raw_s.append(await _raw(address, [_message(report) for report in reports]))
                progress(f"raw {number + 1}/{size.repetitions}")
                reports = _reports(size.messages, size.meters, numbers)
                whole_s.append(await _end_to_end(carrier, controller, reports))
                progress(f"end to end {number + 1}/{size.repetitions}")
        finally:
            await end(carrying)
    return raw_s, whole_s


async def _end_to_end(carrier: Carrier, controller: Controller, reports: Sequence[Report]) -> float:
    """Seconds from the first report made to the last one stored."""
    intake = controller.service.intake
    wanted = intake.taken + len(reports)
    begun_s = time.perf_counter()
    async with asyncio.timeout(_PATIENCE_S):
        for first in range(0, len(reports), IN_FLIGHT_MAX):
            some = [_message(report) for report in reports[first : first + IN_FLIGHT_MAX]]
            await asyncio.gather(*(carrier.publish(place, payload) for place, payload in some))
        while intake.taken < wanted:  # noqa: ASYNC110 # the intake has no bell to ring
            await asyncio.sleep(0.001)
    assert not intake.refused, intake.refused
    return time.perf_counter() - begun_s


async def _raw(address: BrokerAddress, messages: Sequence[tuple[Place, bytes]]) -> float:
    """Seconds from the first publication to the last arrival."""
    payloads = [(f"raw/{topic_of(place)}", payload) for place, payload in messages]
    async with _client(address, "raw-in") as receiver, _client(address, "raw-out") as sender:
        await receiver.subscribe("raw/#", qos=1)
        begun_s = time.perf_counter()
        async with asyncio.timeout(_PATIENCE_S):
            receiving = asyncio.create_task(_receive(receiver, len(payloads)))
            # The client itself keeps as many on the way as it was allowed.
            await asyncio.gather(*(sender.publish(topic, payload, qos=1) for topic, payload in payloads))
            await receiving
        return time.perf_counter() - begun_s


async def _receive(client: aiomqtt.Client, wanted: int) -> None:
    arrived = 0
    async for _ in client.messages:
        arrived += 1
        if arrived == wanted:
            return


def _client(address: BrokerAddress, name: str) -> aiomqtt.Client:
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


async def _nothing(_place: Place, _payload: bytes, _retained: bool) -> None:  # noqa: FBT001 # the carrier's form
    """Nothing comes down in this benchmark that anybody wants."""


# -- what is reported -------------------------------------------------------------------------------


def _reports(number: int, meters: int, numbers: "count[int]") -> list[Report]:
    """States and events in turn, from one meter after the other, each with a number never used before."""
    return [_report(f"m{place // 2 % meters:05d}", place % 2 == 0, next(numbers)) for place in range(number)]


def _report(meter: str, is_state: bool, number: int) -> Report:  # noqa: FBT001 # every other one
    if not is_state:
        return MeterEvent(meter=meter, number=number, time_ms=1_593_637_200_000, record=_RECORD)
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


def _message(report: Report) -> tuple[Place, bytes]:
    channel = Channel.REPORTED if isinstance(report, Reported) else Channel.EVENTS
    payload = write_report(report, meter_key(FLEET_KEY, report.meter))
    return Place(channel, link=_LINK, meter=report.meter), payload
