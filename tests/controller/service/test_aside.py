"""A flood without a key delays nobody who has one: what is proved comes first, the rest has little room."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import reading
from controller.database.tables import LinkRow, MeterRow
from controller.exchange.key_book import KeyBook
from controller.exchange.sync_answer import RootSent
from controller.exchange.words import IntakeRefusal
from controller.meters.admission import QUARANTINE_MAX, list_quarantine
from controller.service.aside import Aside
from controller.service.intake import LINGER_S, Intake
from controller.service.serve import Service
from emulator.firmware.guarded.told import holds_of
from protocols.documents.envelope import seal
from protocols.link.carriage import Arrival
from protocols.link.keys import ask_key, asks_key
from protocols.link.messages import Status, TimeAsk
from protocols.link.proofs import Purpose, with_mac
from protocols.link.service_time import SERVICE_TIME_TYPE, ServiceAnswer, read_ask, write_answer
from protocols.link.topics import Channel, Place
from protocols.reasons import Source
from tests.controller.exchange.spoken import births, holdings
from tests.controller.service.test_parts import FakeBroker
from tests.controller.service_bench import FLEET_KEY, SERVICE_KEYS, SteppedClock
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, SIGNERS, Workbench

PATIENCE_S = 20.0


@pytest.fixture
def engine(any_store: Engine) -> Engine:
    return any_store


class WatchedIntake(Intake):
    """Remembers in which order arrivals were written, batch by batch."""

    def __init__(self, engine: Engine) -> None:
        self.batches: list[list[Channel]] = []
        self.written = asyncio.Event()
        root = RootSent(1, b"")
        super().__init__(
            engine, KeyBook.of(FLEET_KEY), root, SteppedClock(), asyncio.Lock(), self._written_one
        )
        self.linger_s = 0.0

    def _written_one(self, batch: Sequence[Arrival]) -> None:
        del batch
        self.written.set()

    def _take_in(self, batch):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 # as the method that it wraps
        self.batches.append([arrival.place.channel for arrival in batch])
        return super()._take_in(batch)


def phantoms(count: int, link: str = "link-1") -> list[Arrival]:
    """Syncs without a MAC that name meters that do not exist, each another."""
    holds = holds_of(Workbench().meter)
    named = [msgspec.structs.replace(holds, meter=f"phantom-{number}") for number in range(count)]
    return [holdings(None, each, link=link) for each in named]


def test_what_is_proved_is_written_before_all_that_is_not(engine: Engine) -> None:
    async def story() -> WatchedIntake:
        intake = WatchedIntake(engine)
        for arrival in phantoms(500):
            await intake.handle(arrival)
        await intake.handle(births(FLEET_KEY, Status(link="link-1", online=True, sequence=1, meters=0)))
        running = asyncio.create_task(intake.run())
        async with asyncio.timeout(PATIENCE_S):
            while not intake.drained:
                await intake.written.wait()
                intake.written.clear()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return intake

    intake = asyncio.run(story())
    assert intake.batches[0][0] is Channel.STATUS
    assert all(channel is Channel.SYNC for channel in intake.batches[0][1:])
    assert all(len(batch) <= 101 for batch in intake.batches)
    assert intake.refused == {IntakeRefusal.UNVERIFIED: 500}
    with reading(engine) as session:
        assert session.exec(select(MeterRow)).all() == []


def test_what_is_not_proved_rests_after_each_transaction_and_what_is_proved_does_not_wait_for_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.service.intake._ASIDE_RESTS", 10**9)

    async def story() -> WatchedIntake:
        intake = WatchedIntake(engine)
        intake.linger_s = LINGER_S
        for arrival in phantoms(300):
            await intake.handle(arrival)
        running = asyncio.create_task(intake.run())
        async with asyncio.timeout(PATIENCE_S):
            for sequence in (1, 2):
                await intake.written.wait()
                intake.written.clear()
                status = Status(link="link-1", online=True, sequence=sequence, meters=0)
                await intake.handle(births(FLEET_KEY, status))
            await intake.written.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return intake

    intake = asyncio.run(story())
    assert intake.batches == [[Channel.SYNC] * 100, [Channel.STATUS], [Channel.STATUS]]
    assert not intake.drained


def test_a_flood_of_refusals_is_logged_at_once_and_then_once_a_second(
    engine: Engine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.service.intake._LOG_EVERY_S", 0.05)

    async def story() -> None:
        intake = WatchedIntake(engine)
        for number in range(500):
            status = Status(link=f"link-{number}", online=True, sequence=1, meters=0)
            await intake.handle(births(b"x" * 32, status))
        assert len(caplog.messages) == 1
        async with asyncio.timeout(PATIENCE_S):
            while len(caplog.messages) < 2:  # noqa: ASYNC110 # it has no event
                await asyncio.sleep(0.01)

    asyncio.run(story())
    assert [line.split()[-2:] for line in caplog.messages] == [
        ["1", "not_authentic"],
        ["499", "not_authentic"],
    ]


def test_what_nobody_has_proved_is_written_at_an_orderly_stop_after_what_is(engine: Engine) -> None:
    async def story() -> WatchedIntake:
        intake = WatchedIntake(engine)
        for arrival in phantoms(250):
            await intake.handle(arrival)
        await intake.handle(births(FLEET_KEY, Status(link="link-1", online=True, sequence=1, meters=0)))
        await intake.write_rest()
        return intake

    intake = asyncio.run(story())
    assert intake.drained
    assert [batch[0] for batch in intake.batches] == [Channel.STATUS, Channel.SYNC]
    assert intake.refused == {IntakeRefusal.UNVERIFIED: 250}


def test_a_flood_of_births_without_a_key_makes_no_link_and_a_bounded_list(engine: Engine) -> None:
    async def story() -> Intake:
        intake = WatchedIntake(engine)
        for number in range(5_000):
            status = Status(link=f"link-{number}", online=True, sequence=1, meters=0)
            await intake.handle(births(b"x" * 32 if number % 2 else None, status))
        assert intake.refused == {IntakeRefusal.NOT_AUTHENTIC: 2_500}, "dropped before any queue"
        running = asyncio.create_task(intake.run())
        async with asyncio.timeout(PATIENCE_S):
            while not intake.drained:
                await intake.written.wait()
                intake.written.clear()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return intake

    intake = asyncio.run(story())
    assert intake.refused == {IntakeRefusal.UNVERIFIED: 2_500, IntakeRefusal.NOT_AUTHENTIC: 2_500}
    with reading(engine) as session:
        assert session.exec(select(LinkRow)).all() == []
        waiting = list_quarantine(session)
    assert (len(waiting), waiting[-1].name) == (QUARANTINE_MAX + 1, "")
    assert sum(view.count for view in waiting) == 2_500


async def trust(service: Service, broker: FakeBroker) -> None:
    """The timeserver agrees with the service's clock: without that no meter is answered."""
    await service.clock.ask()
    _, word = broker.published.pop()
    answer = ServiceAnswer(nonce=read_ask(word).nonce, time_ms=MONDAY_MS, spread_ms=1_000)
    sealed = seal(write_answer(answer), SERVICE_TIME_TYPE, [SIGNERS["timeserver"]])
    service.clock.handle(Arrival(Place(Channel.SERVICE_ANSWER), sealed))
    assert service.clock.judged().trusted


