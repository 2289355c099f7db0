"""Errors of the database as errors of ours: it is unreachable, or it is not our store."""

import sqlite3

from sqlalchemy.exc import DatabaseError, OperationalError

from protocols.errors import InputError, RelanceError, UnreachableError


def as_ours(error: Exception) -> RelanceError:
    """The error of ours for one of the database's.

    UnreachableError where it is locked, gone or full; InputError where it has no tables of ours, or is no
    database at all.
    """
    assert isinstance(error, DatabaseError), error
    line = f"database: {first_line(error)}"
    return UnreachableError(line) if _is_unreachable(error) else InputError(line)


def first_line(error: DatabaseError) -> str:
    """The first line of the database's own message, without the SQL statement."""
    return str(error.orig).strip().partition("\n")[0]


def _is_unreachable(error: DatabaseError) -> bool:
    if not isinstance(error, OperationalError):
        return False
    # SQLITE_ERROR is about the statement ("no such table"); every other code is about the file, the lock, the
    # disk.
    return getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR
