"""Takes in how households can be written to: a CSV file of the DSO, all of it or nothing."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from msgspec import Struct
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from controller.database.bulk import in_batches, upsert
from controller.database.campaign_tables import ContactRow
from controller.database.tables import HouseholdRow
from controller.households.rules import RowProblem, ean_of_cell
from controller.households.table_file import Row
from controller.office import audit
from controller.office.audit import AuditAct
from controller.orders.acting import Act
from controller.reactivation.mail import read_address
from controller.reactivation.phones import read_phone
from protocols.errors import InputError, quoted
from protocols.limits import TEXT_CHARS_MAX

COLUMNS: Final = ("ean", "name", "email", "phone", "street", "postcode", "town")
PROBLEMS_MAX: Final = 100
_ROWS_AT_ONCE: Final = 5_000
# A file is read into memory, at some 0.4 kB a row, so that nobody waits for the store meanwhile.
_ROWS_MAX: Final = 1_000_000

_Values = tuple[str | None, ...]


class ContactsRead(Struct, frozen=True, kw_only=True):
    """A file of contacts as it was read, without the store: how many rows, and what is wrong with them.

    `told`: of each household its row and its values in the order of `heads`. `wrong`: how many cells and rows
    are; `problems`: the first of them.
    """

    where: str
    heads: tuple[str, ...]
    rows: int
    told: dict[str, tuple[int, _Values]]
    problems: tuple[RowProblem, ...]
    wrong: int


class ContactsTaken(Struct, frozen=True, kw_only=True):
    """How many rows a file of contacts has, and how many of them were new or changed."""

    rows: int
    changed: int


class WrongContactsError(Exception):
    """A file has wrong rows, and nothing of it is stored. `wrong`: how many; the first of them are kept."""

    def __init__(self, problems: Sequence[RowProblem], wrong: int) -> None:
        super().__init__(f"{wrong} wrong")
        self.problems = problems
        self.wrong = wrong


class _WrongContactError(ValueError):
    """A cell is not allowed; the text says what is."""


def read_contacts(rows: Iterator[Row], where: str) -> ContactsRead:
    """Read the contacts of a file, heads first. It takes seconds for a large one, so no act is begun before.

    Raises InputError for one that is no table of contacts at all, or too long.
    """
    first = next(rows, None)
    if first is None:
        raise InputError(f"{where}: empty; allowed: a row of heads, and a row for each household")
    heads = _heads(first[1], where)
    at = heads.index("ean")
    count = wrong = 0
    problems: list[RowProblem] = []
    told: dict[str, tuple[int, _Values]] = {}
    for row, cells in rows:
        count += 1
        if count > _ROWS_MAX:
            raise InputError(f"{where}: more than {_ROWS_MAX} rows; allowed: several files")
        values = _read_row(row, cells, heads)
        if isinstance(values, tuple):
            ean = values[at] or ""
            if ean not in told:
                told[ean] = row, values
                continue
            values = [RowProblem(row, "ean", ean, "each household once")]
        wrong += len(values)
        problems += values[: PROBLEMS_MAX - len(problems)]
    return ContactsRead(
        where=where, heads=heads, rows=count, told=told, problems=tuple(problems), wrong=wrong
    )


def take_contacts(act: Act, read: ContactsRead) -> ContactsTaken:
    """Store the contacts of a file. The same file again changes nothing.

    Raises WrongContactsError for a file with wrong rows, also where nobody knows the household.
    """
    unknown = _unknown(act.session, read.told)
    wrong = read.wrong + len(unknown)
    if wrong:
        allowed = "a household that `relance meters import` has named"
        problems = [*read.problems, *(RowProblem(row, "ean", ean, allowed) for row, ean in unknown)]
        problems.sort(key=lambda problem: problem.row)
        raise WrongContactsError(problems[:PROBLEMS_MAX], wrong)
    eans, changed = iter(read.told), 0
    while batch := list(islice(eans, _ROWS_AT_ONCE)):
        changed += _store(act.session, {ean: read.told[ean][1] for ean in batch}, read.heads, act.now_ms)
    if changed:
        counts = {"contacts": read.rows, "changed": changed}
        audit.record(act.session, act.now_ms, act.actor.name, AuditAct.IMPORT, read.where, **counts)
    return ContactsTaken(rows=read.rows, changed=changed)


def _heads(cells: Sequence[str], where: str) -> tuple[str, ...]:
    heads = tuple(cell.strip().casefold() for cell in cells)
    for number, head in enumerate(heads):
        if head not in COLUMNS or head in heads[:number]:
            here = f"{where}: row 1, column {number + 1}: {quoted(cells[number])}"
            raise InputError(f"{here}; allowed: {', '.join(COLUMNS)}, each once")
    if "ean" not in heads:
        raise InputError(f"{where}: row 1: no column ean; allowed: ean, and any of {', '.join(COLUMNS[1:])}")
    if len(heads) == 1:
        raise InputError(f"{where}: row 1: only ean; allowed: ean, and any of {', '.join(COLUMNS[1:])}")
    return heads


def _read_row(row: int, cells: Sequence[str], heads: tuple[str, ...]) -> _Values | list[RowProblem]:
    """The values of a row, or all that is wrong with it."""
    if len(cells) != len(heads):
        return [RowProblem(row, "", f"{len(cells)} cells", f"{len(heads)}, as row 1 has heads")]
    values: list[str | None] = []
    wrong: list[RowProblem] = []
    for head, cell in zip(heads, cells, strict=True):
        try:
            values.append(_value(head, cell))
        except _WrongContactError as error:
            wrong.append(RowProblem(row, head, cell, str(error)))
    return wrong or tuple(values)


def _value(head: str, cell: str) -> str | None:
    text = unicodedata.normalize("NFC", cell.strip())
    if head == "ean":
        try:
            return ean_of_cell(text)
        except ValueError as error:
            raise _WrongContactError(str(error)) from None
    if not text:
        return None
    if len(text) > TEXT_CHARS_MAX or not text.isprintable():
        raise _WrongContactError(
            f"up to {TEXT_CHARS_MAX} characters on one line, in UTF-8 or as --encoding says"
        )
    if head == "email":
        try:
            return read_address(text, "")
        except InputError:
            raise _WrongContactError("an address such as anna@example.be, or nothing") from None
    if head == "phone":
        try:
            return read_phone(text)
        except ValueError as error:
            raise _WrongContactError(f"{error}, or nothing") from None
    return text


def _unknown(session: Session, told: Mapping[str, tuple[int, _Values]]) -> list[tuple[int, str]]:
    """The rows and EANs of households that nobody has named."""
    known: set[str] = set()
    for batch in in_batches(told):
        known.update(session.exec(select(HouseholdRow.ean).where(col(HouseholdRow.ean).in_(batch))))
    return [(row, ean) for ean, (row, _) in told.items() if ean not in known]


def _store(session: Session, read: Mapping[str, _Values], heads: tuple[str, ...], now_ms: int) -> int:
    """Store the values, and that they were told now. A column that the file does not have stays as it is.

    Returns how many differ from what was stored.
    """
    # Columns, not rows of the ORM: others wait for the store.
    columns = select_columns(*(getattr(ContactRow, head) for head in ("ean", *heads)))
    stored = session.execute(columns.where(col(ContactRow.ean).in_(read)))
    before = {ean: tuple(values) for ean, *values in stored}
    session.expire_all()
    upsert(session, "contact", ("ean",), (*heads, "told_ms"), [(*each, now_ms) for each in read.values()])
    return sum(before.get(ean) != values for ean, values in read.items())
