"""A store that takes nothing: protection goes on, no loop ends or floods the log, and the end comes."""

import asyncio
import logging
from collections.abc import Sequence

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from controller.orders.outbox import Message
from controller.service.supervising import Trouble, supervised
from protocols.errors import UnreachableError
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.carriage import Arrival
from protocols.link.messages import Status
from protocols.link.topics import Channel
from protocols.units import UEUR_PER_EUR
from tests.controller.exchange.spoken import births
from tests.controller.service_bench import FLEET_KEY, World, controller_with, make_link

FULL = UnreachableError("database: database or disk is full")


def test_what_is_queued_goes_out_once_while_the_store_can_note_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with controller_with(engine, make_link("link-1", ("m1",))) as world:
            outbox = world.service.outbox
            assert outbox is not None
            begins_ms = world.now_ms + DAY_MS + 10 * HOUR_MS
            world.cut("m1", begins_ms, begins_ms + HOUR_MS)
            world.declare("mora", world.now_ms, world.now_ms + DAY_MS)
            world.pay("p1", "m1", 5 * UEUR_PER_EUR)

            def refuse(_messages: Sequence[Message]) -> None:
                raise FULL

            def sent() -> list[Channel]:
                return sorted(
                    place.channel for place, _ in world.messages if place.channel is not Channel.MARK
                )

            world.messages.clear()
            mark = outbox._mark_taken
            monkeypatch.setattr(outbox, "_mark_taken", refuse)
            for _ in range(5):
                with pytest.raises(UnreachableError, match="disk is full"):
                    await outbox.drain()
            # The hold and the payment, each once; the cut cannot be noted before it is sent, and so is not.
            assert sent() == [Channel.FLEET_ORDERS, Channel.ORDERS]
            assert world.meter("m1").memory.cut_orders == {}
            assert world.meter("m1").memory.totals.credited_ueur == 5 * UEUR_PER_EUR
            monkeypatch.setattr(outbox, "_mark_taken", mark)
            await outbox.drain()
            assert await outbox.is_drained()
            assert len(sent()) == 3

    asyncio.run(story())


@pytest.mark.parametrize("error", [FULL, OperationalError("INSERT", {}, Exception("no such table: link"))])
def test_an_orderly_stop_ends_where_the_store_takes_nothing_and_says_what_is_missing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    async def story() -> None:
        async with controller_with(engine, make_link("link-1", ("m1",))) as world:

            def refuse(_batch: Sequence[Arrival]) -> None:
                raise error

            monkeypatch.setattr(world.service.intake, "_take_in", refuse)
            await world.service.handle(born("link-9"))
            await stop(world)

    with caplog.at_level(logging.WARNING):
        asyncio.run(story())
    (line,) = [each.getMessage() for each in caplog.records if "ends without" in each.getMessage()]
    assert line.startswith("intake: ends without storing 1 received messages: database: ")


def born(link: str) -> Arrival:
    return births(FLEET_KEY, Status(link=link, online=True, sequence=1, meters=0))


async def stop(world: World) -> None:
    for task in world.tasks:
        task.cancel()
    await asyncio.gather(*world.tasks, return_exceptions=True)
    await world.service.finish()


def test_a_loop_that_fails_begins_again_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    begun = 0

    async def fails() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise ZeroDivisionError("by hand")
        done.set()
        await asyncio.Event().wait()

    async def story() -> None:
        task = asyncio.create_task(supervised("loop", fails))
        await done.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    done = asyncio.Event()
    asyncio.run(story())
    assert [record.getMessage() for record in caplog.records] == [
        "loop: a bug; trying again",
        "loop: a bug; trying again (2 attempts)",
    ]
    assert caplog.records[0].exc_info is not None


def test_trouble_that_lasts_waits_longer_and_is_logged_ever_more_seldom(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trouble = Trouble("intake")
    waits_s = [trouble.met(FULL) for _ in range(1_000)]
    assert waits_s[:7] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
    assert set(waits_s[6:]) == {10.0}
    assert len(caplog.records) == 10
    trouble.over()
    trouble.over()
    lines = [record.getMessage() for record in caplog.records[10:]]
    assert lines == ["intake: works again, after 1000 attempts"]
    assert trouble.met(FULL) == 0.25
