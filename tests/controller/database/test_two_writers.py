"""Two processes on one store: one writes at a time, a reader sees one state, and no writer waits for ever."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import open_store, reading, writing
from controller.database.numbers import next_number
from controller.database.tables import CounterRow, LinkRow
from protocols.errors import UnreachableError

_PATIENCE_S = 30


@pytest.fixture
def other(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Engine]:
    """Opens the same store again, as another process would, with a shorter wait for the lock."""
    monkeypatch.setattr("controller.database.engine._BUSY_MS", 100)
    url = engine.url.render_as_string(hide_password=False)
    return lambda: open_store(url)


def value_of(engine: Engine, name: str) -> int:
    with reading(engine) as session:
        row = session.get(CounterRow, name)
        return 0 if row is None else row.value


def test_a_writer_that_reads_first_and_writes_later_loses_nothing(engine: Engine) -> None:
    """Without a lock at the beginning both would read the same value, and one addition would be lost."""
    with writing(engine) as session:
        session.add(CounterRow(name="sum", value=0))

    def add_one(number: int) -> int:
        with writing(engine) as session:
            row = session.get_one(CounterRow, "sum")
            row.value += 1
            session.add(row)
        return number

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(add_one, range(12))) == list(range(12))
    assert value_of(engine, "sum") == 12


def test_a_second_writer_waits_for_the_first_and_sees_what_it_wrote(engine: Engine) -> None:
    begun = threading.Event()

    def second() -> int:
        begun.set()
        with writing(engine) as session:
            return next_number(session, "n")

    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as session:
            assert next_number(session, "n") == 1
            waiting: Future[int] = pool.submit(second)
            assert begun.wait(_PATIENCE_S)
        assert waiting.result(_PATIENCE_S) == 2


def test_a_writer_does_not_wait_for_ever(engine: Engine, other: Callable[[], Engine]) -> None:
    opened = other()
    with writing(engine) as session:
        session.add(CounterRow(name="held", value=1))
        session.flush()
        with pytest.raises(UnreachableError, match=r"^database: .*lock") as refused, writing(opened) as late:
            next_number(late, "held")
    assert "\n" not in str(refused.value)
    with writing(opened) as session:
        assert next_number(session, "held") == 2
    opened.dispose()


def test_a_reader_sees_one_state_while_others_write(engine: Engine, other: Callable[[], Engine]) -> None:
    opened = other()
    with reading(opened) as session:
        assert session.exec(select(LinkRow)).all() == []
        with writing(engine) as writer:
            writer.add(LinkRow(id="link-1", state="online", sequence=1, meters=0, seen_ms=1))
        assert session.exec(select(LinkRow)).all() == []
    with reading(opened) as session:
        assert [row.id for row in session.exec(select(LinkRow))] == ["link-1"]
    opened.dispose()