def test_an_ask_that_is_proved_does_not_wait_behind_thousands_that_are_not(engine: Engine) -> None:
    def ask(number: int, *, proved: bool) -> Arrival:
        word = msgspec.json.encode(TimeAsk(meter=f"m{number}", source=Source.HEADEND, nonce="n" * 32))
        if proved:
            asks = asks_key(FLEET_KEY, Source.HEADEND)
            word = with_mac(word, Purpose.ASK, "link-1", ask_key(asks, f"m{number}"))
        return Arrival(Place(Channel.TIME_ASK, link="link-1", meter=f"m{number}"), word)

    async def story() -> tuple[Service, FakeBroker]:
        broker, service = FakeBroker(), Service(engine, SERVICE_KEYS, SteppedClock())
        service.attach(broker)
        await trust(service, broker)
        for number in range(5_000):
            await service.handle(ask(number, proved=False))
        await service.handle(ask(9_999, proved=True))
        async with asyncio.timeout(PATIENCE_S):
            while not await service.drained():  # noqa: ASYNC110 # it has no event
                await asyncio.sleep(0)
        return service, broker

    service, broker = asyncio.run(story())
    answered = [place.meter for place, _ in broker.published]
    assert answered.index("m9999") <= 1
    assert service.time is not None
    assert (len(answered), service.time.ignored["no room"]) == (1_001, 4_000)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3))))
def test_the_room_is_bounded_for_each_link_and_in_all_and_nothing_is_reordered(
    steps: list[tuple[str, int]],
) -> None:
    aside, model = Aside(link_max=3, total_max=5), list[Arrival]()
    for number, (link, count) in enumerate(steps):
        arrival = Arrival(Place(Channel.SYNC, link=link), str(number).encode())
        room = len(model) < 5 and sum(each.place.link == link for each in model) < 3
        assert aside.put(arrival) == room
        model += [arrival] if room else []
        assert aside.take(count) == model[:count]
        model = model[count:]
        assert len(aside) == len(model)
