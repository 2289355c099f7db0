"""Allows one `serve` for each store: two would send every answer and every lease twice."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from protocols.errors import InputError

# "relance" in ASCII: a number that no other program on the same database should use.
_ADVISORY_LOCK: Final = 0x72656C616E6365


@contextmanager
def single_instance(engine: Engine) -> Iterator[None]:
    """Hold the lock of the store for one `serve`.

    Raises InputError where another `serve` holds it. The operating system or the server releases the lock
    when the process ends, even by a kill.
    """
    if engine.dialect.name == "sqlite":
        with _file_lock(f"{engine.url.database}.serve"):
            yield
        return
    with engine.connect() as connection:
        # Taken out of the pool: the lock belongs to the server session, which must end with this block.
        connection.detach()
        taken = connection.execute(
            text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY_LOCK}
        ).scalar()
        if not taken:
            raise _held_by_another(str(engine.url.database))
        # The lock outlives the transaction. An open transaction would keep VACUUM from removing dead rows.
        connection.commit()
        try:
            yield
        finally:
            _release(connection)


def _release(connection: Connection) -> None:
    """Release the lock at once: the server notices only some time later that a session has ended."""
    # Where the connection is lost the session has ended, and its lock with it. pg8000 raises OSError where
    # the server has reset the connection.
    with suppress(DBAPIError, OSError):
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})


@contextmanager
def _file_lock(path: str) -> Iterator[None]:
    with Path(path).open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _held_by_another(path) from None
        yield


def _held_by_another(what: str) -> InputError:
    return InputError(f"{what}: another `relance serve` runs on this database; allowed: one")
