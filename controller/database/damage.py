"""Columns that somebody has damaged by hand: one line that names table, row and column."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from protocols.errors import InputError

T = TypeVar("T")
V = TypeVar("V")


def read_column(read: Callable[[T], V], value: T, table: str, key: str | int, column: str) -> V:
    """What `read` makes of a stored value. Raises InputError with row and column for a damaged one."""
    try:
        return read(value)
    except (msgspec.MsgspecError, ValueError) as error:
        why = str(error).partition("\n")[0]
        raise InputError(f"database: {table} {key}: column {column} is damaged: {why}") from None
