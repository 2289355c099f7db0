"""One protective order to 50,000 meters: from its commit until the store has the receipt of each meter.

Against a bare client: it publishes one message of the same size over the same broker; whoever has it answers
with as many messages as there are meters, as large as receipts; and they are counted as they arrive. Broker,
links, service and whoever counts are processes of their own, in both cases. The meters are known before, and
their receipts are made by nobody's firmware: what is measured is the way to them and back.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Final

import aiomqtt

from benchmarks.brokers import EMBEDDED, available, running
from benchmarks.controller_service import FLEET_KEY, OPERATORS, Controller, serving, signers
from benchmarks.figures import Figure, Goal, Progress, figure_of, ratios, spaced
from benchmarks.processes import Memory, Pipe, beside, memory_of
from benchmarks.wire import client_of
from controller.database.engine import reading, writing
from controller.meters.registry import Spoke, place_meters
from controller.orders.life import DeliveryState
from controller.orders.store import draw_sheet, submit
from controller.orders.views import delivery_counts
from protocols.documents.drafting import declare_moratorium
from protocols.documents.envelope import document_digest, read_envelope, seal
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, Order, read_order, write_document
from protocols.instants import DAY_MS
from protocols.link.carriage import Arrival, BrokerAddress
from protocols.link.keys import meter_key
from protocols.link.messages import Receipt, write_report
from protocols.link.topics import CARRIAGE, Channel, Place, link_filters, topic_of
from protocols.reasons import Did, OrderVerdict
from protocols.rim.carrier import Carrier
from protocols.rim.clocks import now_ms

_LINKS: Final = 4
_PATIENCE_S: Final = 300.0
# A look at the store counts all deliveries of the order, which is no part of what is measured.
_POLL_S: Final = 0.1
# What links publish before they wait for acknowledgements, as a link answers one order after the other.
_AT_ONCE: Final = 750
_DOWN: Final = "bare/down"


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a run: the full one, and a tiny one for the tests."""

    meters: int = 50_000
    repetitions: int = 3
    brokers: tuple[str, ...] = available()


def measure_fan_out(size: Size, progress: Progress) -> list[Figure]:
    """Seconds until all have it and the store says so, beside the bare client's."""
    figures: list[Figure] = []
    for name in size.brokers:
        bare_s, whole_s = _take_turns(name, size, progress)
        note = f"{spaced(size.meters)} meters on {_LINKS} links, {name}"
        figures += [
            figure_of(f"order to all, bare, {name}", bare_s, "s", note=note),
            figure_of(f"order to all, stored, {name}", whole_s, "s", note=note),
            figure_of(
                f"stored / bare, {name}", ratios(whole_s, bare_s), "×", goal=Goal("at most", 1.5), note=note
            ),
        ]
    return figures


def measure_service_memory(size: Size, progress: Progress) -> list[Figure]:
    """What the service takes with so many meters, each of which has answered an order, beyond one meter."""
    least, most = (_service_bytes(meters, progress) for meters in (1, size.meters))
    note = f"{spaced(size.meters)} meters, each has answered an order"
    grown = max(most.peak - least.peak, 1)
    return [
        Figure("service, one meter, peak", least.peak, "B"),
        Figure("service, peak", most.peak, "B", note=note),
        Figure("service, afterwards", most.now, "B", note=note),
        Figure("service, of each meter", grown / size.meters, "B", note=f"{note}; of the peak"),
    ]


def _service_bytes(meters: int, progress: Progress) -> Memory:
    with (
        running(EMBEDDED) as address,
        serving(address) as controller,
        beside(_answer, address, meters) as links,
    ):
        _place(controller, meters)
        links.recv()
        _whole(controller, *_declared(controller, "memory"), meters)
        progress(f"{meters} meters")
        return memory_of(controller.pid)


def _take_turns(broker: str, size: Size, progress: Progress) -> tuple[list[float], list[float]]:
    bare_s: list[float] = []
    whole_s: list[float] = []
    with (
        running(broker) as address,
        serving(address) as controller,
        beside(_answer, address, size.meters) as links,
        beside(_answer_barely, address, size.meters) as bare,
    ):
        _place(controller, size.meters)
        for each in (links, bare):
            each.recv()
        for number in range(size.repetitions):
            order, envelope = _declared(controller, f"fan-out-{number}")
            answer = next(_receipts(order, document_digest(envelope), 1, number + 1))[1]
            bare_s.append(asyncio.run(_bare(address, envelope, len(answer), size.meters, bare)))
            whole_s.append(_whole(controller, order, envelope, size.meters))
            progress(f"{broker} {number + 1}/{size.repetitions}")
    return bare_s, whole_s


# -- the operator -----------------------------------------------------------------------------------


def _place(controller: Controller, meters: int) -> None:
    with writing(controller.engine) as session:
        place_meters(session, {}, {_meter(n): Spoke(_link(n)) for n in range(meters)}, now_ms())


