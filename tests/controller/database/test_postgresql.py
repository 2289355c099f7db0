"""PostgreSQL by URL: it opens, or says in one line why not; and what ends a connection ends nothing else."""

import gc
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from controller.database.engine import SCHEMA_VERSION, migrate, open_store, reading, writing
from controller.database.numbers import next_number
from protocols.errors import InputError, RelanceError, UnreachableError
from tests.controller.postgresql_server import PostgresqlServer


@pytest.fixture
def url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """The URL of an empty database."""
    yield postgresql_server.create("fresh")
    postgresql_server.drop("fresh")


def refused(url: str) -> tuple[type[RelanceError], str]:
    """The class of the error, and its line."""
    with warnings.catch_warnings():
        # pg8000 leaves the socket of a failed connection to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(RelanceError) as caught:
            open_store(url)
        kind, line = type(caught.value), str(caught.value)
        del caught
        gc.collect()
    assert "\n" not in line
    assert line.startswith("postgresql+pg8000://")
    return kind, line


def version_of(engine: Engine) -> object:
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def test_an_empty_database_becomes_a_store_only_with_create(url: str) -> None:
    kind, line = refused(url)
    assert kind is InputError
    assert "not a store of relance" in line
    open_store(url, create=True).dispose()
    opened = open_store(url)
    assert version_of(opened) == SCHEMA_VERSION
    opened.dispose()


def test_a_database_with_foreign_tables_is_refused_and_not_changed(
    url: str, postgresql_server: PostgresqlServer
) -> None:
    postgresql_server.administer("CREATE TABLE customers (id BIGINT)", "fresh")
    with pytest.raises(InputError, match="not a store of relance; allowed: schema"):
        open_store(url, create=True)
    postgresql_server.administer("SELECT id FROM customers", "fresh")


def test_a_missing_database_role_or_server_is_named(
    postgresql_server: PostgresqlServer,
) -> None:
    there = postgresql_server.url("postgres")
    for url, words in (
        (postgresql_server.url("nowhere"), 'database "nowhere" does not exist'),
        (there.replace("postgres@", "nobody@"), 'role "nobody" does not exist'),
        (f"{there}.not", "no connection: No such file or directory"),
        ("postgresql://anne@127.0.0.1:1/x", "127.0.0.1:1/x: no connection: Connection refused"),
    ):
        kind, line = refused(url)
        assert kind is UnreachableError
        assert words in line


def test_a_password_is_not_shown() -> None:
    assert "secret" not in refused("postgresql://anne:secret@127.0.0.1:1/x")[1]


def test_without_its_driver_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pg8000", None)
    with pytest.raises(InputError, match=r"PostgreSQL needs the package pg8000, the extra `relance\["):
        open_store("postgresql://anne@localhost/x")


def test_another_driver_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(InputError, match="allowed: sqlite:///FILE or postgresql://USER@HOST/NAME"):
        open_store("postgresql+psycopg://localhost/x")


def test_two_that_create_or_migrate_a_store_at_once_make_one(
    url: str, postgresql_server: PostgresqlServer
) -> None:
    def make(_number: int) -> object:
        opened = open_store(url, create=True)
        found = version_of(opened)
        opened.dispose()
        return found

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(make, range(3))) == [SCHEMA_VERSION] * 3
        for change in (
            "reading DROP COLUMN received_ms",
            "payment DROP COLUMN epoch",
            "payment DROP COLUMN found",
            "payment DROP COLUMN voided_ueur",
            "meter DROP COLUMN issuers_version",
            "meter DROP COLUMN last_event",
            "meter DROP COLUMN oldest_entry",
            "meter DROP COLUMN account",
            *(
                f"{table} {change}"
                for table in ("reading", "meter_event", "claim")
                for change in (
                    f"DROP CONSTRAINT pk_{table}",
                    "DROP COLUMN epoch",
                    f"ADD CONSTRAINT pk_{table} PRIMARY KEY (meter, number)",
                )
            ),
            "link DROP COLUMN epoch",
            "meter DROP COLUMN epoch",
            "signed_order DROP COLUMN digest",
            "meter DROP COLUMN holds_number",
            "meter DROP COLUMN claimed",
            "meter DROP COLUMN witnesses",
            "meter ADD COLUMN event_number bigint NOT NULL DEFAULT 0",
            "link ADD COLUMN synced_ms bigint",
        ):
            postgresql_server.administer(f"ALTER TABLE {change}", "fresh")
        later = (
            "household, household_group, tenancy, retired, access, accessed, "
            "notice, happening, contact, campaign_household, campaign, campaign_deadline, "
            "proven_key, card_meter, kiosk, kiosk_document, kiosk_receipt, "
            "kiosk_statement, kiosk_refund"
        )
        postgresql_server.administer(
            f"DROP TABLE service, closed, quarantine, black_box, payment_request, {later}", "fresh"
        )
        postgresql_server.administer("UPDATE alembic_version SET version_num = '0001'", "fresh")
        assert list(pool.map(make, range(3))) == [SCHEMA_VERSION] * 3


def test_a_connection_that_the_server_ends_is_an_error_and_the_next_one_works(
    url: str, postgresql_server: PostgresqlServer, caplog: pytest.LogCaptureFixture
) -> None:
    opened = open_store(url, create=True)
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'fresh'"

    def draw_while_it_ends() -> None:
        with writing(opened) as session:
            assert next_number(session, "n") == 1
            postgresql_server.administer(end_all)
            next_number(session, "n")

    with pytest.raises(UnreachableError, match="database: ") as caught:
        draw_while_it_ends()
    assert "\n" not in str(caught.value)
    with writing(opened) as session:
        assert next_number(session, "n") == 1, "what was not committed is not there"
    with reading(opened) as session:
        session.connection().execute(text("SELECT 1"))
    migrate(opened)
    opened.dispose()
    assert [record for record in caplog.records if record.exc_info] == []


def test_a_dead_connection_that_cannot_be_closed_is_one_line(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    opened = open_store(url, create=True)
    with opened.connect() as connection:
        dead = connection.connection.dbapi_connection
        assert dead is not None
        dead.close()
    opened.dispose()
    lines = [(record.getMessage(), record.exc_info) for record in caplog.records if "pool" in record.name]
    assert lines
    for line, trace in lines:
        assert line.startswith("database: a connection was lost already: ")
        assert "\n" not in line
        assert trace is None
