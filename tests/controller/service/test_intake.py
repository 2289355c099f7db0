"""A batch waits for what is coming, and never for long."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Engine

from controller.exchange.key_book import KeyBook
from controller.exchange.sync_answer import RootSent
from controller.service import intake
from controller.service.intake import LINGER_S, Intake
from protocols.link.carriage import Arrival
from protocols.link.messages import Status
from tests.controller.exchange.spoken import births
from tests.controller.service_bench import FLEET_KEY, SteppedClock

PATIENCE_S = 20.0


class RunningIntake:
    """An intake that runs, and the number of batches that it has written."""

    def __init__(self, engine: Engine, linger_s: float) -> None:
        self.batches = 0
        self.written = asyncio.Event()
        self.intake = Intake(
            engine, KeyBook.of(FLEET_KEY), RootSent(1, b""), SteppedClock(), asyncio.Lock(), self._note
        )
        self.intake.linger_s = linger_s

    async def bring(self, link: str) -> None:
        status = Status(link=link, online=True, sequence=1, meters=0)
        await self.intake.handle(births(FLEET_KEY, status))

    async def until_written(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.written.wait()

    def _note(self, batch: Sequence[Arrival]) -> None:
        del batch
        self.batches += 1
        self.written.set()


@asynccontextmanager
async def running_intake(engine: Engine, linger_s: float = LINGER_S) -> AsyncIterator[RunningIntake]:
    opened = RunningIntake(engine, linger_s)
    running = asyncio.create_task(opened.intake.run())
    try:
        yield opened
    finally:
        running.cancel()


@pytest.mark.parametrize(("linger_s", "batches"), [(LINGER_S, 1), (0.0, 2)])
def test_what_comes_while_a_batch_lingers_is_written_with_it(
    engine: Engine, linger_s: float, batches: int
) -> None:
    async def story() -> None:
        async with running_intake(engine, linger_s) as opened:
            await opened.bring("link-1")
            # One turn of the event loop: `run` has taken the first message, and has written nothing yet.
            await asyncio.sleep(0)
            await opened.bring("link-2")
            while not opened.intake.drained:
                opened.written.clear()
                await opened.until_written()
            assert opened.batches == batches

    asyncio.run(story())


def test_a_stream_that_never_pauses_is_written_all_the_same(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_LINGER_S_MAX", 0.05)

    async def story() -> None:
        async with running_intake(engine, linger_s=0.02) as opened:
            brought = 0
            while not opened.written.is_set():
                await opened.bring("link-1")
                brought += 1
                await asyncio.sleep(0.002)
            assert brought < intake._BATCH_MAX

    asyncio.run(story())


def test_a_batch_that_is_full_waits_no_longer(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_LINGER_S_MAX", 10 * PATIENCE_S)
    monkeypatch.setattr(intake, "_BATCH_MAX", 10)

    async def story() -> None:
        async with running_intake(engine, linger_s=10 * PATIENCE_S) as opened:
            for number in range(11):
                await opened.bring(f"link-{number}")
            await opened.until_written()

    asyncio.run(story())