def _declared(controller: Controller, name: str) -> tuple[Order, bytes]:
    """A moratorium for the fleet, signed by one person and not yet given."""
    signer, at_ms = signers()[OPERATORS[0]], now_ms()
    with writing(controller.engine) as session:
        sheet = draw_sheet(session, Kind.HOLD, name, at_ms, "benchmark")
    order = declare_moratorium(sheet, name, at_ms, at_ms + DAY_MS)
    return order, seal(write_document(order), ORDER_TYPE, [signer])


def _whole(controller: Controller, order: Order, envelope: bytes, meters: int) -> float:
    """Seconds from before the order is given until the store has every meter's receipt."""
    begun_s = time.perf_counter()
    with writing(controller.engine) as session:
        submit(session, envelope, controller.root, OPERATORS[0], now_ms())
    while (stored := _stored(controller, order.id)) < meters:
        assert time.perf_counter() - begun_s < _PATIENCE_S, f"{stored} of {meters} meters have stored it"
        time.sleep(_POLL_S)
    return time.perf_counter() - begun_s


def _stored(controller: Controller, order: str) -> int:
    with reading(controller.engine) as session:
        return delivery_counts(session, [order]).get(order, {}).get(DeliveryState.STORED, 0)


async def _bare(address: BrokerAddress, envelope: bytes, answer_bytes: int, meters: int, bare: Pipe) -> float:
    """Seconds from the publication of one message to the last of its answers."""
    async with client_of(address, "raw-operator") as client:
        await client.subscribe("raw/#", qos=1)
        bare.send(answer_bytes)
        bare.recv()
        begun_s = time.perf_counter()
        await client.publish(_DOWN, envelope, qos=1)
        async with asyncio.timeout(_PATIENCE_S):
            await _arrived(client, meters)
        return time.perf_counter() - begun_s


async def _arrived(client: aiomqtt.Client, wanted: int) -> None:
    arrived = 0
    async for _ in client.messages:
        arrived += 1
        if arrived == wanted:
            return


# -- the links --------------------------------------------------------------------------------------


def _answer(pipe: Pipe, address: BrokerAddress, meters: int) -> None:
    """Answer each order to the fleet with the receipts of all meters."""
    asyncio.run(_answering(pipe, address, meters))


async def _answering(pipe: Pipe, address: BrokerAddress, meters: int) -> None:
    numbers, heard, last = count(1), asyncio.Queue[bytes](), list[bytes]()

    async def hear(arrival: Arrival) -> None:
        if arrival.place.channel is Channel.FLEET_ORDERS and arrival.payload:
            last[:] = [arrival.payload]
            heard.put_nowait(arrival.payload)
        elif arrival.place.channel is Channel.CONTROLLER and last:
            # A service that was away may have missed some. To its new birth a link says again what it holds.
            heard.put_nowait(last[0])

    carrier = Carrier(address, "benchmark-links", link_filters(_link(0)), handle=hear)
    async with asyncio.TaskGroup() as group:
        group.create_task(carrier.run())
        await carrier.first_attempt()
        pipe.send(None)
        while True:
            envelope = await heard.get()
            if envelope != last[0]:
                continue
            order = read_order(read_envelope(envelope).payload)
            receipts = _receipts(order, document_digest(envelope), meters, next(numbers))
            while portion := list(islice(receipts, _AT_ONCE)):
                expiry_s = CARRIAGE[Channel.RECEIPTS].expiry_s
                await asyncio.gather(
                    *(carrier.publish(place, payload, expiry_s=expiry_s) for place, payload in portion)
                )


def _receipts(order: Order, document: str, meters: int, number: int) -> Iterator[tuple[Place, bytes]]:
    for place in range(meters):
        meter = _meter(place)
        receipt = Receipt(
            meter=meter,
            order=order.id,
            kind=order.kind,
            object=order.object,
            rev=order.rev,
            verdict=OrderVerdict.ACCEPTED,
            reason=Did.STORED,
            number=number,
            document=document,
        )
        where = Place(Channel.RECEIPTS, link=_link(place), meter=meter)
        yield where, write_report(receipt, meter_key(FLEET_KEY, meter))


def _answer_barely(pipe: Pipe, address: BrokerAddress, meters: int) -> None:
    asyncio.run(_answering_barely(pipe, address, meters))


async def _answering_barely(pipe: Pipe, address: BrokerAddress, meters: int) -> None:
    places = (Place(Channel.RECEIPTS, link=_link(n), meter=_meter(n)) for n in range(meters))
    topics = [f"raw/{topic_of(place)}" for place in places]
    async with client_of(address, "raw-links") as client:
        await client.subscribe(_DOWN, qos=1)
        pipe.send(None)
        while True:
            payload = bytes(await asyncio.to_thread(pipe.recv))
            pipe.send(None)
            await anext(client.messages)
            # The client itself limits the number of messages that wait for an acknowledgement.
            await asyncio.gather(*(client.publish(topic, payload, qos=1) for topic in topics))


def _meter(number: int) -> str:
    return f"m{number:05d}"


def _link(number: int) -> str:
    return f"link-{number % _LINKS + 1}"
