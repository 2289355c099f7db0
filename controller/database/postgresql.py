"""PostgreSQL made to behave as SQLite does for us, so that nothing above knows which of the two it has.

    writers   One at a time, as on SQLite: a transaction first takes an advisory lock, which its end releases.
              Another writer waits for at most ten seconds, and then gets an error.
    readers   See one state for as long as they read, and wait for nobody.
    errors    Have the server's own message, and the class that SQLAlchemy gives to the same error of SQLite.

The driver is pg8000 (BSD, pure Python); only SQLAlchemy's URL names it.
"""

import logging
from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError

DRIVER: Final = "postgresql+pg8000"
NEEDS: Final = "PostgreSQL needs the package pg8000, the extra `relance[postgresql]`"

# An advisory lock belongs to one database. Every writer of ours takes this one; `serve` holds another one.
_WRITERS: Final = int.from_bytes(b"writers", "big")
# Classes of SQLSTATE (PostgreSQL, appendix A) in which the server cannot be reached, refuses us, is full or
# locked: 08 connection, 28 authorization, 3D database name, 40 rollback, 53 resources, 55 object state
# (locks), 57 operator intervention, 58 system.
_UNREACHABLE: Final = frozenset({"08", "28", "3D", "40", "53", "55", "57", "58"})
_INTEGRITY: Final = "23"


class ServerError(Exception):
    """The message of the server or of the driver, and nothing else."""


def prepare(engine: Engine, busy_ms: int) -> None:
    """Make every connection of the engine behave as described above. `busy_ms`: how long a writer waits."""

    def set_up(connection: Any, _record: object) -> None:  # noqa: ANN401 # a driver's own connection
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {busy_ms}")
        cursor.close()
        connection.commit()

    pool = type(engine.pool)
    logging.getLogger(f"{pool.__module__}.{pool.__qualname__}").addFilter(_in_one_line)
    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", _with_sqlalchemys_class, retval=True)


def _in_one_line(record: logging.LogRecord) -> bool:
    """Say in one line what SQLAlchemy's pool logs with a traceback: a dead connection could not be closed."""
    if record.exc_info is not None and record.exc_info[1] is not None:
        line = str(record.exc_info[1]).strip().partition("\n")[0]
        record.msg, record.args = "database: a connection was lost already: %s", (line,)
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
    return True


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("relance_writes", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _with_sqlalchemys_class(context: ExceptionContext) -> DBAPIError | None:
    """Replace pg8000's error, a dictionary in a general class, by the server's message in the right class."""
    known = context.sqlalchemy_exception
    if not isinstance(known, DBAPIError):
        return None
    error: BaseException | None = context.original_exception
    answer = _answer(error)
    while not answer and context.connection is None and error is not None:
        # The server refused the connection. pg8000 then fails to close it, and raises only this second error.
        error = error.__context__
        answer = _answer(error)
    message = ServerError(answer.get("M") or _line_of(context.original_exception))
    kind = _kind(answer.get("C", ""), type(known))
    return kind(context.statement, known.params, message, connection_invalidated=known.connection_invalidated)


def _line_of(error: BaseException | None) -> str:
    """What the driver says; where it made no connection, what the machine says, as it tells more."""
    cause = None if error is None else error.__cause__ or error.__context__
    return f"no connection: {cause.strerror or cause}" if isinstance(cause, OSError) else str(error)


def _answer(error: BaseException | None) -> dict[str, str]:
    """The fields of the server's error message; none where the server has not answered."""
    first = error.args[0] if error is not None and error.args else None
    return first if isinstance(first, dict) else {}


def _kind(sqlstate: str, known: type[DBAPIError]) -> type[DBAPIError]:
    """The class for an SQLSTATE. Without a code the connection was lost, or never made."""
    if sqlstate.startswith(_INTEGRITY):
        return IntegrityError
    if not sqlstate or sqlstate[:2] in _UNREACHABLE:
        return OperationalError
    return known if issubclass(known, DatabaseError) else DatabaseError
