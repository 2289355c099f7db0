"""What the database refuses, as errors of ours: away, or not what we take it for."""

import sqlite3

from sqlalchemy.exc import DatabaseError, OperationalError

from protocols.errors import InputError, RelanceError, UnreachableError


def as_ours(error: Exception) -> RelanceError:
    """The error of ours for one of the database's.

    UnreachableError where it is locked, gone or full; InputError where it answers that it lacks our tables,
    or holds what is none of ours.
    """
    assert isinstance(error, DatabaseError), error
    line = f"database: {first_line(error)}"
    return UnreachableError(line) if _is_away(error) else InputError(line)


def first_line(error: DatabaseError) -> str:
    """What the database itself says, without the statement that it was asked."""
    return str(error.orig).strip().partition("\n")[0]


def _is_away(error: DatabaseError) -> bool:
    if not isinstance(error, OperationalError):
        return False
    return getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR
