"""New keys for meters that are awake, that sleep, and that slept through several rotations; a thief."""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256

from sqlalchemy import Engine

from controller.database.engine import reading
from controller.exchange.key_book import KeyBook
from controller.exchange.words import IntakeRefusal, hear
from controller.rekeying.acts import Generation, halves_of
from controller.rekeying.views import KeysView, view_keys
from controller.service.serve import ServiceKeys
from emulator.firmware.guarded.told import report_of
from emulator.fleet.building import identity_of
from emulator.links.link import Link
from protocols.documents import drafting
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope
from protocols.instants import HOUR_MS
from protocols.link.carriage import Arrival
from protocols.link.keys import link_key, meter_key
from protocols.link.messages import write_report
from protocols.link.topics import CARRIAGE, Channel, Place
from tests.controller.service_bench import FLEET_KEY, ROOT_ENVELOPE, World, controller_with, make_link
from tests.emulator.firmware.guarded.workbench import SIGNERS

LATER = {number: sha256(f"generation {number}".encode()).digest() for number in range(2, 6)}
KEYS = ServiceKeys(SIGNERS["service"], SIGNERS["headend"], FLEET_KEY, ROOT_ENVELOPE, find_fleet_key=LATER.get)
Story = Callable[[World], Awaitable[None]]


def drawing_link(name: str, *meters: str) -> Link:
    link, count = make_link(name, meters), iter(range(1_000))
    link._draw = lambda: sha256(f"{name} {next(count)}".encode()).digest()  # chance of the bench
    return link


def order_keys(world: World, generation: int, *meters: str) -> None:
    scope = Scope(meters=meters) if meters else drafting.FLEET
    name = meters[0] if meters else "fleet"
    body = halves_of(Generation(generation, LATER[generation]))
    world.submit(drafting.keys(world.sheet(Kind.KEYS, name), name, body, scope))


def view(world: World) -> KeysView:
    with reading(world.engine) as session:
        return view_keys(session)


def play(engine: Engine, story: Story) -> None:
    async def run() -> None:
        links = drawing_link("link-1", "m1"), drawing_link("link-2", "m2")
        async with controller_with(engine, *links) as world:
            world.restart(KEYS)
            await world.wait(HOUR_MS)
            await story(world)

    asyncio.run(run())


def said_by(world: World, name: str, key: bytes) -> Arrival:
    """A report in the name of a meter, under this key, newer than all of its own."""
    meter = world.meter(name)
    link = "link-1" if name == "m1" else "link-2"
    report = report_of(meter, meter.tick, number=10**9, way=link, totals=(), last_event=0, oldest_entry=0)
    return Arrival(Place(Channel.REPORTED, link=link, meter=name), write_report(report, key))


def counts(world: World, arrival: Arrival) -> bool:
    return not isinstance(hear(arrival, world.service.book), IntakeRefusal)


def old_key(name: str) -> bytes:
    return meter_key(FLEET_KEY, name)


def test_a_meter_is_heard_under_its_old_key_until_it_proves_the_new_one(any_store: Engine) -> None:
    async def story(world: World) -> None:
        world.disconnect("link-2")
        order_keys(world, 2)
        await world.settle()
        new = world.meter("m1").identity.key
        assert new != old_key("m1")
        assert counts(world, said_by(world, "m1", new))
        assert not counts(world, said_by(world, "m1", old_key("m1")))
        assert counts(world, said_by(world, "m2", old_key("m2"))), "it sleeps"
        assert (view(world).meters, view(world).waiting) == ({1: 1, 2: 1}, ("m2",))
        world.connect("link-2")
        await world.wait(HOUR_MS)
        assert (view(world).meters, view(world).waiting) == ({2: 2}, ())
        assert not counts(world, said_by(world, "m2", old_key("m2")))
        world.restart(KEYS)
        await world.settle()
        assert counts(world, said_by(world, "m2", world.meter("m2").identity.key)), "the store knows"
        assert not counts(world, said_by(world, "m2", old_key("m2")))

    play(any_store, story)


def test_one_meter_gets_a_new_key_while_the_fleets_stays(sqlite_store: Engine) -> None:
    async def story(world: World) -> None:
        body = halves_of(Generation(1, FLEET_KEY))
        world.submit(drafting.keys(world.sheet(Kind.KEYS, "m1"), "m1", body, Scope(meters=("m1",))))
        await world.settle()
        assert counts(world, said_by(world, "m1", world.meter("m1").identity.key))
        assert not counts(world, said_by(world, "m1", old_key("m1")))
        assert world.meter("m2").identity.key == old_key("m2")
        assert view(world).waiting == ()

    play(sqlite_store, story)


