"""The kiosk's store: what is queued, kept and forgotten; and files that are none."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from cardreader.kiosk import store
from cardreader.kiosk.rules import Moment
from cardreader.kiosk.store import open_kiosk_store, reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import MeterAskRow, ShiftRow, UpChannel
from protocols.errors import InputError


def test_what_is_queued_stays_until_it_is_acknowledged(tmp_path: Path) -> None:
    engine = open_kiosk_store(tmp_path / "kiosk.db")
    with writing_kiosk(engine) as session:
        numbers = [
            store.queue_outgoing(session, UpChannel.STATEMENTS, bytes([each]), each) for each in range(1, 5)
        ]
    engine.dispose()
    engine = open_kiosk_store(tmp_path / "kiosk.db")
    with writing_kiosk(engine) as session:
        assert store.acknowledge(session, numbers[1])
        assert not store.acknowledge(session, numbers[1])
        assert not store.acknowledge(session, 99)
    with reading_kiosk(engine) as session:
        left = [(each.number, each.payload) for each in store.outgoing_after(session, 0, 10)]
        assert left == [(1, b"\1"), (3, b"\3"), (4, b"\4")]
        assert [each.number for each in store.outgoing_after(session, 1, 1)] == [3]
    engine.dispose()


def test_of_one_object_the_later_document_goes_onto_the_card(tmp_path: Path) -> None:
    engine = open_kiosk_store(tmp_path / "kiosk.db")
    with writing_kiosk(engine) as session:
        store.keep_document(session, "m1", "hold/h1", b"old", 5)
        store.keep_document(session, "m1", "lease", b"lease", 3)
        store.keep_document(session, "m2", "hold/h1", b"other", 1)
        store.keep_document(session, "m1", "hold/h1", b"new", 6)
    with writing_kiosk(engine) as session:
        assert [each.envelope for each in store.documents_for(session, "m1")] == [b"lease", b"new"]
        assert store.drop_document(session, "m1", "lease")
        assert not store.drop_document(session, "m1", "lease")
    with reading_kiosk(engine) as session:
        assert [each.object for each in store.documents_for(session, "m1")] == ["hold/h1"]
    engine.dispose()


def ask(nonce: str, at_ms: int = 1) -> MeterAskRow:
    return MeterAskRow(meter="m1", source="headend", card="c1", nonce=nonce, word=nonce.encode(), at_ms=at_ms)


def test_an_ask_is_sent_once_and_a_later_one_is_another(tmp_path: Path) -> None:
    engine = open_kiosk_store(tmp_path / "kiosk.db")
    with writing_kiosk(engine) as session:
        assert store.keep_ask(session, ask("first", 1))
        (first,) = store.asks_waiting(session)
        assert store.keep_ask(session, ask("second", 2))
    with writing_kiosk(engine) as session:
        # The first was answered while the second came: the second still waits.
        store.mark_sent(session, first)
        (second,) = store.asks_waiting(session)
        store.mark_sent(session, second)
        assert store.asks_waiting(session) == []
        assert not store.keep_ask(session, ask("second", 3))
    with writing_kiosk(engine) as session:
        assert store.noted_mark(session, "heard_ms") is None
        store.note_mark(session, "heard_ms", 5)
        store.note_mark(session, "heard_ms", 7)
        assert store.noted_mark(session, "heard_ms") == 7
    engine.dispose()


def test_a_kiosk_is_alone_since_its_first_command_or_since_it_heard_somebody(tmp_path: Path) -> None:
    engine = open_kiosk_store(tmp_path / "kiosk.db")
    with writing_kiosk(engine) as session:
        assert store.silent_since(session) is None
        store.note_begun(session, Moment(5, 6, 7))
        store.note_begun(session, Moment(50, 60, 7))
        assert (store.silent_since(session), store.last_heard(session)) == (Moment(5, 6, 7), None)
        store.note_heard(session, Moment(8, 9, 7))
        assert store.silent_since(session) == Moment(8, 9, 7)
    engine.dispose()


def test_there_is_never_a_second_open_shift(tmp_path: Path) -> None:
    engine = open_kiosk_store(tmp_path / "kiosk.db")
    with writing_kiosk(engine) as session:
        session.add(ShiftRow(clerk="anna", language="fr", opened_ms=1))
        session.add(ShiftRow(clerk="anna", language="fr", opened_ms=1, is_open=1))
    with pytest.raises(IntegrityError), writing_kiosk(engine) as session:
        session.add(ShiftRow(clerk="bert", language="nl", opened_ms=2, is_open=1))
    engine.dispose()


def test_a_reader_changes_nothing_and_a_failed_writer_neither(tmp_path: Path) -> None:
    engine = open_kiosk_store(tmp_path / "kiosk.db")
    with reading_kiosk(engine) as session:
        store.note_mark(session, "a", 1)
    with pytest.raises(ValueError, match="stop"), writing_kiosk(engine) as session:
        _note_and_fail(session)
    with reading_kiosk(engine) as session:
        assert store.noted_mark(session, "a") is None
    engine.dispose()


def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_bytes(b"a letter\n" * 200)
    with pytest.raises(InputError, match="no store of a kiosk"):
        open_kiosk_store(tmp_path / "text.db")
    assert (tmp_path / "text.db").read_bytes() == b"a letter\n" * 200
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE t (x)")
    with pytest.raises(InputError, match="of another program"):
        open_kiosk_store(tmp_path / "other.db")
    open_kiosk_store(tmp_path / "later.db").dispose()
    with sqlite3.connect(tmp_path / "later.db") as later:
        later.execute("PRAGMA user_version=99")
    with pytest.raises(InputError, match="a later program made it"):
        open_kiosk_store(tmp_path / "later.db")
    with pytest.raises(InputError, match="no such folder"):
        open_kiosk_store(tmp_path / "no" / "folder.db")


def _made(path: Path) -> dict[str, object]:
    """The columns of each table of a file, and what SQLite says of each index."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        rows = file.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        return {
            name: sorted(column[1:] for column in file.execute(f"PRAGMA table_info({name})"))
            if kind == "table"
            else "".join(sql.replace('"', "").split())
            for kind, name, sql in rows
        }


