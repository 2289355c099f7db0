"""Files of households, and what the store knows after them."""

from collections.abc import Iterable

from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import reading
from controller.database.tables import HouseholdGroupRow, HouseholdRow
from controller.households.importing import Imported, import_households
from controller.households.table_file import rows_of
from protocols.identifiers import check_digit


def ean(number: int) -> str:
    """The EAN of a connection, by its number in a DSO's range."""
    digits = f"54144886{number:09d}"
    return digits + check_digit(digits)


def take_file(store: Engine, *lines: str, by: str | None = "anne", at_ms: int = 0) -> Imported:
    """Import a file of these lines."""
    rows = rows_of([f"{line}\n".encode() for line in lines], "fleet.csv")
    return import_households(store, rows, "fleet.csv", by, at_ms)


def stored(store: Engine) -> dict[str, dict[str, str]]:
    """What the store knows of each household, without what it does not know."""
    with reading(store) as session:
        rows = session.exec(select(HouseholdRow)).all()
        return {row.ean: {name: value for name, value in row.model_dump().items() if value} for row in rows}


def members(store: Engine) -> set[tuple[str, str]]:
    """Each free group with each household in it."""
    with reading(store) as session:
        return {(row.name, row.ean) for row in session.exec(select(HouseholdGroupRow))}


def named_groups(rows: Iterable[dict[str, str]]) -> set[tuple[str, str]]:
    """The same, by the column of each household."""
    return {(name, row["ean"]) for row in rows for name in row.get("groups", "").split()}
