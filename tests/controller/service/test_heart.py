"""The sign of life in the store: written at once, at each change, and gone after an orderly end."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Engine

from controller.database.engine import open_store, reading, writing
from controller.database.tables import ServiceRow
from controller.service.heart import Heart, beating
from controller.service.liveness import LifeSign, Uptime
from controller.service.views import life_sign


@pytest.fixture
def engine(any_store: Engine) -> Engine:
    return any_store


class Body:
    """A service's connection and its machine's time, both set by the test."""

    def __init__(self) -> None:
        self.connected = False
        self.tick_ms = 1_000

    def heart(self, engine: Engine, run_name: str = "r1") -> Heart:
        return Heart(
            engine,
            run_name,
            "host",
            "mqtt://b:1883",
            uptime=lambda: Uptime("boot", self.tick_ms),
            connected=lambda: self.connected,
            lock=asyncio.Lock(),
        )


def sign_in(engine: Engine) -> LifeSign | None:
    with reading(engine) as session:
        return life_sign(session)


def test_each_beat_is_counted_with_the_ticks_of_its_machine(engine: Engine) -> None:
    body = Body()
    heart = body.heart(engine)
    heart.beat()
    body.tick_ms, body.connected = 3_000, True
    heart.beat()
    found = sign_in(engine)
    assert found is not None
    assert (found.began_tick_ms, found.tick_ms, found.beat, found.connected) == (1_000, 3_000, 2, 1)


def test_after_the_end_nothing_beats_and_the_sign_of_another_run_stays(engine: Engine) -> None:
    body = Body()
    first, second = body.heart(engine), body.heart(engine, "r2")
    first.beat()
    second.beat()
    first.stop()
    found = sign_in(engine)
    assert found is not None
    assert found.run == "r2"
    first.beat()
    assert sign_in(engine) == found
    second.stop()
    assert sign_in(engine) is None


def test_a_connection_that_comes_is_told_at_once(engine: Engine) -> None:
    body = Body()

    async def live() -> None:
        async with beating(body.heart(engine)):
            body.connected = True
            while (found := sign_in(engine)) is None or not found.connected:  # noqa: ASYNC110 # the store
                await asyncio.sleep(0.05)
            # Long before the next beat: only the change has been written.
            assert found.beat <= 2
        assert sign_in(engine) is None

    asyncio.run(live())


def test_a_store_that_cannot_be_written_ends_neither_the_heart_nor_the_service(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = open_store(f"sqlite:///{tmp_path}/relance.db", create=True)
    with writing(engine) as session:
        session.connection().exec_driver_sql("DROP TABLE service")

    async def live() -> None:
        async with beating(Body().heart(engine)):
            while "sign of life" not in caplog.text:  # noqa: ASYNC110 # the log
                await asyncio.sleep(0.05)

    asyncio.run(live())
    engine.dispose()
    assert f"no such table: {ServiceRow.__tablename__}" in caplog.text
