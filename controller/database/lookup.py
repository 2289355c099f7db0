"""Rows that must exist: an unknown id gets the same error from every command."""

from collections.abc import Iterable
from typing import Final, TypeVar

from sqlmodel import Session

from controller.database.tables import MeterRow, OrderRow
from protocols.errors import RefusedError, quoted

R = TypeVar("R", MeterRow, OrderRow)

# The noun for a row, and the command that lists all of them.
_NOUNS: Final[dict[type[MeterRow | OrderRow], tuple[str, str]]] = {
    MeterRow: ("meter", "meters list"),
    OrderRow: ("order", "orders list"),
}


def existing(session: Session, table: type[R], key: str) -> R:
    """The row of this id. Raises RefusedError where there is none."""
    row = session.get(table, key)
    if row is None:
        raise not_known(table, [key])
    return row


def not_known(table: type[MeterRow | OrderRow], keys: Iterable[str]) -> RefusedError:
    """The error for ids that no row has."""
    noun, listing = _NOUNS[table]
    return RefusedError(f"no such {noun}: {', '.join(map(quoted, keys))}; `relance {listing}` shows all")
