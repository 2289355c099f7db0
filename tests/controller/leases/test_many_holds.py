"""Many holds of one person: meter and service gather them alike, and two people lift what no store knows."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import Engine

from controller.moratoriums import acts as moratoriums
from controller.office.people import Actor
from controller.orders.acting import acting
from controller.orders.acts import sign
from controller.orders.numbering import FLOOR_LEAP_MIN
from emulator.firmware.guarded.meter import GuardedMeter
from protocols.documents import drafting
from protocols.documents.room import catch_all_of
from protocols.instants import DAY_MS
from protocols.limits import HOLDS_PER_KEY_MAX
from protocols.link.topics import Channel, Place
from tests.controller.service_bench import World, controller_with, make_link, seal_order
from tests.emulator.firmware.guarded.workbench import ROOT, SIGNERS


def run_story(engine: Engine, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with controller_with(engine, make_link("link-1", ("m1",))) as world:
            await story(world)

    asyncio.run(run())


async def lift(world: World, name: str) -> None:
    """By two people, as `moratorium lift NAME --unknown` and `orders sign` do."""
    with acting(world.engine, ROOT, Actor("dora", SIGNERS["dora"]), world.now_ms, "test") as act:
        lifted = moratoriums.lift(act, name, unknown=True)
    with acting(world.engine, ROOT, Actor("eric", SIGNERS["eric"]), world.now_ms, "test") as act:
        assert sign(act, lifted.order.id).state == "active"
    await world.settle()


def holds(meter: GuardedMeter) -> set[str]:
    return {span.name for span in meter.known.holds}


def test_a_lease_names_what_a_meter_has_gathered(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.permit()
        await world.settle()
        until_ms = world.now_ms + 20 * DAY_MS
        for number in range(HOLDS_PER_KEY_MAX + 4):
            world.declare(f"h{number:02}", world.now_ms + 10 * DAY_MS, until_ms + number)
        await world.wait(2 * DAY_MS)
        known = world.meter("m1").known
        assert catch_all_of("anna") in holds(world.meter("m1"))
        assert known.permission.complete, "the lease names the catch-all, and the meter has it"
        assert world.meter("m1").memory.lease is not None

    run_story(engine, story)


def test_a_hold_that_never_was_in_the_store_is_lifted_by_two_though_it_was_climbed(engine: Engine) -> None:
    async def story(world: World) -> None:
        place = Place(Channel.ORDERS, link="link-1", meter="m1")
        for rev in range(1, 1_001):
            sheet = drafting.Sheet(id=f"junk{rev}", rev=rev * 1_000, now_ms=world.now_ms, basis="")
            until_ms = world.now_ms + 900 * DAY_MS
            await world.publish(
                place, seal_order(drafting.declare_moratorium(sheet, "j", world.now_ms, until_ms))
            )
        assert holds(world.meter("m1")) == {"hold/j"}
        await lift(world, "j")
        assert holds(world.meter("m1")) == set()
        assert world.meter("m1").memory.protections["hold/j"].floor_rev > FLOOR_LEAP_MIN
        later = world.declare("j", world.now_ms, world.now_ms + DAY_MS)
        await world.settle()
        assert later.rev > FLOOR_LEAP_MIN
        assert holds(world.meter("m1")) == {"hold/j"}, "what is declared after the lift protects again"

    run_story(engine, story)


def test_a_catch_all_is_lifted_by_its_name(engine: Engine) -> None:
    async def story(world: World) -> None:
        for number in range(HOLDS_PER_KEY_MAX + 2):
            world.declare(f"h{number:02}", world.now_ms, world.now_ms + DAY_MS)
        await world.settle()
        name = catch_all_of("anna")
        assert name in holds(world.meter("m1"))
        await lift(world, name.partition("/")[2])
        assert name not in holds(world.meter("m1"))
        assert len(holds(world.meter("m1"))) == HOLDS_PER_KEY_MAX

    run_story(engine, story)
