"""A stolen key of a person who has got a new one: at meters that are awake, and at one that has slept."""

import asyncio

from sqlalchemy import Engine

from controller.office.people import Actor
from controller.orders.acting import acting
from controller.orders.acts import sign
from controller.roots.rules import RootChange
from controller.voids.acts import propose as propose_void
from protocols.documents import drafting
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.topics import Channel, Place
from tests.controller.roots.test_root_in_force import put_in_force, root_at, signer_of
from tests.controller.service_bench import ROOT_ENVELOPE, World, controller_with, make_link
from tests.emulator.firmware.guarded.workbench import SIGNERS

OLD, NEW = SIGNERS["anna"], signer_of("anna's next key")
AWAKE, ASLEEP = (
    Place(Channel.ORDERS, link="link-1", meter="m1"),
    Place(Channel.ORDERS, link="link-2", meter="m2"),
)


def junk(world: World) -> bytes:
    """What the thief signs, at a machine without our store."""
    sheet = drafting.Sheet(id="x1", rev=1, now_ms=world.now_ms, basis="")
    order = drafting.declare_moratorium(sheet, "junk", world.now_ms, world.now_ms + 3_000 * DAY_MS)
    return seal(write_document(order), ORDER_TYPE, [OLD])


def holds(world: World, meter: str) -> set[str]:
    return {span.name for span in world.meter(meter).known.holds}


def protect_with_the_new_key(world: World) -> None:
    with acting(world.engine, root_at(world), Actor("anna", NEW), world.now_ms) as act:
        sheet = act.sheet(Kind.HOLD, "honest")
        act.submit(drafting.declare_moratorium(sheet, "honest", world.now_ms, world.now_ms + DAY_MS))


def void_the_old_key(world: World) -> None:
    with acting(world.engine, root_at(world), Actor("dora", SIGNERS["dora"]), world.now_ms, "stolen") as act:
        drafted = propose_void(act, OLD.keyid, ["none"]).void
    assert drafted is not None
    with acting(world.engine, root_at(world), Actor("eric", SIGNERS["eric"]), world.now_ms, "stolen") as act:
        assert sign(act, drafted.order.id).state == "active"


def test_a_stolen_key_after_rotation(any_store: Engine) -> None:
    async def story(world: World) -> None:
        world.permit()
        await world.settle()
        world.disconnect("link-2")
        last = put_in_force(world, RootChange(rotated={"anna": NEW.public.hex()}), "gina", "hugo")
        await world.tick()
        await world.wait(HOUR_MS)
        protect_with_the_new_key(world)
        await world.settle()
        await world.publish(AWAKE, junk(world))
        assert holds(world, "m1") == {"hold/honest"}, "nothing, where the new root is"
        world.links["link-2"].receive(ASLEEP, junk(world), world.now_ms)
        assert holds(world, "m2") == {"hold/junk"}, (
            "what it could before, where the root has not come: protect"
        )
        void_the_old_key(world)
        await world.settle()
        world.connect("link-2")
        await world.wait(HOUR_MS)
        for place in (AWAKE, ASLEEP):
            await world.publish(place, junk(world))
            await world.publish(place, ROOT_ENVELOPE)
        for name in ("m1", "m2"):
            assert world.meter(name).root == last
            assert holds(world, name) == {"hold/honest"}
            assert world.meter(name).point.supply == "on"

    async def run() -> None:
        links = (make_link(f"link-{number}", (f"m{number}",), balance_q=0) for number in (1, 2))
        async with controller_with(any_store, *links) as world:
            await story(world)

    asyncio.run(run())
