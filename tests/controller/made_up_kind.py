"""A kind that exists only in a copy of the tree, from draft to effect: a notice for the meter's screen.

`test_adding_a_kind` makes the copy and runs this in it: `python -m tests.controller.made_up_kind STORE`.
"""

import asyncio
import sys
from pathlib import Path

import msgspec
from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import open_store, reading
from controller.database.tables import DeliveryRow, OrderRow
from protocols.documents import drafting, kinds
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, Scope
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.link.topics import Channel
from tests.controller.service_bench import World, controller_with, make_link

NOTICE = Kind("notice")
M1 = Scope(meters=("m1",))


def draft(world: World, text: str) -> Order:
    body = msgspec.convert({"text": text}, kinds.KINDS[NOTICE].body)
    return drafting._draft(world.sheet(NOTICE, "visit"), NOTICE, "visit", M1, body)


def order_state(engine: Engine, order_id: str) -> str:
    with reading(engine) as session:
        return session.exec(select(OrderRow.state).where(OrderRow.id == order_id)).one()


def delivery_of(engine: Engine, order_id: str) -> tuple[str, int]:
    """The state of the order's delivery to m1, and how often it was sent."""
    with reading(engine) as session:
        query = select(DeliveryRow.state, DeliveryRow.attempts).where(DeliveryRow.order_id == order_id)
        return session.exec(query).one()


def rev_at_the_meter(world: World) -> int:
    return world.meter("m1").memory.harm_revs.get("notice/visit", 0)


async def story(engine: Engine) -> None:
    async with controller_with(engine, make_link("link-1", ("m1",))) as world:
        first = draft(world, "A technician comes on Monday.")
        assert first.not_before_ms == world.now_ms - HOUR_MS
        assert first.not_after_ms == world.now_ms + 30 * DAY_MS

        world.submit(first)
        await world.settle()
        assert rev_at_the_meter(world) == 1, "obeyed"
        assert delivery_of(engine, first.id) == ("effective", 1), "read back"

        second = draft(world, "A technician comes on Tuesday.")
        world.submit(second)
        await world.settle()
        assert order_state(engine, first.id) == "superseded"
        assert rev_at_the_meter(world) == 2

        world.disconnect("link-1")
        await world.settle()
        third = draft(world, "A technician comes on Wednesday.")
        world.submit(third)
        await world.settle()
        assert rev_at_the_meter(world) == 2, "the link is away"
        world.connect("link-1")
        await world.settle()
        assert rev_at_the_meter(world) == 3, "sent at the sync"

        world.lost_channels = {Channel.RECEIPTS, Channel.REPORTED}
        fourth = draft(world, "A technician comes on Thursday.")
        world.submit(fourth)
        await world.settle()
        assert delivery_of(engine, fourth.id) == ("sent", 1)
        await world.wait(10 * MINUTE_MS, MINUTE_MS)
        state, attempts = delivery_of(engine, fourth.id)
        assert state == "sent", state
        assert attempts > 1, "retried by upkeep"
        world.lost_channels = set()
        await world.wait(HOUR_MS, 10 * MINUTE_MS)
        assert delivery_of(engine, fourth.id)[0] == "effective"


if __name__ == "__main__":
    assert Path(kinds.__file__).is_relative_to(Path.cwd()), kinds.__file__
    opened = open_store(f"sqlite:///{sys.argv[1]}", create=True)
    asyncio.run(story(opened))
    opened.dispose()
