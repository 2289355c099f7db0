"""A store that forgot what it has given numbers above what meters hold; see also releases/test_numbers.py."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import reading, writing
from controller.database.tables import CounterRow, DeliveryRow, OrderRow
from controller.moratoriums.views import ForgottenHold, list_forgotten
from controller.orders.numbering import BELIEVED_MAX, NAMED_MAX, draw_rev, note_held, note_known_number
from protocols.documents import drafting
from protocols.documents.drafting import FLEET, Sheet
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order
from protocols.instants import DAY_MS, MINUTE_MS
from protocols.limits import REV_MAX
from protocols.link.topics import Channel, Place
from protocols.reasons import FlagName
from tests.controller.service_bench import World, controller_with, make_link, seal_order

FLOOR = 4_000_000_000


@pytest.fixture
def engine(any_store: Engine) -> Engine:
    return any_store


def run_story(engine: Engine, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with controller_with(engine, make_link("link-1", ("m1", "m2"))) as world:
            await story(world)

    asyncio.run(run())


def forgotten(world: World, rev: int) -> Sheet:
    return Sheet(id="lost", rev=rev, now_ms=world.now_ms, basis="before the backup")


async def obeyed(world: World, order: Order, *meters: str) -> None:
    """These meters have taken an order of which the store knows nothing."""
    for meter in meters:
        await world.publish(Place(Channel.ORDERS, link="link-1", meter=meter), seal_order(order))
    await world.settle()


def states(engine: Engine, row: OrderRow) -> set[tuple[str, str]]:
    with reading(engine) as session:
        found = session.exec(select(DeliveryRow).where(DeliveryRow.order_id == row.id)).all()
        return {(each.state, each.reason) for each in found}


@pytest.mark.parametrize("heard", [True, False], ids=["holdings were heard", "one refusal first"])
def test_protection_is_numbered_above_a_lift_that_the_store_has_forgotten(
    engine: Engine, heard: bool
) -> None:
    async def story(world: World) -> None:
        await obeyed(world, drafting.lift_moratorium(forgotten(world, FLOOR), "winter"), "m1", "m2")
        span_ms = (world.now_ms, world.now_ms + 9 * DAY_MS)
        if heard:
            world.connect("link-1")
            await world.settle()
        else:
            refused = world.declare("winter", *span_ms)
            await world.settle()
            assert states(engine, refused) == {("refused", "below_floor")}
        again = world.declare("winter", *span_ms)
        assert again.rev == FLOOR + 1
        await world.wait(2 * MINUTE_MS, MINUTE_MS)
        assert {state for state, _ in states(engine, again)} <= {"stored", "effective"}
        assert all(world.meter(name).memory.protections["hold/winter"].above for name in ("m1", "m2"))

    run_story(engine, story)


def test_protection_that_the_store_has_forgotten_is_listed_until_it_is_declared_above(engine: Engine) -> None:
    async def story(world: World) -> None:
        span_ms = (world.now_ms, world.now_ms + 9 * DAY_MS)
        world.declare("summer", *span_ms)
        await obeyed(world, drafting.declare_moratorium(forgotten(world, 7), "winter", *span_ms), "m1", "m2")
        world.connect("link-1")
        await world.settle()
        with reading(engine) as session:
            assert list_forgotten(session) == [ForgottenHold(name="winter", meters=2, number=7)]
        assert world.declare("winter", *span_ms).rev == 8
        with reading(engine) as session:
            assert list_forgotten(session) == []

    run_story(engine, story)


def test_a_flag_is_set_and_cleared_above_a_clearing_that_the_store_has_forgotten(engine: Engine) -> None:
    async def story(world: World) -> None:
        lost = drafting.clear_flag(forgotten(world, FLOOR), "m1", FlagName.MEDICAL)
        await obeyed(world, lost, "m1")
        world.connect("link-1")
        await world.settle()
        sheet = world.sheet(Kind.SET_FLAG, FlagName.MEDICAL)
        row = world.submit(drafting.set_flag(sheet, "m1", FlagName.MEDICAL))
        await world.wait(2 * MINUTE_MS, MINUTE_MS)
        assert {state for state, _ in states(engine, row)} <= {"stored", "effective"}
        assert world.meter("m1").memory.protections["flag/medical"].above

    run_story(engine, story)


def test_leases_are_numbered_above_those_that_the_store_has_forgotten(engine: Engine) -> None:
    async def story(world: World) -> None:
        await world.tick()
        world.permit()
        await world.wait(2 * MINUTE_MS, MINUTE_MS)
        assert world.meter("m1").memory.lease is not None
        with writing(engine) as session:
            # What a copy of the store from before would say.
            counter = session.get(CounterRow, "rev/lease/fleet")
            assert counter is not None
            session.delete(counter)
        world.connect("link-1")
        await world.settle()
        with writing(engine) as session:
            lease = world.meter("m1").memory.lease
            assert lease is not None
            assert draw_rev(session, "lease/fleet") == lease.rev + 1

    run_story(engine, story)


def test_a_number_that_meters_hold_is_kept_only_where_this_store_has_not_given_it(engine: Engine) -> None:
    async def story(world: World) -> None:
        row = world.permit()
        with writing(engine) as session:
            note_held(session, {"m1": {row.object: row.rev}})
            assert session.get(CounterRow, "known/calendar/season/m1") is None
            note_held(session, {"m1": {row.object: row.rev + 4}, "m2": {row.object: row.rev + 2}})
            assert draw_rev(session, row.object) == row.rev + 5

    run_story(engine, story)


def test_one_meter_never_burns_the_numbers_of_others(engine: Engine) -> None:
    async def story(world: World) -> None:
        row = world.declare("winter", world.now_ms, world.now_ms + DAY_MS)
        with writing(engine) as session:
            note_known_number(session, row.id, "m1", REV_MAX)
            assert draw_rev(session, row.object) == row.rev + 1
            note_known_number(session, row.id, "m1", BELIEVED_MAX + 1)
            assert draw_rev(session, row.object) == row.rev + 2
            note_known_number(session, row.id, "m2", BELIEVED_MAX)
            assert draw_rev(session, row.object) == BELIEVED_MAX + 1
            assert draw_rev(session, row.object) == BELIEVED_MAX + 2
        again = world.declare("winter", world.now_ms, world.now_ms + 2 * DAY_MS, FLEET)
        await world.wait(2 * MINUTE_MS, MINUTE_MS)
        assert {state for state, _ in states(engine, again)} <= {"stored", "effective"}

    run_story(engine, story)


def test_a_copy_that_came_late_says_nothing_of_numbers(engine: Engine) -> None:
    async def story(world: World) -> None:
        first = world.declare("winter", world.now_ms, world.now_ms + DAY_MS)
        second = world.declare("winter", world.now_ms, world.now_ms + DAY_MS)
        with writing(engine) as session:
            note_known_number(session, first.id, "m1", second.rev)
            assert session.get(CounterRow, "known/hold/winter/m1") is None
            note_known_number(session, second.id, "m1", second.rev)
            assert session.get(CounterRow, "known/hold/winter/m1") is not None

    run_story(engine, story)


def test_a_stolen_key_of_a_meter_fills_no_store_with_names(engine: Engine) -> None:
    def rows() -> int:
        with reading(engine) as session:
            return len(session.exec(select(CounterRow)).all())

    with writing(engine) as session:
        note_held(session, {"m1": {"hold/frost": 5}, "m2": {"hold/frost": 6}})
    before = rows()
    for word in range(40):
        with writing(engine) as session:
            note_held(session, {"m1": {f"hold/junk-{word}-{each}": 7 for each in range(60)}})
    assert rows() == before + NAMED_MAX - 1
    with writing(engine) as session:
        # What it has named before still counts, and so does every other meter's word.
        note_held(session, {"m1": {"hold/frost": 40}, "m2": {"hold/snow": 50}})
        assert draw_rev(session, "hold/frost") == 41
        assert draw_rev(session, "hold/snow") == 51
