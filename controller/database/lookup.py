"""Rows that must exist: an unknown id gets the same error from every command."""

import re
from collections.abc import Sequence
from typing import Final, TypeVar

from sqlalchemy import func
from sqlmodel import Session, col, select

from controller.database.tables import HouseholdRow, MeterRow, OrderRow
from protocols.errors import RefusedError, quoted

R = TypeVar("R", MeterRow, OrderRow)

# The noun for a row, and the command that lists all of them.
_NOUNS: Final[dict[type[MeterRow | OrderRow], tuple[str, str]]] = {
    MeterRow: ("meter", "meters list"),
    OrderRow: ("order", "orders list"),
}

_NUMBERED: Final = re.compile(r"([a-z._-]*?)0*([0-9]{1,12})")
ID_DIGITS_MAX: Final = 12
_MEANT_MAX: Final = 3


def existing(session: Session, table: type[R], key: str) -> R:
    """The row of this id. Raises RefusedError where there is none."""
    row = session.get(table, key)
    if row is None:
        raise not_known(session, table, [key])
    return row


def not_known(session: Session, table: type[R], keys: Sequence[str]) -> RefusedError:
    """The error for ids that no row has, with the ids that may be meant."""
    noun, listing = _NOUNS[table]
    if table is MeterRow:
        expected = session.exec(select(HouseholdRow).where(col(HouseholdRow.meter).in_(keys))).first()
        if expected is not None:
            return RefusedError(
                f"meter {quoted(expected.meter)}: has never spoken, so nothing can be delivered to it; "
                f"the DSO's file names it at EAN {expected.ean}"
            )
    wanted = {form for key in keys for form in similar_ids(key, noun[0])}
    query = select(table.id).where(func.lower(col(table.id)).in_(sorted(wanted))).order_by(table.id)
    meant = session.exec(query.limit(_MEANT_MAX)).all()
    hint = f"; did you mean {', '.join(meant)}?" if meant else ";"
    return RefusedError(f"no such {noun}: {', '.join(map(quoted, keys))}{hint} `relance {listing}` shows all")


def similar_ids(key: str, letter: str) -> set[str]:
    """Ids in lower case that a person may mean: with other zeros before the number, or without its letter."""
    match = _NUMBERED.fullmatch(key.lower())
    if match is None:
        return {key.lower()}
    head, number = match[1] or letter, match[2]
    return {f"{head}{number.zfill(size)}" for size in range(len(number), ID_DIGITS_MAX + 1)}
