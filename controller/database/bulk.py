"""The paths that bypass the ORM: inserts of many rows, many small updates, a file's rows (design §6).

Measured: on these the ORM is forty to a hundred times slower than plain SQL. Everything else uses the ORM.
"""

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlmodel import Session

Value = str | int | None
# SQLite takes 32,766 parameters in one statement, PostgreSQL 65,535.
METERS_AT_ONCE: Final = 10_000
_MARKERS: Final = {"qmark": "?", "format": "%s", "pyformat": "%s"}


def in_batches(names: Collection[str]) -> Iterator[Sequence[str]]:
    """The names, sorted, in batches that one statement takes as parameters."""
    ordered = sorted(names)
    return (ordered[start : start + METERS_AT_ONCE] for start in range(0, len(ordered), METERS_AT_ONCE))


def insert_new(
    session: Session, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Value, ...]]
) -> None:
    """Insert rows. A row whose key exists is left unchanged: the same message came twice."""
    if rows:
        connection = session.connection()
        sql = _insert_sql(table, columns, _MARKERS[connection.dialect.paramstyle])
        connection.exec_driver_sql(sql, list(rows))


def fill(session: Session, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Value, ...]]) -> None:
    """Insert the rows of a file into a table of which they break no key. An empty text becomes NULL.

    PostgreSQL takes them as one COPY: with a statement for each row a million rows would take minutes.
    """
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        names, markers = ", ".join(columns), ", ".join("?" for _ in columns)
        # S608: the names are our own, and the values are bound parameters.
        connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({markers})", list(rows))  # noqa: S608
        return
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    cursor: Any = connection.connection.cursor()
    cursor.execute(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)", stream=[text.getvalue()])
    cursor.close()


def update_newer(
    session: Session, table: str, columns: tuple[str, ...], number: str, rows: Sequence[tuple[Value, ...]]
) -> None:
    """Update rows by their `id` with newer values. Each tuple ends with the id and the number of its message.

    `number` is the column that holds the number of the last message: where it is not lower, nothing changes.
    """
    if rows:
        connection = session.connection()
        sql = _update_sql(table, columns, number, _MARKERS[connection.dialect.paramstyle])
        connection.exec_driver_sql(sql, list(rows))


def number_receipts(session: Session, rows: Sequence[tuple[int, str, str]]) -> None:
    """Store the number of each receipt, `(number, order, meter)`, with its delivery, unless it has one."""
    if rows:
        connection = session.connection()
        marker = _MARKERS[connection.dialect.paramstyle]
        connection.exec_driver_sql(
            f"UPDATE delivery SET receipt_number = {marker} "  # noqa: S608 # a marker, not a value
            f"WHERE order_id = {marker} AND meter = {marker} AND receipt_number IS NULL",
            list(rows),
        )


def upsert(
    session: Session,
    table: str,
    keys: tuple[str, ...],
    columns: tuple[str, ...],
    rows: Sequence[tuple[Value, ...]],
) -> None:
    """Insert rows. Of a row whose key exists the other columns are replaced."""
    if rows:
        connection = session.connection()
        sql = _upsert_sql(table, keys, columns, _MARKERS[connection.dialect.paramstyle])
        connection.exec_driver_sql(sql, list(rows))


def upsert_counts(session: Session, rows: Sequence[tuple[Value, ...]]) -> None:
    """Add rows to the quarantine: `(name, link, why, count, first_ms, last_ms)`; counts of a name add up."""
    if rows:
        connection = session.connection()
        marker = _MARKERS[connection.dialect.paramstyle]
        connection.exec_driver_sql(
            "INSERT INTO quarantine (name, link, why, count, first_ms, last_ms) "  # noqa: S608 # markers, no values
            f"VALUES ({', '.join([marker] * 6)}) ON CONFLICT (name) DO UPDATE SET link = excluded.link, "
            "why = excluded.why, count = quarantine.count + excluded.count, last_ms = excluded.last_ms",
            list(rows),
        )


@lru_cache(maxsize=32)
def _insert_sql(table: str, columns: tuple[str, ...], marker: str) -> str:
    names, markers = ", ".join(columns), ", ".join([marker] * len(columns))
    # S608: the names are our own, and the values are bound parameters.
    return f"INSERT INTO {table} ({names}) VALUES ({markers}) ON CONFLICT DO NOTHING"  # noqa: S608


@lru_cache(maxsize=32)
def _upsert_sql(table: str, keys: tuple[str, ...], columns: tuple[str, ...], marker: str) -> str:
    names, markers = ", ".join(columns), ", ".join([marker] * len(columns))
    sets = ", ".join(f"{each} = excluded.{each}" for each in columns if each not in keys)
    inserts = f"INSERT INTO {table} ({names}) VALUES ({markers})"  # noqa: S608 # as above
    return f"{inserts} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}"


@lru_cache(maxsize=32)
def _update_sql(table: str, columns: tuple[str, ...], number: str, marker: str) -> str:
    values = ", ".join(f"{column} = {marker}" for column in columns)
    # S608: as above.
    return f"UPDATE {table} SET {values} WHERE id = {marker} AND {number} < {marker}"  # noqa: S608
