"""A store for each test: SQLite in a file of its own; for those that ask for `any_store`, PostgreSQL as well.

`engine` is SQLite, except where a folder or a module overrides it with `any_store`.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from controller.database.engine import open_store, writing
from controller.database.tables import Table
from tests.controller.postgresql_server import PostgresqlServer


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty store, migrated once: to copy it is forty times faster than to migrate."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    open_store(f"sqlite:///{path}", create=True).dispose()
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """One server for all tests of this process."""
    server = PostgresqlServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgresql_store(postgresql_server: PostgresqlServer) -> Iterator[Engine]:
    """One database for all tests, emptied for each: to create one takes longer than most tests."""
    opened = open_store(postgresql_server.create("relance"), create=True)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite_store(empty_store: Path, tmp_path: Path) -> Iterator[Engine]:
    path = tmp_path / "relance.db"
    shutil.copy(empty_store, path)
    opened = open_store(f"sqlite:///{path}")
    yield opened
    opened.dispose()


@pytest.fixture
def engine(sqlite_store: Engine) -> Engine:
    return sqlite_store


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest) -> Engine:
    """Each database that we support (design §6), in turn."""
    opened: Engine = request.getfixturevalue(f"{request.param}_store")
    if request.param == "postgresql":
        _empty(opened)
    return opened


def _empty(store: Engine) -> None:
    """Empty our tables, and drop tables that tests have made."""
    ours = {"alembic_version", *Table.metadata.tables}
    with writing(store) as session:
        for name in set(inspect(session.connection()).get_table_names()) - ours:
            session.execute(text(f"DROP TABLE {name}"))
        for table in reversed(Table.metadata.sorted_tables):
            session.execute(table.delete())