def test_a_meter_that_slept_through_several_rotations_comes_home(sqlite_store: Engine) -> None:
    async def story(world: World) -> None:
        world.disconnect("link-2")
        for generation in (2, 3, 4):
            order_keys(world, generation)
            await world.wait(HOUR_MS)
        order_keys(world, 4, "m1")
        await world.wait(HOUR_MS)
        world.connect("link-2")
        await world.wait(HOUR_MS)
        assert (view(world).meters, view(world).waiting) == ({4: 2}, ())
        for name in ("m1", "m2"):
            assert counts(world, said_by(world, name, world.meter(name).identity.key))
            assert world.meter(name).memory.keys is not None
        assert len(world.meter("m1").memory.keys.earlier) == 4  # type: ignore[union-attr]

    play(sqlite_store, story)


def test_a_lost_proof_a_lost_store_and_a_second_rotation_lose_no_meter(sqlite_store: Engine) -> None:
    async def story(world: World) -> None:
        world.lost_channels = {Channel.SYNC, Channel.RECEIPTS, Channel.REPORTED}
        order_keys(world, 2)
        await world.settle()
        order_keys(world, 3)
        await world.settle()
        assert view(world).waiting == ("m1", "m2"), "nothing of it was heard"
        world.lost_channels = set()
        for link in ("link-1", "link-2"):
            world.disconnect(link)
            world.connect(link)
        await world.wait(HOUR_MS)
        assert view(world).waiting == ()
        # The store is restored from before: it knows the first keys alone.
        world.service.book._proven.clear()  # as a copy of before would load it
        for link in ("link-1", "link-2"):
            world.disconnect(link)
            world.connect(link)
        await world.wait(HOUR_MS)
        assert all(
            counts(world, said_by(world, name, world.meter(name).identity.key)) for name in ("m1", "m2")
        )

    play(sqlite_store, story)


def test_a_stolen_fleet_key_opens_nothing_after_the_rotation(sqlite_store: Engine) -> None:
    """The thief has the fleet's first key and all that was ever sent and said."""

    async def story(world: World) -> None:
        order_keys(world, 2)
        await world.wait(HOUR_MS)
        guesses = {old_key("m1"), meter_key(LATER[3], "m1"), FLEET_KEY}
        for place, payload in world.messages:
            guesses |= {sha256(payload).digest(), *(_halves(payload))}
            assert world.meter("m1").identity.key.hex().encode() not in payload, place
        for guess in guesses:
            assert not counts(world, said_by(world, "m1", guess))
        # It draws a half of its own for the meter, and vouches for it with the stolen key.
        forged = drawing_link("link-1", "m1")
        sent = [payload for place, payload in world.messages if place.channel is Channel.FLEET_ORDERS]
        sent += [payload for place, payload in world.messages if place.channel is Channel.ORDERS]
        forged.connected(world.now_ms)
        words = [
            each
            for payload in sent
            for each in forged.receive(Place(Channel.FLEET_ORDERS), payload, world.now_ms)
        ]
        assert forged.meters["m1"].household.meter.memory.keys is not None, "it can play the meter to itself"
        proven = dict(world.service.book._proven)
        for each in words:
            if CARRIAGE[each.place.channel].upward and each.place.channel is not Channel.TIME_ASK:
                await world.service.handle(Arrival(each.place, each.payload))
        await world.settle()
        assert world.service.book._proven == proven
        assert identity_of("m1", FLEET_KEY).key == old_key("m1")

    play(sqlite_store, story)


def _halves(payload: bytes) -> set[bytes]:
    return {payload[start : start + 32] for start in range(0, max(len(payload) - 32, 0), 64)}


def test_a_link_that_has_proved_a_later_generation_is_not_heard_under_the_first_one() -> None:
    book = KeyBook({1: FLEET_KEY, 2: LATER[2]})
    births = {}
    for number, secret in ((1, FLEET_KEY), (2, LATER[2])):
        link = Link("link-1", (), key=link_key(secret, "link-1"))
        births[number] = Arrival(Place(Channel.STATUS, link="link-1"), link.birth().payload)
    assert not isinstance(hear(births[1], book), IntakeRefusal)
    assert not isinstance(hear(births[2], book), IntakeRefusal)
    assert hear(births[1], book) is IntakeRefusal.NOT_AUTHENTIC
