"""A whole fleet over real brokers: cut by order, released to all, and gone with its last will."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from emulator.firmware.events import Overcurrent
from emulator.fleet.building import FleetSecrets, build_links
from emulator.fleet.running import RunningLink
from emulator.population.plan import FleetPlan
from emulator.population.shipped import shipped_profiles
from protocols.documents.bodies import CutCalendarBody, CutOrderBody, LeaseBody, ReleaseBody
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import TIME_TYPE, Scope, TimeAnswer, digest_of, write_document
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, UtcMs
from protocols.link.carriage import Arrival
from protocols.link.keys import meter_key
from protocols.link.messages import (
    ControllerStatus,
    Receipt,
    Report,
    Reported,
    Status,
    Sync,
    TimeAsk,
    is_authentic,
    read_message,
    read_report,
    write_message,
)
from protocols.link.topics import Channel, Place, controller_filters, time_filters
from protocols.reasons import Energy, Supply, SupplyReason
from protocols.spans import Window
from tests.brokers.post import Post, play, running, until
from tests.brokers.running import RunningBroker
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT, SIGNERS, Workbench, sign

KEY = b"fleet".ljust(32, b".")
PLAN = FleetPlan(20, 2, 7, shipped_profiles()["wallonia-smart"])
REPORTS = (Channel.RECEIPTS, Channel.REPORTED, Channel.EVENTS)
STEP_MS = 5 * MINUTE_MS


class SteppedTime:
    """A timekeeper whose time stands still until a test moves it."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._moved = asyncio.Event()

    def now_ms(self) -> UtcMs:
        return UtcMs(self._now_ms)

    async def sleep_until(self, instant_ms: int) -> None:
        while self._now_ms < instant_ms:
            await self._moved.wait()

    def move(self, by_ms: int) -> None:
        self._now_ms += by_ms
        self._moved.set()
        self._moved = asyncio.Event()


class Headend(Post):
    """A controller of a test: it hears everything, checks every MAC, and answers asks for the time."""

    def __init__(self, broker: RunningBroker, time: SteppedTime) -> None:
        super().__init__(broker.address, "headend", (*controller_filters(), *time_filters()))
        self._time = time
        self.reports: list[Report] = []
        self.status: dict[str, Status] = {}
        self.synced: set[str] = set()

    async def _keep(self, arrival: Arrival) -> None:
        await super()._keep(arrival)
        place, payload, _ = arrival
        if place.channel in REPORTS:
            report, body, mac = read_report(payload)
            assert is_authentic(body, mac, meter_key(KEY, place.meter))
            self.reports.append(report)
        elif place.channel is Channel.STATUS:
            self.status[place.link] = read_message(payload, Status)
        elif place.channel is Channel.SYNC:
            self.synced |= {each.meter for each in read_message(payload, Sync).meters}
        elif place.channel is Channel.TIME_ASK:
            ask = read_message(payload, TimeAsk)
            told = TimeAnswer(meter=ask.meter, nonce=ask.nonce, time_ms=self._time.now_ms(), spread_ms=1_000)
            data = seal(write_document(told), TIME_TYPE, [SIGNERS[ask.source]])
            await self.publish(Place(Channel.TIME_ANSWER, link=place.link, meter=ask.meter), data)

    async def order_all(self, data: bytes) -> None:
        """The same bytes to each meter's own orders."""
        for link, meters in PLAN.links_of().items():
            for meter in meters:
                await self.publish(Place(Channel.ORDERS, link=link, meter=meter), data)

    def accepted(self, kind: Kind) -> set[str]:
        return {
            each.meter
            for each in self.reports
            if isinstance(each, Receipt) and (each.kind, each.verdict) == (kind, "accepted")
        }

    def supply(self) -> dict[str, Supply]:
        return {each.meter: each.supply for each in self.reports if isinstance(each, Reported)}


async def pass_time_until(time: SteppedTime, condition: Callable[[], bool], at_most_ms: int) -> None:
    """Let time pass in steps, with room for messages between them."""
    end_ms = time.now_ms() + at_most_ms
    while not condition():
        assert time.now_ms() < end_ms, "it never happened"
        time.move(STEP_MS)
        await asyncio.sleep(0.02)


