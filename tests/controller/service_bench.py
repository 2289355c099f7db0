"""A controller's service and real links in one process: an in-memory broker, and time that is stepped.

`World` holds true time, the broker with its retained messages, links with guarded meters, and a service on a
store. `settle` delivers messages until none is in transit.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine

from controller.database.engine import writing
from controller.database.tables import OrderRow
from controller.office.people import Actor
from controller.orders import store as orders
from controller.orders.acting import acting
from controller.payments import store as payments
from controller.service.serve import Service, ServiceKeys
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.profile import Profile
from emulator.fleet.building import identity_of
from emulator.links.link import Link
from emulator.links.reporting import Outgoing, ReportingMeter
from emulator.world.crystal import Crystal
from emulator.world.household import Household
from protocols.cutting import planning
from protocols.documents import drafting
from protocols.documents.drafting import FLEET
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE, TIME_TYPE, Order, Scope, TimeAnswer, write_document
from protocols.documents.roles import ROOT_TYPE, write_root
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS, UtcMs
from protocols.link.carriage import Arrival, BrokerRefusedError, NotConnectedError
from protocols.link.keys import link_key
from protocols.link.messages import TimeAsk, read_message
from protocols.link.service_time import SERVICE_TIME_TYPE, ServiceAnswer, read_ask, write_answer
from protocols.link.topics import Channel, Place, topic_of
from protocols.reasons import Source
from protocols.units import QUANTA_PER_EUR
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, PEOPLE, PROFILE, ROOT, SIGNERS

FLEET_KEY = b"f" * 32
ROOT_ENVELOPE = seal(write_root(ROOT), ROOT_TYPE, [SIGNERS["gina"], SIGNERS["hugo"]])
SERVICE_KEYS = ServiceKeys(SIGNERS["service"], SIGNERS["headend"], FLEET_KEY, ROOT_ENVELOPE)


class SteppedClock:
    """A machine whose clocks stand still until they are stepped.

    `off_ms`: how far its wall clock is from true time, which its crystal counts all the same.
    """

    boot_id = "bench"

    def __init__(self, now_ms: int = MONDAY_MS) -> None:
        self.off_ms = 0
        self._now_ms = now_ms
        self._stepped = asyncio.Condition()

    def now_ms(self) -> UtcMs:
        return UtcMs(self._now_ms + self.off_ms)

    def tick_ms(self) -> int:
        return self._now_ms - MONDAY_MS

    async def sleep_until(self, instant_ms: int) -> None:
        async with self._stepped:
            await self._stepped.wait_for(lambda: self.now_ms() >= instant_ms)

    async def step_to(self, now_ms: int) -> None:
        async with self._stepped:
            self._now_ms = now_ms
            self._stepped.notify_all()


def make_link(
    name: str, meters: Sequence[str], *, balance_q: int = 1_000 * QUANTA_PER_EUR, profile: Profile = PROFILE
) -> Link:
    made = [_reporting(name, meter, balance_q, profile) for meter in meters]
    return Link(name, made, key=link_key(FLEET_KEY, name))


def _reporting(link: str, name: str, balance_q: int, profile: Profile) -> ReportingMeter:
    meter = GuardedMeter(
        identity_of(name, FLEET_KEY),
        profile,
        ROOT,
        balance_q=balance_q,
        load_w=1_000,
        commissioned_ms=MONDAY_MS,
    )
    household = Household(name, meter, Crystal(0, MONDAY_MS), lambda _ms: 1_000, from_ms=MONDAY_MS)
    return ReportingMeter(household, link, None)


@dataclass
class World:
    """See the head of this module. `now_ms` is true time. `messages`: all that the controller has published.

    `timeserver_off_ms`: how far the timeserver is from true time; None: it does not answer.

    `lost_channels`: the broker drops what comes up on these. `denied`: topics that it refuses, and how often
    it did is `refusals`. `acknowledges`: whether it confirms what the controller publishes. `connected`:
    whether the controller reaches the broker.
    """

    engine: Engine
    clock: SteppedClock
    service: Service
    links: dict[str, Link]
    retained: dict[str, bytes] = field(default_factory=dict)
    mark: bytes = b""
    connected: bool = True
    acknowledges: bool = True
    lost_channels: set[Channel] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    refusals: int = 0
    timeserver_off_ms: int | None = 0
    published: Counter[Channel] = field(default_factory=Counter)
    messages: list[tuple[Place, bytes]] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _upward: deque[Outgoing] = field(default_factory=deque)

    @property
    def now_ms(self) -> UtcMs:
        return UtcMs(MONDAY_MS + self.clock.tick_ms())

    # -- the broker ---------------------------------------------------------------------------

    async def publish(
        self, place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
    ) -> None:
        del expiry_s
        await asyncio.sleep(0)
        if not self.acknowledges or not self.connected:
            raise NotConnectedError("no broker")
        if topic_of(place) in self.denied:
            self.refusals += 1
            raise BrokerRefusedError(topic_of(place), 0x87, "Not authorized")
        self.published[place.channel] += 1
        self.messages.append((place, payload))
        if place.channel is Channel.FLEET_ORDERS:
            assert retain
            self.retained[place.order] = payload
            if not payload:
                del self.retained[place.order]
        if place.channel is Channel.MARK:
            assert retain
            self.mark = payload
            return
        if place.channel is Channel.SERVICE_ASK:
            await self._answer_service(payload)
            return
        for link in self.links.values():
            if link.online and place.link in {"", link.name}:
                self._upward.extend(link.receive(place, payload, self.now_ms))

    def connect(self, name: str) -> None:
        link = self.links[name]
        link.will()
        self._upward.extend(link.connected(self.now_ms))
        for order, payload in list(self.retained.items()):
            self._upward.extend(link.receive(Place(Channel.FLEET_ORDERS, order=order), payload, self.now_ms))

    def disconnect(self, name: str) -> None:
        self.links[name].disconnected()
        self._upward.append(self.links[name].will())

    async def hear_mark(self) -> None:
        """The broker delivers the mark that it has retained, as to each new subscriber."""
        if self.mark:
            await self.service.handle(Arrival(Place(Channel.MARK), self.mark, retained=True))

    def restart(self, keys: ServiceKeys = SERVICE_KEYS) -> None:
        """Kill the service and start it again on the same store; everything else is lost."""
        for task in self.tasks:
            task.cancel()
        self.service = Service(self.engine, keys, self.clock)
        self.service.attach(self)
        self.tasks = [asyncio.create_task(self.service.intake.run())]

    # -- time ---------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Deliver and publish until no message is in transit."""
        while True:
            while self._upward:
                await self._deliver_to_controller(self._upward.popleft())
            if self.service.outbox is not None and self.connected:
                await self.service.outbox.drain()
            if not self._upward and (not self.connected or await self.service.drained()):
                return
            await asyncio.sleep(0.001)

    async def wait(self, ms: int, step_ms: int = HOUR_MS) -> None:
        """Let time pass for meters and service; the service ticks at each step."""
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            await self.clock.step_to(min(self.now_ms + step_ms, end_ms))
            for link in self.links.values():
                self._upward.extend(link.advance(self.now_ms))
            await self.settle()
            await self.tick()

    async def tick(self) -> None:
        if self.connected and self.acknowledges:
            await self.service.clock.ask()
        await self.service.jobs.tick_now()
        await self.settle()

    async def _answer_service(self, payload: bytes) -> None:
        if self.timeserver_off_ms is None:
            return
        ask, time_ms = read_ask(payload), self.now_ms + self.timeserver_off_ms
        body = ServiceAnswer(nonce=ask.nonce, time_ms=time_ms, spread_ms=SECOND_MS, machine="another")
        answer = seal(write_answer(body), SERVICE_TIME_TYPE, [SIGNERS[Source.TIMESERVER]])
        await self.service.handle(Arrival(Place(Channel.SERVICE_ANSWER), answer))

    async def _deliver_to_controller(self, message: Outgoing) -> None:
        if message.place.channel in self.lost_channels:
            return
        if message.place.channel is Channel.TIME_ASK:
            await self._answer_as_timeserver(message)
        await self.service.handle(Arrival(message.place, message.payload))

    async def _answer_as_timeserver(self, message: Outgoing) -> None:
        ask = read_message(message.payload, TimeAsk)
        if ask.source is not Source.TIMESERVER:
            return
        honest = TimeAnswer(meter=ask.meter, nonce=ask.nonce, time_ms=self.now_ms, spread_ms=SECOND_MS)
        answer = seal(write_document(honest), TIME_TYPE, [SIGNERS[Source.TIMESERVER]])
        await self.publish(Place(Channel.TIME_ANSWER, link=message.place.link, meter=ask.meter), answer)

    # -- operators ----------------------------------------------------------------------------

    def submit(self, order: Order) -> OrderRow:
        """Sign an order with as many people as it takes, and submit it, as the command line does."""
        with writing(self.engine) as session:
            return orders.submit(session, seal_order(order), ROOT, "anna", self.now_ms)

    def sheet(self, kind: Kind, name: str) -> drafting.Sheet:
        with writing(self.engine) as session:
            return orders.draw_sheet(session, kind, name, self.now_ms, "test")

    def declare(self, name: str, from_ms: int, until_ms: int, scope: Scope = FLEET) -> OrderRow:
        sheet = self.sheet(Kind.HOLD, name)
        return self.submit(drafting.declare_moratorium(sheet, name, from_ms, until_ms, scope))

    def lift(self, name: str) -> OrderRow:
        return self.submit(drafting.lift_moratorium(self.sheet(Kind.LIFT_HOLD, name), name))

    def release(self, scope: Scope = FLEET) -> OrderRow:
        """As `relance release` does: numbered by the key that signs."""
        anna = Actor("anna", SIGNERS["anna"])
        with acting(self.engine, ROOT, anna, self.now_ms, "test") as act:
            order = drafting.release(act.release_sheet(scope.meters), anna.signer.keyid, 72, scope)
        return self.submit(order)

    def permit(self) -> OrderRow:
        sheet = self.sheet(Kind.CUT_CALENDAR, "season")
        span_ms = (self.now_ms, self.now_ms + 30 * DAY_MS)
        rule = drafting.CalendarRule("mon-thu 09:00-12:00", "Europe/Brussels", "BE")
        return self.submit(planning.plan_calendar(sheet, "season", rule, span_ms))

    def cut(self, meter: str, from_ms: int, until_ms: int) -> OrderRow:
        sheet = self.sheet(Kind.CUT_ORDER, "c1")
        return self.submit(planning.plan_cut(sheet, "c1", (meter,), (from_ms, until_ms)))

    def pay(self, payment_id: str, meter: str, amount_ueur: int) -> str:
        """Book a payment. Returns the id of its order, or nothing where it was booked before."""
        with writing(self.engine) as session:
            booked = payments.draw_statement(session, payment_id, meter, amount_ueur, "anna", self.now_ms)
            if booked.sheet is None:
                return ""
            made = booked.payment
            order = drafting.payment_statement(booked.sheet, meter, made.issuer, made.number, made.total_ueur)
            orders.submit(session, seal_order(order), ROOT, "anna", self.now_ms)
            payments.attach(session, payment_id, order.id)
            return order.id

    def meter(self, name: str) -> GuardedMeter:
        return next(link.meters[name].household.meter for link in self.links.values() if name in link.meters)


def seal_order(order: Order) -> bytes:
    """Sealed by as many people as its role demands."""
    role = KINDS[order.kind].role
    people = PEOPLE[role][: ROOT.roles[role].threshold]
    return seal(write_document(order), ORDER_TYPE, [SIGNERS[holder] for holder in people])


@asynccontextmanager
async def controller_with(engine: Engine, *links: Link) -> AsyncIterator[World]:
    """A world with a running service; every link is connected, and all messages are delivered."""
    clock = SteppedClock()
    world = World(engine, clock, Service(engine, SERVICE_KEYS, clock), {link.name: link for link in links})
    world.restart()
    try:
        await world.service.clock.ask()
        for link in links:
            world.connect(link.name)
        await world.settle()
        yield world
    finally:
        for task in world.tasks:
            task.cancel()
        await asyncio.gather(*world.tasks, return_exceptions=True)
