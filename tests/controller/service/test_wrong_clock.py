"""The service under one wrong clock: nothing irreversible follows, and protection goes on at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import reading, writing
from controller.database.tables import DeliveryRow, SettingRow
from controller.leases.acts import renew_leases
from controller.office.audit import SERVICE
from controller.office.people import Actor
from controller.orders import store as orders
from controller.orders import upkeep
from controller.orders.acting import acting
from protocols.documents import drafting
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, ms_from_iso
from protocols.link.topics import Channel
from protocols.reasons import Doubt, FlagName
from tests.controller.service.test_service import CUT_FROM_MS, CUT_UNTIL_MS, states
from tests.controller.service_bench import World, controller_with, make_link, seal_order
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT, SIGNERS

# A minute, a day, 60 and 400 days either way, and 2099.
WRONG_MS: Final = (
    *(sign * by_ms for by_ms in (MINUTE_MS, DAY_MS, 60 * DAY_MS, 400 * DAY_MS) for sign in (1, -1)),
    ms_from_iso("2099-01-01T00:00:00+00:00") - MONDAY_MS,
)
FAR_MS: Final = tuple(each for each in WRONG_MS if abs(each) > MINUTE_MS)


def run_story(engine: Engine, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with controller_with(
            engine, make_link("link-1", ("m1",)), make_link("link-2", ("m2",))
        ) as world:
            await story(world)

    asyncio.run(run())


def order_state(engine: Engine, order_id: str) -> str:
    with reading(engine) as session:
        return orders.get_order(session, order_id).state


def has_lease_naming(world: World, meter: str, name: str) -> bool:
    lease = world.meter(meter).memory.lease
    return lease is not None and name in {named.object for named in lease.names}


def believed(world: World) -> tuple[bool, Doubt]:
    found = world.service.clock.judged()
    return found.trusted, found.doubt


@pytest.mark.parametrize("off_ms", WRONG_MS)
def test_a_clock_that_is_wrong_for_one_tick_ends_nothing(engine: Engine, off_ms: int) -> None:
    async def story(world: World) -> None:
        world.disconnect("link-2")
        mora = world.declare("mora", world.now_ms, world.now_ms + 20 * DAY_MS)
        world.permit()
        await world.settle()
        await world.tick()
        world.clock.off_ms = off_ms
        await world.tick()
        assert believed(world)[0]
        world.clock.off_ms = 0
        await world.tick()
        assert order_state(engine, mora.id) == "active"
        assert list(world.retained) == [mora.id]
        world.connect("link-2")
        await world.settle()
        await world.tick()
        for meter in ("m1", "m2"):
            assert "hold/mora" in world.meter(meter).memory.protections
            assert has_lease_naming(world, meter, "hold/mora")

    run_story(engine, story)


@pytest.mark.parametrize("off_ms", FAR_MS)
@pytest.mark.parametrize("liar", ["system", "timeserver"])
def test_one_of_two_clocks_wrong_from_the_start_stops_harm_leases_and_time_and_no_protection(
    engine: Engine, off_ms: int, liar: str
) -> None:
    async def story(world: World) -> None:
        if liar == "system":
            world.clock.off_ms = off_ms
        else:
            world.timeserver_off_ms = off_ms
        # Another life of the service, in which no report has come in: two voices, and they are apart.
        world.restart()
        mora = world.declare("mora", world.now_ms, world.now_ms + 20 * DAY_MS)
        world.permit()
        cut = world.cut("m1", world.now_ms + CUT_FROM_MS, world.now_ms + CUT_UNTIL_MS)
        await world.tick()
        release = world.release()
        await world.settle()
        assert believed(world) == (False, Doubt.APART)
        assert states(engine, mora.id) == {"m1": "effective", "m2": "effective"}
        assert states(engine, release.id) == {"m1": "effective", "m2": "effective"}
        assert states(engine, cut.id) == {"m1": "queued"}
        assert world.meter("m1").memory.lease is None
        assert world.published[Channel.TIME_ANSWER] == answered
        with reading(engine) as session:
            row = session.get(SettingRow, "service/clock")
            assert row is not None
            assert '"standing":"doubtful"' in row.value
        world.clock.off_ms, world.timeserver_off_ms = 0, 0
        await world.tick()
        await world.tick()
        assert believed(world)[0]
        assert states(engine, cut.id) == {"m1": "effective"}
        assert has_lease_naming(world, "m1", "hold/mora")

    answered = 0

    async def counted(world: World) -> None:
        nonlocal answered
        answered = world.published[Channel.TIME_ANSWER]
        await story(world)

    run_story(engine, counted)


def test_what_only_a_clock_ended_comes_back_and_harm_does_not(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.disconnect("link-2")
        mora = world.declare("mora", world.now_ms, world.now_ms + 20 * DAY_MS)
        lifted = world.declare("lifted", world.now_ms, world.now_ms + 20 * DAY_MS)
        cut = world.cut("m1", world.now_ms + CUT_FROM_MS, world.now_ms + CUT_UNTIL_MS)
        flag = world.submit(drafting.set_flag(world.sheet(Kind.SET_FLAG, "medical"), "m2", FlagName.MEDICAL))
        await world.settle()
        with writing(engine) as session:
            for row in (mora, lifted, cut, flag):
                orders.expire(session, orders.get_order(session, row.id), world.now_ms + 60 * DAY_MS)
        world.lift("lifted")
        await world.settle()
        assert mora.id not in world.retained
        await world.tick()
        assert [order_state(engine, row.id) for row in (mora, lifted, cut, flag)] == [
            "active",
            "expired",
            "expired",
            "active",
        ]
        assert list(world.retained) == [mora.id]
        world.connect("link-2")
        await world.settle()
        assert states(engine, mora.id) == {"m1": "effective", "m2": "effective"}
        assert states(engine, flag.id) == {"m2": "effective"}

    run_story(engine, story)


def test_a_draft_of_protection_that_expired_unsigned_is_not_revived(engine: Engine) -> None:
    async def story(world: World) -> None:
        sheet = world.sheet(Kind.HOLD, "h")
        order = drafting.declare_moratorium(sheet, "h", world.now_ms, world.now_ms + DAY_MS, drafting.FLEET)
        with writing(engine) as session:
            row = orders.propose(session, seal_order(order), "anna", world.now_ms)
            row.envelope = row.envelope.replace(b'"sig":"', b'"sig":"AAAA', 1)
            orders.expire(session, row, world.now_ms)
        await world.tick()
        assert order_state(engine, order.id) == "expired"

    run_story(engine, story)


def test_a_lease_that_was_issued_in_the_future_is_renewed_at_once(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.permit()
        await world.settle()
        later_ms = world.now_ms + 60 * DAY_MS
        with acting(engine, ROOT, Actor(SERVICE, SIGNERS["service"]), later_ms, "renewal") as act:
            assert renew_leases(act) == 1
        await world.settle()
        assert world.meter("m1").memory.lease is None
        await world.tick()
        assert world.meter("m1").memory.lease is not None

    run_story(engine, story)


@pytest.mark.parametrize("off_ms", [10 * MINUTE_MS, *FAR_MS])
def test_protection_is_due_at_once_whatever_the_clock_of_a_clerk_says(engine: Engine, off_ms: int) -> None:
    async def story(world: World) -> None:
        with writing(engine) as session:
            clerk_ms = world.now_ms + off_ms
            sheet = orders.draw_sheet(session, Kind.RELEASE, "r", clerk_ms, "t")
            order = drafting.release(sheet, "r", 72, Scope(meters=("m1",)))
            orders.submit(session, seal_order(order), ROOT, "anna", clerk_ms)
        # The service ticks before its outbox is read: what is unsent does not expire.
        await world.service.jobs.tick_now()
        await world.settle()
        sent = [place for place, _ in world.messages if place.channel is Channel.ORDERS]
        assert [place.meter for place in sent] == ["m1"]

    run_story(engine, story)


def test_a_new_delivery_does_not_wait_behind_older_ones_that_are_not_due(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_ROWS_AT_ONCE", 1)

    async def story(world: World) -> None:
        world.lost_channels = {Channel.RECEIPTS, Channel.REPORTED}
        old, new = (
            world.declare(name, world.now_ms, world.now_ms + DAY_MS, Scope(meters=(meter,)))
            for name, meter in (("old", "m1"), ("new", "m2"))
        )
        await world.settle()
        with writing(engine) as session:
            for row, since_ms, attempts in ((old, 2 * HOUR_MS, 9), (new, 5 * MINUTE_MS, 1)):
                delivery = session.exec(select(DeliveryRow).where(DeliveryRow.order_id == row.id)).one()
                delivery.sent_ms, delivery.attempts = world.now_ms - since_ms, attempts
                session.add(delivery)
        await world.tick()
        with reading(engine) as session:
            found = {row.order_id: row.attempts for row in session.exec(select(DeliveryRow))}
        assert (found[old.id], found[new.id]) == (9, 2)

    run_story(engine, story)


def test_an_attempt_that_a_wrong_clock_dated_years_ahead_is_repeated_at_once(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.lost_channels = {Channel.RECEIPTS, Channel.REPORTED}
        hold = world.declare("mora", world.now_ms, world.now_ms + DAY_MS, Scope(meters=("m1",)))
        await world.settle()
        with writing(engine) as session:
            delivery = session.exec(select(DeliveryRow).where(DeliveryRow.order_id == hold.id)).one()
            delivery.sent_ms = world.now_ms + 400 * DAY_MS
            session.add(delivery)
        world.lost_channels = set()
        await world.tick()
        assert states(engine, hold.id) == {"m1": "effective"}

    run_story(engine, story)


def test_the_reports_of_the_fleet_replace_a_timeserver_that_is_silent(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.timeserver_off_ms = None
        world.restart()
        await world.tick()
        assert believed(world) == (False, Doubt.ALONE)
        # Both links connect again: their meters report anew.
        for name in ("link-1", "link-2"):
            world.disconnect(name)
            world.connect(name)
        await world.settle()
        await world.tick()
        assert believed(world)[0]
        world.clock.off_ms = 60 * DAY_MS
        await world.clock.step_to(world.now_ms + 10 * SECOND_MS)
        assert abs(world.service.clock.now_ms() - world.now_ms) < HOUR_MS

    run_story(engine, story)
