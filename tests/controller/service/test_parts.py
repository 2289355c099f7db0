"""Parts of the service: a single instance, a root that lists our keys, the time authority, and the jobs."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import InterfaceError

from controller.database.engine import reading, writing
from controller.database.single_instance import single_instance
from controller.database.tables import LinkRow, MeterRow
from controller.leases.views import LeaseView, lease_status
from controller.orders.store import get_order
from controller.service.clock import ServiceClock
from controller.service.jobs import TICK_MS, Jobs
from controller.service.serve import Service, ServiceKeys, checked_root, serve
from controller.service.time_program import serve_time
from controller.service.time_service import SPREAD_MS, TimeAuthority
from emulator.fleet.embedded_broker import EmbeddedBroker
from protocols.documents.envelope import Signer, seal
from protocols.documents.orders import TIME_TYPE, TimeAnswer, read_time
from protocols.documents.roles import ROOT_TYPE, open_signed, time_source, write_root
from protocols.errors import DocumentError, InputError, UnreachableError
from protocols.instants import DAY_MS
from protocols.link.carriage import Arrival, BrokerAddress
from protocols.link.messages import Status, TimeAsk, write_message
from protocols.link.topics import Channel, Place, link_filters
from protocols.reasons import Source
from protocols.rim.carrier import Carrier
from tests.controller.exchange.spoken import births
from tests.controller.service_bench import (
    FLEET_KEY,
    ROOT_ENVELOPE,
    SERVICE_KEYS,
    SteppedClock,
    controller_with,
    make_link,
)
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT, SIGNERS

ASK = Place(Channel.TIME_ASK, link="link-1", meter="m1")


@pytest.fixture
def engine(any_store: Engine) -> Engine:
    """Locks differ from database to database, so each test runs on both."""
    return any_store


class FakeBroker:
    """Acknowledges and records what is published."""

    def __init__(self) -> None:
        self.connected = True
        self.published: list[tuple[Place, bytes]] = []

    async def publish(
        self, place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
    ) -> None:
        del expiry_s, retain
        self.published.append((place, payload))


def ask(nonce: str = "n" * 32, meter: str = "m1", source: Source = Source.HEADEND) -> bytes:
    return write_message(TimeAsk(meter=meter, source=source, nonce=nonce))


def asked(payload: bytes, place: Place = ASK, *, retained: bool = False) -> tuple[FakeBroker, TimeAuthority]:
    broker = FakeBroker()
    authority = TimeAuthority(Source.HEADEND, SIGNERS["headend"], SteppedClock(), broker)
    asyncio.run(authority.handle(Arrival(place, payload, retained)))
    return broker, authority


def test_an_authority_answers_the_meters_own_nonce_with_its_own_key() -> None:
    broker, _ = asked(ask())
    ((place, payload),) = broker.published
    assert place == Place(Channel.TIME_ANSWER, link="link-1", meter="m1")
    signed = open_signed(payload, ROOT, TIME_TYPE)
    assert time_source(signed, ROOT) is Source.HEADEND
    answer = read_time(signed.payload)
    assert answer == TimeAnswer(meter="m1", nonce="n" * 32, time_ms=MONDAY_MS, spread_ms=SPREAD_MS)


@pytest.mark.parametrize(
    "payload",
    [ask(source=Source.TIMESERVER), ask(meter="m2"), ask(nonce="short"), b"{}", b"\xff", b""],
    ids=["another authority", "another meter", "no nonce", "no ask", "no text", "nothing"],
)
def test_an_authority_ignores_what_is_no_ask_for_it(payload: bytes) -> None:
    broker, authority = asked(payload)
    assert broker.published == []
    assert authority.ignored.total() == 1


def test_a_retained_ask_is_not_answered() -> None:
    broker, _ = asked(ask(), retained=True)
    assert broker.published == []


def test_one_store_serves_one_instance(engine: Engine) -> None:
    with single_instance(engine), pytest.raises(InputError, match="another `relance serve` runs"):
        single_instance(engine).__enter__()
    with single_instance(engine):
        pass


def test_postgresql_gives_the_lock_free_before_it_loses_the_session(postgresql_store: Engine) -> None:
    lock = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    held: list[int] = []

    def look(_connection: object) -> None:
        with postgresql_store.connect() as connection:
            held.append(connection.execute(lock).scalar_one())

    with single_instance(postgresql_store), postgresql_store.connect() as connection:
        assert connection.execute(lock).scalar_one() == 1
        event.listen(postgresql_store, "close_detached", look)
    event.remove(postgresql_store, "close_detached", look)
    assert held == [0]


@pytest.mark.parametrize("lost", [ConnectionResetError(104, "reset"), InterfaceError("", {}, OSError())])
def test_a_service_that_loses_its_server_at_the_end_ends_quietly(
    postgresql_store: Engine, lost: Exception
) -> None:
    def lose(*given: object) -> None:
        if "pg_advisory_unlock" in str(given[2]):
            raise lost

    with single_instance(postgresql_store):
        event.listen(postgresql_store, "after_cursor_execute", lose)
    event.remove(postgresql_store, "after_cursor_execute", lose)


def test_a_root_that_does_not_list_our_keys_is_refused() -> None:
    stranger = Signer.from_seed(b"s" * 32)
    with pytest.raises(InputError, match="role lease does not list the key of service"):
        checked_root(msgspec.structs.replace(SERVICE_KEYS, service=stranger))
    with pytest.raises(InputError, match="role time does not list the key of headend"):
        checked_root(msgspec.structs.replace(SERVICE_KEYS, headend=stranger))
    alone = seal(write_root(ROOT), ROOT_TYPE, [SIGNERS["gina"]])
    with pytest.raises(DocumentError, match="not signed by as many people"):
        checked_root(msgspec.structs.replace(SERVICE_KEYS, root_envelope=alone))


def test_a_tick_is_done_once_however_often_it_comes(engine: Engine) -> None:
    async def story() -> None:
        async with controller_with(engine, make_link("link-1", ("m1", "m2"))) as world:
            world.permit()
            await world.settle()
            first = world.service.jobs.tick(world.service.clock.written())
            assert first.leases == 1
            restarted = Service(engine, SERVICE_KEYS, world.clock).jobs
            for jobs in (world.service.jobs, restarted):
                again = jobs.tick(world.service.clock.written())
                assert (again.leases, again.upkeep.retried, again.upkeep.expired) == (0, 0, 0)

    asyncio.run(story())


def test_a_controller_clock_a_day_ahead_expires_no_moratorium_and_no_lease_is_lost(engine: Engine) -> None:
    """The incident of 2020, but at the controller: its leases come in time, and protection stays."""

    async def story() -> None:
        async with controller_with(engine, make_link("link-1", ("m1",))) as world:
            row = world.declare("mora", world.now_ms - DAY_MS, world.now_ms + DAY_MS // 2)
            world.permit()
            await world.settle()
            world.clock.off_ms = DAY_MS
            await world.tick()
            with reading(engine) as session:
                assert get_order(session, row.id).state == "active"
            (plan,) = [view for view in _leases(engine) if view.order_id is not None]
            assert plan.rev == 1
            # The lease was issued by what the service believes, not by that clock: the meter takes it.
            assert world.meter("m1").memory.lease is not None
            await world.wait(4 * DAY_MS, DAY_MS)
            lease = world.meter("m1").memory.lease
            assert lease is not None

    asyncio.run(story())


def _leases(engine: Engine) -> list[LeaseView]:
    with reading(engine) as session:
        return lease_status(session, MONDAY_MS)


def test_an_expired_root_ends_leases_and_not_protection(engine: Engine) -> None:
    root = msgspec.structs.replace(ROOT, expires_ms=MONDAY_MS + DAY_MS)
    envelope = seal(write_root(root), ROOT_TYPE, [SIGNERS["gina"], SIGNERS["hugo"]])
    secrets = ServiceKeys(SIGNERS["service"], SIGNERS["headend"], FLEET_KEY, envelope)
    assert secrets.root_envelope != ROOT_ENVELOPE

    async def story() -> None:
        async with controller_with(engine, make_link("link-1", ("m1",))) as world:
            world.permit()
            await world.settle()
            jobs = Service(engine, secrets, world.clock).jobs
            await world.clock.step_to(MONDAY_MS + DAY_MS)
            assert jobs.tick(world.service.clock.written()).leases == 0
            world.declare("mora", world.now_ms, world.now_ms + DAY_MS)
            await world.settle()
            assert "hold/mora" in world.meter("m1").memory.protections

    asyncio.run(story())


@pytest.mark.parametrize("stepped", [False, True])
def test_jobs_tick_when_they_begin_and_stop_when_cancelled(engine: Engine, stepped: bool) -> None:
    async def story() -> None:
        ticked = asyncio.Event()
        clock = SteppedClock()
        judged = ServiceClock(ROOT, FLEET_KEY, clock, ticked.set)
        jobs = Jobs(engine, ROOT, SIGNERS["service"], judged, asyncio.Lock(), ticked.set)
        task = asyncio.create_task(jobs.run_by() if stepped else jobs.run())
        await ticked.wait()
        if stepped:
            ticked.clear()
            await asyncio.sleep(0)
            await clock.step_to(MONDAY_MS + TICK_MS)
            await ticked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())


def test_a_store_that_another_holds_for_a_while_loses_no_message(engine: Engine) -> None:
    async def story() -> None:
        async with controller_with(engine, make_link("link-1", ("m1",))) as world:
            status = Status(link="link-9", online=True, sequence=1, meters=0)
            with writing(engine) as session:
                session.connection().execute(text("CREATE TABLE somebody_elses (id TEXT)"))
                await world.service.handle(births(FLEET_KEY, status))
                await asyncio.sleep(0)
            await world.settle()
            with reading(engine) as session:
                assert session.get(LinkRow, "link-9") is not None

    asyncio.run(story())


def test_a_committed_order_is_published_over_a_real_broker_and_an_ask_is_answered(
    engine: Engine, tmp_path: Path
) -> None:
    """`serve` and a link on one broker; another connection to the store commits the order."""
    del tmp_path

    async def story(address: BrokerAddress) -> None:
        clock = SteppedClock()
        serving = asyncio.create_task(serve(engine, SERVICE_KEYS, address, clock))
        second = serve_time(Source.TIMESERVER, SIGNERS["timeserver"], (), address, clock)
        timing = asyncio.create_task(second)
        arrived: asyncio.Queue[Place] = asyncio.Queue()

        async def handle(arrival: Arrival) -> None:
            # The controller's own birth arrives too, at any time.
            if arrival.place.channel is not Channel.CONTROLLER:
                await arrived.put(arrival.place)

        link = Carrier(address, "link-1", link_filters("link-1"), handle=handle)
        carrying = asyncio.create_task(link.run())
        await link.first_attempt()
        status = Status(link="link-1", online=True, sequence=1, meters=1)
        born = births(FLEET_KEY, status)
        await link.publish(born.place, born.payload)
        await _until_known(engine, "link-1")
        with writing(engine) as session:
            session.add(MeterRow(id="m1", link="link-1", first_seen_ms=MONDAY_MS))
        async with controller_with(engine) as world:
            world.declare("mora", MONDAY_MS, MONDAY_MS + DAY_MS)
        assert (await arrived.get()).channel is Channel.FLEET_ORDERS
        # Answered as soon as the service has heard the timeserver, and not before.
        while arrived.empty():
            await link.publish(ASK, ask())
            await asyncio.sleep(0.05)
        assert (await arrived.get()).channel is Channel.TIME_ANSWER
        for task in (carrying, serving, timing):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with EmbeddedBroker() as broker:
        asyncio.run(story(broker.address))
    with single_instance(engine):
        pass


async def _until_known(engine: Engine, link: str) -> None:
    for _ in range(3_000):
        with reading(engine) as session:
            if session.get(LinkRow, link) is not None:
                return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{link} did not become known")


def test_without_a_broker_serve_says_so_at_once(engine: Engine) -> None:
    with pytest.raises(UnreachableError, match=r"broker mqtt://127\.0\.0\.1:1"):
        asyncio.run(serve(engine, SERVICE_KEYS, BrokerAddress("127.0.0.1", 1), SteppedClock()))
