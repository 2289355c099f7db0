"""Links are told what the store has of the black boxes of their meters; `emulator.links` are what listens."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

import pytest
from sqlalchemy import Engine

from controller.database.engine import writing
from controller.database.tables import BlackBoxRow, LinkRow, MeterRow
from controller.exchange.key_book import KeyBook
from controller.exchange.words import IntakeRefusal, hear, heard_before
from controller.meters.registry import LinkState
from controller.service import acking
from controller.service.acking import Acking
from controller.service.supervising import supervised
from emulator.firmware.events import TicksLost
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.link.carriage import Arrival, BrokerRefusedError, NotConnectedError
from protocols.link.keys import meter_key
from protocols.link.messages import Acked, read_acks
from protocols.link.proofs import Proof, Purpose, proof_of
from protocols.link.topics import Channel, Place
from tests.controller.exchange.spoken import holdings
from tests.controller.service_bench import FLEET_KEY, World, controller_with, make_link
from tests.simulation.virtual_loop import VirtualLoop

EPOCH = 7


class Sent:
    """A connection that keeps acknowledgements. `away`: there is no broker; `denied`: links it refuses."""

    def __init__(self) -> None:
        self.away = False
        self.denied: set[str] = set()
        self.said: list[tuple[float, str, int, Sequence[Acked], list[bytes]]] = []

    @property
    def connected(self) -> bool:
        return not self.away

    async def publish(
        self, place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
    ) -> None:
        del expiry_s, retain
        if self.away:
            raise NotConnectedError("no broker")
        if place.link in self.denied:
            raise BrokerRefusedError(place.link, 0x87, "Not authorized")
        acks, words = read_acks(payload)
        assert (place.channel, place.link) == (Channel.ACKS, acks.link)
        self.said.append((asyncio.get_running_loop().time(), acks.link, acks.births, acks.meters, words))

    @property
    def meters(self) -> list[str]:
        return [acked.meter for _, _, _, meters, _ in self.said for acked in meters]


def play(engine: Engine, story: Callable[[Acking, Sent], Awaitable[None]]) -> Sent:
    """Run a story in a loop whose time jumps: nothing waits."""

    async def run() -> Sent:
        sent, made = Sent(), Acking(engine, KeyBook.of(FLEET_KEY), asyncio.Lock())
        made.attach(sent)
        running = asyncio.create_task(supervised("acknowledging", made.run))
        await story(made, sent)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return sent

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(lambda: 0.001)) as runner:
        return runner.run(run())


def store(
    engine: Engine, meter: str, link: str, box: tuple[int, str] = (0, "[]"), *, last: int = 0, oldest: int = 1
) -> None:
    """A meter on a link that is online by its third birth, and what is there of its black box."""
    with writing(engine) as session:
        if session.get(LinkRow, link) is None:
            session.add(LinkRow(id=link, state=LinkState.ONLINE, sequence=3, meters=1, seen_ms=0))
            session.flush()
        row = MeterRow(id=meter, link=link, first_seen_ms=0, epoch=EPOCH, report_number=20, holds_number=21)
        row.last_event, row.oldest_entry = last, oldest
        session.add(row)
        session.add(BlackBoxRow(meter=meter, epoch=EPOCH, upto=box[0], beyond=box[1], lost="[]"))


def heard(meter: str, link: str, key: bytes | None = FLEET_KEY) -> Arrival:
    """Holdings of a meter, as intake hands them on; without a key they are proved by nobody."""
    arrival = holdings(key, make_link(link, (meter,)).meters[meter].household.meter, link=link, number=21)
    words = hear(arrival, KeyBook.of(FLEET_KEY))
    assert not isinstance(words, IntakeRefusal)
    return heard_before(arrival, words)


def test_what_the_store_has_of_a_meter_is_told_to_its_link_under_the_meters_key(engine: Engine) -> None:
    store(engine, "m1", "link-1", (4, "[[7,9]]"))
    store(engine, "m2", "link-2", (2, "[]"))

    async def story(made: Acking, sent: Sent) -> None:
        made.note([heard("m1", "link-1"), heard("m2", "link-2")])
        await asyncio.sleep(2)
        assert len(sent.said) == 2

    said = {link: (births, meters, words) for _, link, births, meters, words in play(engine, story).said}
    assert said["link-1"][:2] == (3, (Acked(meter="m1", epoch=EPOCH, heard=21, upto=4, beyond=((7, 9),)),))
    assert said["link-2"][:2] == (3, (Acked(meter="m2", epoch=EPOCH, heard=21, upto=2),))
    for link, meter in (("link-1", "m1"), ("link-2", "m2")):
        ((word),) = said[link][2]
        assert proof_of(word, Purpose.ACK, link, meter_key(FLEET_KEY, meter)) is Proof.AUTHENTIC


def test_what_comes_within_a_second_is_acknowledged_once(engine: Engine) -> None:
    store(engine, "m1", "link-1")

    async def story(made: Acking, _sent: Sent) -> None:
        for _ in range(5):
            made.note([heard("m1", "link-1")])
            await asyncio.sleep(0.1)
        await asyncio.sleep(2)
        made.note([heard("m1", "link-1")])
        await asyncio.sleep(2)

    assert play(engine, story).meters == ["m1", "m1"]


def test_what_nobody_has_proved_is_acknowledged_to_nobody(engine: Engine) -> None:
    store(engine, "m1", "link-1")

    async def story(made: Acking, _sent: Sent) -> None:
        made.note([heard("m1", "link-1", None)])
        await asyncio.sleep(5)

    assert play(engine, story).said == []


def test_a_meter_with_a_gap_is_asked_after_one_two_four_minutes_and_at_last_hourly(engine: Engine) -> None:
    store(engine, "m1", "link-1", (4, "[[7,9]]"), last=9)
    store(engine, "m2", "link-1", (9, "[]"), last=9)

    async def story(made: Acking, _sent: Sent) -> None:
        # The jobs call it every ten seconds.
        for _ in range(6 * 60 * 4):
            await asyncio.sleep(10)
            made.look()

    sent = play(engine, story)
    assert set(sent.meters) == {"m1"}
    asked_min = [round(at_s / 60) for at_s, *_ in sent.said]
    waits_min = [then - before for before, then in pairwise(asked_min)]
    assert waits_min[:6] == [1, 2, 4, 8, 16, 32]
    assert set(waits_min[6:]) == {HOUR_MS // MINUTE_MS}


def test_a_gap_that_the_ring_has_lost_is_given_up_and_asked_for_no_more(engine: Engine) -> None:
    store(engine, "m1", "link-1", (4, "[[7,9]]"), last=9, oldest=7)

    async def story(made: Acking, _sent: Sent) -> None:
        for _ in range(100):
            await asyncio.sleep(10)
            made.look()

    assert play(engine, story).said == []
    with writing(engine) as session:
        row = session.get(BlackBoxRow, ("m1", EPOCH))
        assert row is not None
        assert (row.upto, row.beyond, row.lost) == (9, "[]", "[[5,6]]")


def test_a_link_that_is_listed_as_offline_is_called_once_a_minute_while_something_comes(
    engine: Engine,
) -> None:
    store(engine, "m1", "link-1")
    with writing(engine) as session:
        link = session.get(LinkRow, "link-1")
        assert link is not None
        link.state = LinkState.OFFLINE

    async def story(made: Acking, _sent: Sent) -> None:
        for _ in range(150):
            made.hear("link-1")
            made.hear("nobody")
            await asyncio.sleep(1)

    sent = play(engine, story)
    assert [(link, births, meters) for _, link, births, meters, _ in sent.said] == 3 * [("link-1", 0, ())]


def test_without_a_broker_nothing_ends_and_a_link_that_is_refused_keeps_nobody_from_theirs(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acking, "_METERS_AT_ONCE", 2)
    for number in range(1, 6):
        store(engine, f"m{number}", f"link-{number}")
    arrivals = [heard(f"m{number}", f"link-{number}") for number in range(1, 6)]

    async def story(made: Acking, sent: Sent) -> None:
        sent.away = True
        made.note(arrivals)
        await asyncio.sleep(10)
        assert sent.said == []
        sent.away = False
        sent.denied = {"link-1", "link-4"}
        made.note(arrivals)
        await asyncio.sleep(10)

    sent = play(engine, story)
    assert sorted(sent.meters) == ["m2", "m3", "m5"]
    at_s = [round(at) for at, *_ in sent.said]
    assert max(at_s.count(each) for each in at_s) <= 2, "so many in a second, and the others in the next"


def test_what_the_network_lost_is_told_again_and_acknowledged(engine: Engine) -> None:
    async def story(world: World) -> None:
        made = world.service.acking
        made.every_s = 0.0
        acknowledging = asyncio.create_task(made.run())
        link = world.links["link-1"]
        meter = link.meters["m1"]

        async def acknowledged() -> None:
            for _ in range(20):
                await asyncio.sleep(0.005)
                await world.settle()

        async def happens() -> None:
            world._upward.extend(link.apply("m1", TicksLost(), world.now_ms))
            await acknowledged()

        await happens()
        assert meter.telling.acknowledges
        world.lost_channels = {Channel.EVENTS}
        await happens()
        world.lost_channels = set()
        assert meter.telling.last_event not in meter.telling.there
        await world.wait(2 * MINUTE_MS, 10 * SECOND_MS)
        await acknowledged()
        assert meter.telling.last_event in meter.telling.there
        acknowledging.cancel()
        await asyncio.gather(acknowledging, return_exceptions=True)

    async def run() -> None:
        async with controller_with(engine, make_link("link-1", ("m1",))) as world:
            await story(world)

    asyncio.run(run())
