"""A topic that the broker denies: its order is shown as refused by the broker, and waits; no other waits."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import reading
from controller.database.tables import DeliveryRow, OutboxRow
from controller.orders.outbox import Message
from controller.service.putting_off import PuttingOff
from protocols.documents.orders import Scope
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.topics import Channel, Place, topic_of
from protocols.units import UEUR_PER_EUR
from tests.controller.service_bench import World, controller_with, make_link

DENIED = topic_of(Place(Channel.ORDERS, link="link-1", meter="m1"))
WHY = "broker: Not authorized (0x87)"


def shown(engine: Engine, order_id: str) -> dict[str, tuple[str, str, int]]:
    with reading(engine) as session:
        rows = session.exec(select(DeliveryRow).where(DeliveryRow.order_id == order_id))
        return {row.meter: (row.state, row.reason, row.attempts) for row in rows}


async def drain(world: World) -> None:
    assert world.service.outbox is not None
    await world.service.outbox.drain()


def test_one_topic_that_is_denied_delays_nothing_else(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with controller_with(engine, make_link("link-1", ("m1", "m2"))) as world:
            world.denied = {DENIED}
            hold = world.declare("one", world.now_ms, world.now_ms + DAY_MS, Scope(meters=("m1", "m2")))
            await world.settle()
            assert shown(engine, hold.id) == {"m1": ("queued", WHY, 0), "m2": ("effective", "stored", 1)}
            assert f"{DENIED}: refused by the {WHY}; not sent: {hold.id} to m1" in caplog.text
            paid = world.pay("p1", "m2", 5 * UEUR_PER_EUR)
            for _ in range(20):
                await drain(world)
            await world.settle()
            # One refusal in all: it waits a minute, however often the outbox is drained.
            assert world.refusals == 1
            assert shown(engine, paid) == {"m2": ("effective", "credited", 1)}
            world.denied = set()
            world.restart()
            await world.settle()
            assert shown(engine, hold.id)["m1"] == ("effective", "stored", 1)

    asyncio.run(story())


def test_an_order_to_the_fleet_that_is_denied_is_shown_at_every_meter(engine: Engine) -> None:
    async def story() -> None:
        async with controller_with(engine, make_link("link-1", ("m1", "m2"))) as world:
            world.denied = {
                topic_of(Place(Channel.FLEET_ORDERS, order=f"o{number:06}")) for number in range(9)
            }
            hold = world.declare("mora", world.now_ms, world.now_ms + DAY_MS)
            await drain(world)
            assert shown(engine, hold.id) == dict.fromkeys(("m1", "m2"), ("queued", WHY, 0))

    asyncio.run(story())


def test_harm_that_the_broker_denies_is_not_shown_as_sent_and_is_never_sent_again(engine: Engine) -> None:
    async def story() -> None:
        async with controller_with(engine, make_link("link-1", ("m1",))) as world:
            world.denied = {DENIED}
            begins_ms = world.now_ms + DAY_MS + 10 * HOUR_MS
            cut = world.cut("m1", begins_ms, begins_ms + HOUR_MS)
            await world.settle()
            assert shown(engine, cut.id)["m1"][:2] == ("timed_out", WHY)
            world.denied = set()
            world.restart()
            await world.settle()
            assert world.meter("m1").memory.cut_orders == {}
            with reading(engine) as session:
                assert session.exec(select(OutboxRow)).all() == []

    asyncio.run(story())


def message(seq: int) -> Message:
    place = Place(Channel.ORDERS, link="l", meter="m")
    return Message(
        seq=seq, place=place, payload=b"", retain=False, expiry_s=None, once=False, order_id=None, meter="m"
    )


@given(
    steps=st.lists(
        st.tuples(st.integers(min_value=0, max_value=5), st.integers(min_value=0, max_value=4_000)),
        max_size=40,
    )
)
def test_a_message_waits_twice_as_long_each_time_and_never_more_than_five_minutes(
    steps: list[tuple[int, int]],
) -> None:
    putting_off, now_s = PuttingOff(), 0.0
    refusals: dict[int, int] = {}
    until_s: dict[int, float] = {}
    for seq, later_s in steps:
        now_s += later_s
        each = message(seq)
        putting_off.looks_at_all(now_s)
        assert putting_off.ready([each], now_s) == ([each] if until_s.get(seq, 0) <= now_s else [])
        if until_s.get(seq, 0) <= now_s:
            if until_s.get(seq, 0) + 2 * 3_600 < now_s:
                refusals[seq] = 0
            putting_off.note(each, now_s)
            wait_s = min(60 << refusals.get(seq, 0), 300)
            refusals[seq] = refusals.get(seq, 0) + 1
            until_s[seq] = now_s + wait_s
        assert not putting_off.is_empty
