"""A stolen key's junk goes by one order of two people while service and meters run; the rest stands."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import Engine
from sqlmodel import Session

from controller.database.tables import OrderRow
from controller.office.people import Actor
from controller.orders import store as orders
from controller.orders.acting import acting
from controller.orders.acts import sign
from controller.orders.reviving import revive_early_ended
from controller.roots import acts as roots
from controller.roots.rules import RootChange
from controller.voids.acts import propose
from protocols.documents import drafting
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import short_keyid
from protocols.documents.room import catch_all_of
from protocols.instants import DAY_MS, HOUR_MS
from protocols.limits import HOLDS_PER_KEY_MAX
from protocols.link.topics import Channel, Place
from tests.controller.service_bench import World, controller_with, make_link, seal_order
from tests.emulator.firmware.guarded.workbench import ROOT, SIGNERS

ANNA = SIGNERS["anna"].keyid


def run_story(engine: Engine, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with controller_with(engine, make_link("link-1", ("m1", "m2"), balance_q=0)) as world:
            await story(world)

    asyncio.run(run())


async def void_anna(world: World) -> str:
    """By two people, as `void propose anna --keep none` and `orders sign` do."""
    with acting(world.engine, ROOT, Actor("dora", SIGNERS["dora"]), world.now_ms, "stolen") as act:
        proposal = propose(act, "anna", ["none"])
    assert proposal.void is not None
    with acting(world.engine, ROOT, Actor("eric", SIGNERS["eric"]), world.now_ms, "stolen") as act:
        assert sign(act, proposal.void.order.id).state == "active"
    await world.settle()
    return proposal.void.order.id


async def thrown_at(world: World, meter: str) -> None:
    """What a thief signs with Anna's key and brings to a meter without this store."""
    for number in range(HOLDS_PER_KEY_MAX + 4):
        sheet = drafting.Sheet(id=f"x{number}", rev=1, now_ms=world.now_ms, basis="")
        until_ms = world.now_ms + 3_000 * DAY_MS
        junk = drafting.declare_moratorium(sheet, f"junk{number:02}", world.now_ms, until_ms)
        await world.publish(Place(Channel.ORDERS, link="link-1", meter=meter), seal_order(junk))


def state_of(world: World, order_id: str) -> str:
    with Session(world.engine) as session:
        return orders.get_order(session, order_id).state


def holds(world: World, meter: str) -> set[str]:
    return {span.name for span in world.meter(meter).known.holds}


def test_junk_that_only_a_meter_knows_goes_and_the_fleet_can_be_cut_again(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.permit()
        mine = world.declare("mine", world.now_ms, world.now_ms + 30 * DAY_MS)
        released = world.release()
        await world.settle()
        await thrown_at(world, "m1")
        assert catch_all_of("anna") in holds(world, "m1")
        with acting(world.engine, ROOT, Actor("bert", SIGNERS["bert"]), world.now_ms) as act:
            sheet = act.sheet(Kind.HOLD, "other")
            act.submit(drafting.declare_moratorium(sheet, "other", world.now_ms, world.now_ms + 2 * DAY_MS))
        await world.wait(2 * HOUR_MS)
        assert {world.meter(name).point.supply for name in ("m1", "m2")} == {"on"}
        void = await void_anna(world)
        assert (state_of(world, mine.id), state_of(world, released.id)) == ("superseded", "superseded")
        assert holds(world, "m1") == holds(world, "m2") == {"hold/other"}
        assert world.meter("m1").memory.voided == (short_keyid(ANNA),)
        await thrown_at(world, "m1")
        await thrown_at(world, "m2")
        await world.wait(DAY_MS)
        assert holds(world, "m1") == holds(world, "m2") == {"hold/other"}, "what Bert declared stands"
        assert {world.meter(name).point.supply for name in ("m1", "m2")} == {"on"}
        await world.wait(2 * DAY_MS)
        assert {world.meter(name).point.supply for name in ("m1", "m2")} == {"off"}
        assert state_of(world, void) == "active"

    run_story(engine, story)


def test_a_meter_that_was_away_gets_the_void_and_the_root_in_either_order(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.permit()
        await world.settle()
        await thrown_at(world, "m1")
        world.disconnect("link-1")
        await void_anna(world)
        with acting(world.engine, ROOT, Actor("gina", SIGNERS["gina"]), world.now_ms) as act:
            roots.propose(act, RootChange(dropped=frozenset({"anna"})))
        with acting(world.engine, ROOT, Actor("hugo", SIGNERS["hugo"]), world.now_ms) as act:
            assert roots.sign(act).in_force
        await world.tick()
        await world.wait(3 * HOUR_MS)
        assert world.meter("m1").point.supply == "on", "protected for longer, never shorter"
        world.connect("link-1")
        await world.settle()
        await world.wait(DAY_MS)
        assert world.meter("m1").root.version == 2
        assert holds(world, "m1") == set()
        assert world.meter("m1").point.supply == "off"

    run_story(engine, story)


def test_a_hold_of_a_voided_key_is_not_revived(engine: Engine) -> None:
    async def story(world: World) -> None:
        hold = world.declare("mine", world.now_ms, world.now_ms + 30 * DAY_MS)
        other = world.declare("other", world.now_ms, world.now_ms + 30 * DAY_MS)
        with Session(world.engine) as session:
            for order in (hold, other):
                orders.expire(session, session.get_one(OrderRow, order.id), world.now_ms)
            session.commit()
        await void_anna(world)
        with Session(world.engine) as session:
            assert revive_early_ended(session, ROOT, world.now_ms, world.now_ms) == 0
        assert state_of(world, hold.id) == "expired"

    run_story(engine, story)
