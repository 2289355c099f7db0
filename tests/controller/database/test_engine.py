"""The store opens, or says in one line why not; its schema is what the tables say."""

import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import BigInteger, Engine, LargeBinary
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import select

from controller.database.columns import Int64, TextColumn
from controller.database.engine import SCHEMA_VERSION, migrate, open_store, reading, writing
from controller.database.tables import DeliveryRow, LinkRow, MeterRow, Table
from protocols.errors import InputError, UnreachableError


class UndoneError(Exception):
    """Rolls a transaction back."""


def link(name: str = "link-1") -> LinkRow:
    return LinkRow(id=name, state="online", sequence=1, meters=0, seen_ms=2**40)


def test_the_migrations_build_exactly_the_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []
        assert context.get_current_revision() == SCHEMA_VERSION


def test_every_integer_is_64_bits_wide() -> None:
    assert Int64.impl is BigInteger
    for table in Table.metadata.sorted_tables:
        for column in table.columns:
            assert isinstance(column.type, Int64 | TextColumn | LargeBinary), column


def test_to_migrate_again_changes_nothing(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(link())
    migrate(engine)
    with reading(engine) as session:
        assert session.get(LinkRow, "link-1") is not None


def test_a_transaction_is_all_or_nothing(engine: Engine) -> None:
    with suppress(UndoneError), writing(engine) as session:
        session.add(link())
        session.flush()
        raise UndoneError
    with reading(engine) as session:
        assert session.exec(select(LinkRow)).all() == []


def test_changes_of_a_reader_are_rolled_back(engine: Engine) -> None:
    with reading(engine) as session:
        session.add(link())
        session.flush()
    with reading(engine) as session:
        assert session.exec(select(LinkRow)).all() == []


def test_a_meter_needs_a_link_and_an_integer_column_takes_only_integers(engine: Engine) -> None:
    with pytest.raises(IntegrityError), writing(engine) as session:
        session.add(MeterRow(id="m1", link="nowhere", first_seen_ms=1))
    careless = link()
    careless.seen_ms = "abc"  # type: ignore[assignment] # as a careless caller would
    with pytest.raises(StatementError, match="an integer column was given 'abc'"), writing(engine) as session:
        session.add(careless)
    with pytest.raises(IntegrityError), writing(engine) as session:
        session.add(DeliveryRow(order_id="o1", meter="m1", state="queued", queued_ms=1))


def test_a_reader_does_not_wait_for_a_writer(engine: Engine) -> None:
    with writing(engine) as writer:
        writer.add(link())
        writer.flush()
        with reading(engine) as session:
            assert session.exec(select(LinkRow)).all() == []


def test_a_missing_file_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"no such file in .* \(four slashes begin at the root\)"):
        open_store("sqlite:///no/such/relance.db")
    with pytest.raises(UnreachableError, match="no such file; `relance init` makes it"):
        open_store(f"sqlite:///{tmp_path}/none.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("Dear diary, " * 100)
    with pytest.raises(InputError, match="file is not a database") as refused:
        open_store(f"sqlite:///{tmp_path}/text.db")
    assert "\n" not in str(refused.value)


def test_a_foreign_database_and_one_of_another_version_are_refused(tmp_path: Path) -> None:
    for name, found, sql in (
        ("stranger", "not a store of relance", "CREATE TABLE customers (id INTEGER)"),
        ("empty", "not a store of relance", ""),
        (
            "later",
            "schema 9999",
            "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('9999')",
        ),
    ):
        path = tmp_path / f"{name}.db"
        connection = sqlite3.connect(path)
        connection.executescript(sql)
        connection.close()
        with pytest.raises(InputError, match=f"{found}; allowed: schema {SCHEMA_VERSION}"):
            open_store(f"sqlite:///{path}")


@pytest.mark.parametrize("url", ["mysql://localhost/x", "://", "sqlite3:///x", "postgres//x::", "http://x"])
def test_a_malformed_address_is_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises((InputError, UnreachableError)) as refused:
        open_store(url)
    assert "\n" not in str(refused.value)