# What an older form did not have yet.
_LATER = {
    3: (
        "DROP INDEX ix_outgoing_waiting",
        "DROP TABLE forgotten_statement",
        "DROP TABLE card_ask",
        "ALTER TABLE card_seen DROP COLUMN energy",
        "ALTER TABLE shift ADD COLUMN keyid TEXT NOT NULL DEFAULT ''",
        "CREATE TABLE meter_ask (meter TEXT, source TEXT, word BLOB, PRIMARY KEY (meter, source)) STRICT",
    ),
    2: ("DROP TABLE counted_payment",),
    1: ("DROP TABLE refund_told",),
}


@pytest.mark.parametrize("form", [1, 2, 3])
def test_a_store_of_an_older_form_is_led_to_the_present_one(tmp_path: Path, form: int) -> None:
    open_kiosk_store(tmp_path / "new.db").dispose()
    engine = open_kiosk_store(tmp_path / "old.db")
    with writing_kiosk(engine) as session:
        store.queue_outgoing(session, UpChannel.RECEIPTS, b"{}", 1)
    engine.dispose()
    with contextlib.closing(sqlite3.connect(tmp_path / "old.db")) as old:
        for each in range(3, form - 1, -1):
            for statement in _LATER[each]:
                old.execute(statement)
        old.execute(f"PRAGMA user_version={form}")
        old.commit()
    for _ in range(2):
        engine = open_kiosk_store(tmp_path / "old.db")
        with reading_kiosk(engine) as session:
            assert [row.number for row in store.outgoing_after(session, 0, 9)] == [1]
        engine.dispose()
    assert _made(tmp_path / "old.db") == _made(tmp_path / "new.db")


def test_a_store_that_lacks_a_column_is_refused(tmp_path: Path) -> None:
    """One of the first days said form 1, and had no column for the chain of a payment."""
    open_kiosk_store(tmp_path / "old.db").dispose()
    with contextlib.closing(sqlite3.connect(tmp_path / "old.db")) as old:
        for statement in (*_LATER[3], *_LATER[2], *_LATER[1]):
            old.execute(statement)
        old.execute("ALTER TABLE payment DROP COLUMN chain")
        old.execute("PRAGMA user_version=1")
        old.commit()
    with pytest.raises(InputError, match="table payment lacks chain"):
        open_kiosk_store(tmp_path / "old.db")


def test_what_waits_is_found_without_reading_what_was_acknowledged(tmp_path: Path) -> None:
    engine = open_kiosk_store(tmp_path / "kiosk.db")
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    with reading_kiosk(engine) as session:
        store.outgoing_after(session, 0, 50)
        (query,) = [each for each in asked if "FROM outgoing" in each]
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", (0, 50, 0)).all()
    engine.dispose()
    assert "ix_outgoing_waiting" in plan[0][-1]
    assert len(plan) == 1


def _note_and_fail(session: Session) -> None:
    store.note_mark(session, "a", 1)
    raise ValueError("stop")
