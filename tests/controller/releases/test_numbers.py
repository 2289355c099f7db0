"""A release refused for its number is signed again above it; no meter burns the numbers of others."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import reading, writing
from controller.database.tables import DeliveryRow
from controller.orders.numbering import draw_release_number, note_known_number
from protocols.documents import drafting
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope
from protocols.instants import DAY_MS
from protocols.limits import REV_MAX, REV_STEP_MAX
from protocols.link.topics import Channel, Place
from tests.controller.service_bench import World, controller_with, make_link, seal_order
from tests.emulator.firmware.guarded.workbench import SIGNERS

KEYID = SIGNERS["anna"].keyid


@pytest.fixture
def engine(any_store: Engine) -> Engine:
    return any_store


def run_story(engine: Engine, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with controller_with(engine, make_link("link-1", ("m1", "m2"))) as world:
            await story(world)

    asyncio.run(run())


def outcome(engine: Engine, order_id: str, meter: str) -> tuple[str, str]:
    with reading(engine) as session:
        query = select(DeliveryRow).where(DeliveryRow.order_id == order_id, DeliveryRow.meter == meter)
        row = session.exec(query).one()
        return row.state, row.reason


async def carry_out(world: World, meter: str, number: int) -> None:
    """The meter has carried out a release that this store has lost."""
    sheet = drafting.Sheet(id="lost", rev=number, now_ms=world.now_ms - DAY_MS, basis="before the backup")
    lost = drafting.release(sheet, KEYID, 72, Scope(meters=(meter,)))
    await world.publish(Place(Channel.ORDERS, link="link-1", meter=meter), seal_order(lost))
    await world.settle()


def test_a_release_that_is_refused_for_its_number_works_when_it_is_repeated(engine: Engine) -> None:
    async def story(world: World) -> None:
        await carry_out(world, "m1", 40)
        first = world.release(Scope(meters=("m1",)))
        await world.settle()
        assert outcome(engine, first.id, "m1") == ("refused", "stale_number")
        again = world.release(Scope(meters=("m1",)))
        assert again.rev == 41
        await world.wait(60_000, 1_000)
        assert outcome(engine, again.id, "m1")[0] == "effective"

    run_story(engine, story)


def test_a_release_of_the_fleet_is_numbered_above_what_any_meter_knows(engine: Engine) -> None:
    async def story(world: World) -> None:
        await carry_out(world, "m1", 40)
        first = world.release()
        await world.wait(60_000, 1_000)
        assert outcome(engine, first.id, "m1") == ("refused", "stale_number")
        assert outcome(engine, first.id, "m2")[0] == "effective"
        again = world.release()
        await world.wait(60_000, 1_000)
        assert {outcome(engine, again.id, meter)[0] for meter in ("m1", "m2")} == {"effective"}

    run_story(engine, story)


def test_a_meter_that_names_the_last_number_burns_it_for_itself_alone(engine: Engine) -> None:
    async def story(world: World) -> None:
        await carry_out(world, "m1", REV_MAX - 1)
        first = world.release()
        await world.wait(60_000, 1_000)
        assert outcome(engine, first.id, "m2")[0] == "effective"
        assert world.release(Scope(meters=("m2",))).rev == 2
        assert world.release(Scope(meters=("m1",))).rev == REV_MAX
        assert world.release().rev == 4

    run_story(engine, story)


def test_numbers_are_drawn_once_and_above_what_is_known(engine: Engine) -> None:
    async def story(world: World) -> None:
        order = world.release()
        await world.settle()
        with writing(engine) as session:
            note_known_number(session, "no such order", "m1", 9_999)
            assert draw_release_number(session, KEYID) == order.rev + 1
            note_known_number(session, order.id, "m1", 10 + REV_STEP_MAX)
            assert draw_release_number(session, KEYID) == order.rev + 2
            assert draw_release_number(session, KEYID, ["m1"]) == 11 + REV_STEP_MAX
            assert draw_release_number(session, KEYID, ["m2"]) == order.rev + 4
            note_known_number(session, order.id, "m1", 2)
            assert draw_release_number(session, KEYID, ["m1"]) == 11 + REV_STEP_MAX

    run_story(engine, story)


def test_a_release_of_one_meter_does_not_supersede_that_of_another(engine: Engine) -> None:
    async def story(world: World) -> None:
        first, second = (world.release(Scope(meters=(meter,))) for meter in ("m1", "m2"))
        assert (first.object, first.rev + 1) == (second.object, second.rev)
        await world.wait(60_000, 1_000)
        assert outcome(engine, first.id, "m1")[0] == outcome(engine, second.id, "m2")[0] == "effective"
        assert Kind(first.kind) is Kind.RELEASE

    run_story(engine, story)
