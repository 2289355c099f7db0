"""Opens the store: SQLite in WAL mode by default, PostgreSQL by URL. Sessions either read or write.

`reading` sees one consistent state and writes nothing; `writing` is one transaction: all of it or none. A
writer takes the lock when it begins (SQLite: BEGIN IMMEDIATE; for PostgreSQL see `database.postgresql`).
Otherwise two processes that read first and write later could not both commit. Readers never wait.

A commit is on the disk (synchronous=FULL): only then may a household be told that it has paid.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
from sqlmodel import Session, create_engine

from controller.database import (
    campaign_tables as _campaign_tables,  # noqa: F401 # its tables are part of the schema
)
from controller.database import (
    key_tables as _key_tables,  # noqa: F401 # its tables are part of the schema
)
from controller.database import (
    kiosk_tables as _kiosk_tables,  # noqa: F401 # its tables are part of the schema
)
from controller.database import postgresql
from controller.database.errors import first_line
from controller.database.folding import FOLD, fold
from protocols.errors import InputError, UnreachableError, quoted

SCHEMA_VERSION: Final = "0029"
# Earlier versions, from which a migration leads to SCHEMA_VERSION.
_EARLIER: Final = tuple(f"{number:04}" for number in range(1, int(SCHEMA_VERSION)))
# The version of a database that has tables, but no table of Alembic's.
_FOREIGN: Final = "foreign"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
# How long a writer waits for the lock. Other writers need milliseconds, a backup tool may need seconds.
_BUSY_MS: Final = 10_000
_SQLITE: Final = "sqlite:///"
# The schemes of a URL that names a server, each with its driver.
_DRIVERS: Final = {"postgresql": postgresql.DRIVER, postgresql.DRIVER: postgresql.DRIVER}
_ALLOWED: Final = "allowed: sqlite:///FILE or postgresql://USER@HOST/NAME"


def open_store(url: str, *, create: bool = False) -> Engine:
    """Open the store at `url`: `sqlite:///FILE`, `postgresql://USER@HOST/NAME`, or just the name of a file.

    FILE is the path as it is: no character of it means anything else.

    An earlier schema is migrated; with `create` an empty database becomes a store. Raises InputError for a
    malformed URL, a file that is not our database, or a schema of another version; UnreachableError where the
    server does not answer or the file does not exist.
    """
    address = _address(url)
    shown = _shown(address)
    if address.get_backend_name() == "sqlite" and not create:
        _check_file(address, shown)
    engine = _connect(address)
    try:
        version = _version(engine)
        if version in _EARLIER or (version is None and create):
            migrate(engine)
            version = SCHEMA_VERSION
    except OperationalError as error:
        engine.dispose()
        raise UnreachableError(f"{shown}: {first_line(error)}") from None
    except (TypeError, UnicodeError) as error:
        # A part of the URL that the driver does not know, or a host name that no name server could have.
        engine.dispose()
        raise InputError(f"{shown}: {error}; {_ALLOWED}") from None
    except DatabaseError as error:
        engine.dispose()
        raise InputError(f"{shown}: {first_line(error)}") from None
    if version != SCHEMA_VERSION:
        engine.dispose()
        found = "not a store of relance" if version in {None, _FOREIGN} else f"schema {version}"
        raise InputError(f"{shown}: {found}; allowed: schema {SCHEMA_VERSION}; `relance init` makes one")
    return engine


def migrate(engine: Engine) -> None:
    """Migrate the schema to SCHEMA_VERSION, in one transaction. Does nothing where it has that version."""
    # Slow to load, and needed once for each new schema; every command opens the store.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.execution_options(relance_writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def reading(engine: Engine | Connection) -> Iterator[Session]:
    """A session that sees one state of the store; its changes are rolled back."""
    with Session(engine, autoflush=False) as session:
        yield session
        session.rollback()


@contextmanager
def writing(engine: Engine | Connection) -> Iterator[Session]:
    """A session that is one transaction: committed at the end, rolled back by an exception.

    Rows stay readable after the commit. Raises UnreachableError where another writer holds the lock too long.
    """
    try:
        writer = engine.execution_options(relance_writes=True)
        with Session(writer, expire_on_commit=False) as session, session.begin():
            yield session
    except OperationalError as error:
        raise UnreachableError(f"database: {first_line(error)}") from None


@contextmanager
def one_connection(engine: Engine) -> Iterator[Connection]:
    """A connection for `reading` and then `writing`, which keeps its temporary tables until it is closed.

    Only it sees them, and to fill them locks nothing of the store: neither on SQLite nor on PostgreSQL.
    """
    with engine.connect() as connection:
        try:
            yield connection
        finally:
            # Not back into the pool: the next user would find the tables.
            connection.invalidate()


def _shown(address: URL) -> str:
    if address.get_backend_name() == "sqlite":
        return f"{_SQLITE}{address.database}"
    return address.render_as_string(hide_password=True)


def _address(url: str) -> URL:
    path = url.removeprefix(_SQLITE) if url.startswith(_SQLITE) else None if "://" in url else url
    if path is not None:
        # Not read as a URL: in a path `?` begins no query and `%` no code of a character.
        return _file_address(path)
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise InputError(f"database {quoted(_without_password(url))}; {_ALLOWED}") from None
    if _DRIVERS.get(address.drivername) is None or not address.username:
        raise InputError(f"database {quoted(address.render_as_string(hide_password=True))}; {_ALLOWED}")
    return address.set(drivername=_DRIVERS[address.drivername])


def _file_address(path: str) -> URL:
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        encoded = b""
    if not encoded or b"\0" in encoded:
        raise InputError(f"database {quoted(_SQLITE + path)}; {_ALLOWED}, FILE in UTF-8")
    return URL.create("sqlite", database=path)


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return scheme + separator + ("…@" if "@" in rest else "") + rest.rpartition("@")[2]


def _check_file(address: URL, shown: str) -> None:
    """Raises UnreachableError for a missing file: SQLite would create an empty one, and then lack tables."""
    if address.database and address.database != ":memory:" and not Path(address.database).exists():
        is_absolute = Path(address.database).is_absolute()
        from_here = "" if is_absolute else f" in {Path.cwd()} (four slashes begin at the root)"
        raise UnreachableError(
            f"{shown}: no such file{from_here}; `relance init` makes it, or `relance init --new-store` anew"
        )


def _connect(address: URL) -> Engine:
    try:
        engine = create_engine(address)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise InputError(f"database: {error}; {postgresql.NEEDS}") from None
    if address.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        postgresql.prepare(engine, _BUSY_MS)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 # a driver's own connection
    # With its default isolation level the sqlite3 module opens transactions implicitly, before a first INSERT
    # or UPDATE. With None it leaves them to us: `_begin_sqlite` opens them.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.create_function(FOLD, 1, fold, deterministic=True)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("relance_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _version(engine: Engine) -> str | None:
    """The version of the schema: None for an empty database, _FOREIGN where only others have made tables."""
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        if "alembic_version" not in tables:
            return _FOREIGN if tables else None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)
