"""A new root while everything runs: service and meters take it, and what a dropped key signed stays."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import Engine

from controller.office.people import Actor
from controller.orders.acting import acting
from controller.roots import acts as roots
from protocols.documents import drafting
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.topics import Channel, Place
from tests.controller.service_bench import World, controller_with, make_link
from tests.emulator.firmware.guarded.workbench import ROOT, SIGNERS

Story = Callable[[World], Awaitable[None]]


def run_story(engine: Engine, story: Story) -> None:
    async def run() -> None:
        async with controller_with(engine, make_link("link-1", ("m1", "m2"), balance_q=0)) as world:
            await story(world)

    asyncio.run(run())


def propose(world: World, *dropped: str, countersign: bool = False) -> roots.RootProposal:
    with acting(world.engine, ROOT, Actor("gina", SIGNERS["gina"]), world.now_ms) as act:
        return roots.propose(act, dropped, countersign=countersign)


def sign(world: World, *, countersign: bool = False) -> roots.RootProposal:
    with acting(world.engine, ROOT, Actor("hugo", SIGNERS["hugo"]), world.now_ms) as act:
        return roots.sign(act, countersign=countersign)


def test_a_renewed_root_reaches_service_and_meters_while_they_run_and_leases_demand_it(
    engine: Engine,
) -> None:
    async def story(world: World) -> None:
        world.permit()
        await world.settle()
        await world.wait(HOUR_MS)
        before = world.meter("m1").memory.lease
        assert not propose(world).in_force
        assert sign(world).in_force
        await world.tick()
        await world.wait(HOUR_MS)
        assert world.service.root.version == 2
        for name in ("m1", "m2"):
            meter = world.meter(name)
            assert meter.root.version == 2
            assert meter.memory.lease is not None
            assert [(each.object, each.floor) for each in meter.memory.lease.names] == [("root/version", 2)]
            assert meter.known.permission.complete
        assert before is not None
        assert before.names == ()

    run_story(engine, story)


def test_a_meter_with_an_older_root_opens_nothing(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.permit()
        await world.settle()
        propose(world)
        sign(world)
        await world.tick()
        await world.wait(HOUR_MS)
        meter = world.meter("m1")
        assert meter.known.permission.complete
        meter.memory.root = ROOT
        meter._known = None
        assert not meter.known.permission.complete

    run_story(engine, story)


def test_a_root_that_drops_a_key_stops_its_new_documents_and_takes_nothing_away(engine: Engine) -> None:
    async def story(world: World) -> None:
        hold = world.declare("mora", world.now_ms, world.now_ms + 30 * DAY_MS)
        await world.settle()
        waiting = propose(world, "anna")
        assert waiting.stranded == (f"{hold.id} hold/mora",)
        assert not sign(world).in_force, "an order in force stands on her key alone"
        with acting(world.engine, ROOT, Actor("bert", SIGNERS["bert"]), world.now_ms) as act:
            again = drafting.declare_moratorium(
                act.sheet(Kind.HOLD, "mora"), "mora", world.now_ms, world.now_ms + 30 * DAY_MS
            )
            act.submit(again)
        await world.settle()
        propose(world, "anna")
        done = sign(world)
        assert (done.stranded, done.in_force) == ((), True)
        await world.tick()
        await world.wait(HOUR_MS)
        meter = world.meter("m1")
        assert SIGNERS["anna"].keyid not in meter.root.keys
        assert {span.name for span in meter.known.holds} == {"hold/mora"}
        sheet = drafting.Sheet(id="late", rev=1, now_ms=world.now_ms, basis="")
        late = drafting.declare_moratorium(sheet, "late", world.now_ms, world.now_ms + DAY_MS)
        sealed = seal(write_document(late), ORDER_TYPE, [SIGNERS["anna"]])
        await world.publish(Place(Channel.ORDERS, link="link-1", meter="m1"), sealed)
        assert {span.name for span in meter.known.holds} == {"hold/mora"}

    run_story(engine, story)
