"""One `serve` a store: two would answer and renew everything twice."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from protocols.errors import InputError

# Any number will do, as long as nobody else on that database locks the same: "relance".
_ADVISORY_LOCK: Final = 0x72656C616E6365


@contextmanager
def single_instance(engine: Engine) -> Iterator[None]:
    """Hold the store for one `serve`: two would answer and renew everything twice.

    Raises InputError where another holds it. The lock ends with the process, however it ends.
    """
    if engine.dialect.name == "sqlite":
        with _file_lock(f"{engine.url.database}.serve"):
            yield
        return
    with engine.connect() as connection:
        # Out of the pool: the lock belongs to the session, which must end with this block.
        connection.detach()
        taken = connection.execute(
            text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY_LOCK}
        ).scalar()
        if not taken:
            raise _taken(str(engine.url.database))
        # The lock is the session's; a transaction left open for as long as we serve would stop every vacuum.
        connection.commit()
        yield


@contextmanager
def _file_lock(path: str) -> Iterator[None]:
    with Path(path).open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(path) from None
        yield


def _taken(what: str) -> InputError:
    return InputError(f"{what}: another `relance serve` runs on this database; allowed: one")