def test_a_fleet_is_cut_by_order_released_to_all_and_leaves_its_last_will(broker: RunningBroker) -> None:
    async def story() -> None:
        time = SteppedTime(MONDAY_MS)
        headend = Headend(broker, time)
        links = [
            RunningLink(link, broker.address, time)
            for link in build_links(PLAN, FleetSecrets(ROOT, KEY), MONDAY_MS, None)
        ]
        everybody = set(PLAN.ids())
        async with running(headend):
            tasks = [asyncio.create_task(link.run()) for link in links]
            await until(lambda: headend.synced == everybody, "every meter is in a sync")
            assert all(status.online for status in headend.status.values())

            bench = Workbench()
            fleet = Scope(fleet=True)
            window = Window(MONDAY_MS, MONDAY_MS + DAY_MS)
            calendar = bench.order(Kind.CUT_CALENDAR, "season", CutCalendarBody((window,)), scope=fleet)
            lease = LeaseBody(calendar.object, calendar.rev, digest_of(calendar))
            await headend.order_all(sign(calendar))
            await headend.order_all(sign(bench.order(Kind.LEASE, "fleet", lease, scope=fleet)))
            cut = bench.order(Kind.CUT_ORDER, "c1", CutOrderBody(), scope=fleet)
            await headend.order_all(sign(cut))
            await until(lambda: headend.accepted(Kind.CUT_ORDER) == everybody, "all have taken the cut order")
            await pass_time_until(
                time, lambda: set(headend.supply().values()) == {Supply.OFF}, at_most_ms=8 * HOUR_MS
            )

            bench.now_ms = time.now_ms()
            release = bench.order(Kind.RELEASE, "all", ReleaseBody(72), scope=fleet)
            await headend.publish(Place(Channel.FLEET_ORDERS, order=release.id), sign(release))
            await until(lambda: headend.accepted(Kind.RELEASE) == everybody, "all have taken the release")
            await until(lambda: Supply.OFF not in headend.supply().values(), "all report their supply back")
            armed = {meter for meter, supply in headend.supply().items() if supply is Supply.ARMED}
            meters = {name: each for link in links for name, each in link.link.meters.items()}
            assert armed == {
                name for name, each in meters.items() if each.household.meter.profile.energy is Energy.GAS
            }
            assert {each.household.meter.point.reason for each in meters.values()} == {SupplyReason.RELEASE}

            tasks[0].cancel()
            await until(lambda: not headend.status["link-1"].online, "the last will of link-1 is heard")
            assert headend.status["link-2"].online
            tasks[1].cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
        assert not headend.errors
        assert not [error for link in links for error in link.carrier.errors]

    play(story)


def test_a_link_whose_broker_is_killed_reconnects_and_reports_its_meters(
    broker: RunningBroker,
) -> None:
    async def story() -> None:
        time = SteppedTime(MONDAY_MS)
        headend = Headend(broker, time)
        plan = FleetPlan(3, 1, 7, PLAN.profile)
        (link,) = [
            RunningLink(each, broker.address, time)
            for each in build_links(plan, FleetSecrets(ROOT, KEY), MONDAY_MS, None)
        ]
        async with running(headend):
            task = asyncio.create_task(link.run())
            await until(lambda: len(headend.synced) == 3, "every meter is in a sync")
            births = headend.status["link-1"].sequence
            broker.kill()
            await until(lambda: not link.carrier.connected, "the link notices")
            time.move(HOUR_MS)
            await until(lambda: (link.link.next_due_ms() or 0) > time.now_ms(), "the meters have run on")
            assert link.link.apply("m00001", Overcurrent(), time.now_ms()) == []
            broker.start()
            await until(
                lambda: headend.status["link-1"].sequence > births and headend.status["link-1"].online,
                "the link is born again",
            )
            # If the head-end was back later than the link, its own birth makes the link say it again.
            await until(lambda: headend.connected, "the head-end is back as well")
            birth = write_message(ControllerStatus(online=True, sequence=2))
            await headend.publish(Place(Channel.CONTROLLER), birth)
            await until(lambda: headend.supply()["m00001"] is Supply.OFF, "the state is reported")
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    play(story)
