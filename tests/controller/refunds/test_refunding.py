"""Refunds from the desk to the purse: what is taken is what was ordered, to the cent, and nothing later."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest
from msgspec.json import encode
from msgspec.structs import replace
from sqlalchemy import Engine
from sqlmodel import col, select

from controller.database.engine import open_store, reading, writing
from controller.database.tables import DeliveryRow, MeterRow
from controller.office.people import Actor
from controller.orders.acting import acting
from controller.orders.acts import sign
from controller.refunds.acts import read_account, refund_out_of
from controller.refunds.verifying import verify_refunds
from protocols.documents.kind_rule import Role
from protocols.errors import RefusedError
from protocols.instants import HOUR_MS, MINUTE_MS
from protocols.units import QUANTA_PER_EUR
from tests.controller.service_bench import World, controller_with, make_link
from tests.emulator.firmware.guarded.workbench import PEOPLE, ROOT, SIGNERS

E = 1_000_000
FIRST, SECOND = PEOPLE[Role.HARM][:2]


def run_story(engine: Engine, balance_eur: int, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        link = make_link("link-1", ("m1",), balance_q=balance_eur * QUANTA_PER_EUR)
        async with controller_with(engine, link) as world:
            await world.wait(2 * MINUTE_MS, MINUTE_MS)
            await story(world)

    asyncio.run(run())


def begin(world: World, eur: int) -> str:
    with acting(world.engine, ROOT, Actor(FIRST, SIGNERS[FIRST]), world.now_ms, "test") as act:
        return refund_out_of(act, "m1", eur * E).order.id


async def refund(world: World, eur: int) -> str:
    order_id = begin(world, eur)
    with acting(world.engine, ROOT, Actor(SECOND, SIGNERS[SECOND]), world.now_ms, "test") as act:
        sign(act, order_id)
    await world.settle()
    return order_id


def state_of(world: World, order_id: str) -> str:
    with reading(world.engine) as session:
        return session.exec(select(DeliveryRow.state).where(col(DeliveryRow.order_id) == order_id)).one()


def taken_eur(world: World) -> float:
    return world.meter("m1").memory.credit.refunded_q / QUANTA_PER_EUR


def test_what_was_refused_is_taken_neither_later_nor_with_the_next(engine: Engine) -> None:
    async def story(world: World) -> None:
        refused = await refund(world, 20)
        assert state_of(world, refused) == "refused"
        world.pay("p1", "m1", 50 * E)
        await world.settle()
        world.disconnect("link-1")
        await world.settle()
        world.connect("link-1")
        await world.wait(2 * MINUTE_MS, MINUTE_MS)
        assert (state_of(world, refused), taken_eur(world)) == ("refused", 0)
        await refund(world, 5)
        assert taken_eur(world) == 5
        await refund(world, 6)
        assert taken_eur(world) == 11

    run_story(engine, 10, story)


def test_what_a_purse_paid_back_is_compared_with_what_was_ordered(engine: Engine) -> None:
    def found(world: World, refunded_eur: int | None) -> list[tuple[int, int, int]]:
        with writing(world.engine) as session:
            row = session.get_one(MeterRow, "m1")
            assert row.account is not None
            if refunded_eur is not None:
                account = replace(read_account(row.account), refunded_q=str(refunded_eur * QUANTA_PER_EUR))
                row.account = encode(account).decode()
                session.add(row)
        with reading(world.engine) as session:
            findings = verify_refunds(session)
        return [(each.refunded_ueur // E, each.taken_ueur // E, each.ordered_ueur // E) for each in findings]

    async def story(world: World) -> None:
        assert found(world, None) == []
        await refund(world, 5)
        await world.wait(2 * HOUR_MS, 10 * MINUTE_MS)
        await refund(world, 20)  # is refused: it is no part of what is ordered
        assert found(world, None) == []
        assert [found(world, eur) for eur in (4, 5, 6)] == [[(4, 5, 5)], [], [(6, 5, 5)]]

    run_story(engine, 10, story)


def test_one_waits_until_its_meter_has_answered(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.disconnect("link-1")
        await world.settle()
        waiting = await refund(world, 20)
        await world.wait(10 * MINUTE_MS, MINUTE_MS)
        with pytest.raises(RefusedError, match=f"{waiting} of m1 waits for its answer"):
            begin(world, 5)
        world.connect("link-1")
        await world.wait(2 * MINUTE_MS, MINUTE_MS)
        assert taken_eur(world) == 20
        await refund(world, 5)
        assert taken_eur(world) == 25

    run_story(engine, 100, story)


def test_a_restored_store_shows_no_refund_that_took_nothing(engine: Engine, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        path = tmp_path / "backup.db"
        with closing(connect(str(engine.url.database))) as source, closing(connect(path)) as copy:
            source.backup(copy)
        await refund(world, 20)
        assert taken_eur(world) == 20
        world.engine = open_store(f"sqlite:///{path}")
        world.restart()
        await world.hear_mark()
        await world.settle()
        await world.tick()
        # It does not know of the first one: the meter says so, and with that what it has paid back.
        assert state_of(world, await refund(world, 15)) == "refused"
        assert taken_eur(world) == 20
        assert state_of(world, await refund(world, 15)) in {"stored", "effective"}
        assert taken_eur(world) == 35

    run_story(engine, 100, story)
