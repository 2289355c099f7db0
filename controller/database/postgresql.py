"""PostgreSQL made to behave as SQLite does for us, so that nothing above knows which of the two it has.

    writers   one at a time, as SQLite has it: a lock that the transaction takes first and that its end frees.
              Another waits for at most ten seconds, and is then told so.
    readers   see one state for as long as they read, and wait for nobody.
    errors    in the words of the server, under the names that SQLAlchemy has for SQLite's.

The driver is pg8000 (BSD, pure Python), by SQLAlchemy's URL only.
"""

from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError

DRIVER: Final = "postgresql+pg8000"
NEEDS: Final = "PostgreSQL needs the package pg8000, the extra `relance[postgresql]`"

# Advisory locks belong to a database. All writers of ours take this one; `serve` holds another while it runs.
_WRITERS: Final = int.from_bytes(b"writers", "big")
# Classes of SQLSTATE (PostgreSQL, appendix A) in which the server is away, refuses us, is full or has us
# wait: connection, authorization, no such database, rolled back, resources, lock, operator, system.
_AWAY: Final = frozenset({"08", "28", "3D", "40", "53", "55", "57", "58"})
_INTEGRITY: Final = "23"


class SaidError(Exception):
    """What the server or the driver said, and nothing around it."""


def prepare(engine: Engine, busy_ms: int) -> None:
    """Have every connection of the engine behave as said above. `busy_ms`: how long a writer waits."""

    def set_up(connection: Any, _record: object) -> None:  # noqa: ANN401 # a driver's own connection
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {busy_ms}")
        cursor.close()
        connection.commit()

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", _in_plain_words, retval=True)


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("relance_writes", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _in_plain_words(context: ExceptionContext) -> DBAPIError | None:
    """The driver gives the server's answer as a dictionary, and few of its errors their proper name."""
    known = context.sqlalchemy_exception
    if not isinstance(known, DBAPIError):
        return None
    said: BaseException | None = context.original_exception
    answer = _answer(said)
    while not answer and context.connection is None and said is not None:
        # Refused while connecting: the driver says goodbye to who is gone already, and reports only that.
        said = said.__context__
        answer = _answer(said)
    words = SaidError(answer.get("M", str(context.original_exception)))
    kind = _kind(answer.get("C", ""), type(known))
    return kind(context.statement, known.params, words, connection_invalidated=known.connection_invalidated)


def _answer(said: BaseException | None) -> dict[str, str]:
    """The fields of the server's answer; none where it has not answered."""
    first = said.args[0] if said is not None and said.args else None
    return first if isinstance(first, dict) else {}


def _kind(sqlstate: str, known: type[DBAPIError]) -> type[DBAPIError]:
    """Under which name it is raised. Without a code the driver has lost its server, or never had one."""
    if sqlstate.startswith(_INTEGRITY):
        return IntegrityError
    if not sqlstate or sqlstate[:2] in _AWAY:
        return OperationalError
    return known if issubclass(known, DatabaseError) else DatabaseError
