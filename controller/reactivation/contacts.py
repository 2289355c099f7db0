"""Takes in how households can be written to: a CSV file of the DSO, all of it or nothing."""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from msgspec import Struct
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


def take_contacts(act: Act, rows: Iterator[Row], where: str) -> ContactsTaken:
    """Store the contacts of a file, heads first. The same file again changes nothing.

    Raises WrongContactsError for a file with wrong rows, which rolls the act back; InputError for one that is
    no table of contacts at all.
    """
    first = next(rows, None)
    if first is None:
        raise InputError(f"{where}: empty; allowed: a row of heads, and a row for each household")
    heads = _heads(first[1], where)
    count = changed = wrong = 0
    problems: list[RowProblem] = []
    seen: set[str] = set()
    while batch := list(islice(rows, _ROWS_AT_ONCE)):
        count += len(batch)
        read: dict[str, tuple[str | None, ...]] = {}
        for row, cells in batch:
            values = _read_row(row, cells, heads)
            if isinstance(values, tuple):
                ean = values[0] or ""
                if ean in seen:
                    values = [RowProblem(row, "ean", ean, "each household once")]
                else:
                    seen.add(ean)
                    read[ean] = values
            if isinstance(values, list):
                wrong += len(values)
                problems += values[: PROBLEMS_MAX - len(problems)]
        unknown = set(read) - _known(act.session, read)
        wrong += len(unknown)
        lines = {cells[heads.index("ean")].strip(): row for row, cells in batch if len(cells) == len(heads)}
        missing = [
            RowProblem(lines[ean], "ean", ean, "a household that `relance meters import` has named")
            for ean in sorted(unknown)
        ]
        problems += missing[: PROBLEMS_MAX - len(problems)]
        if not wrong:
            changed += _store(act.session, read, heads, act.now_ms)
    if wrong:
        raise WrongContactsError(problems, wrong)
    if changed:
        audit.record(
            act.session, act.now_ms, act.actor.name, AuditAct.IMPORT, where, contacts=count, changed=changed
        )
    return ContactsTaken(rows=count, changed=changed)


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


def _read_row(
    row: int, cells: Sequence[str], heads: tuple[str, ...]
) -> tuple[str | None, ...] | list[RowProblem]:
    """The values of a row, in the order of COLUMNS, or all that is wrong with it."""
    if len(cells) != len(heads):
        return [RowProblem(row, "", f"{len(cells)} cells", f"{len(heads)}, as row 1 has heads")]
    values: dict[str, str | None] = {}
    wrong: list[RowProblem] = []
    for head, cell in zip(heads, cells, strict=True):
        try:
            values[head] = _value(head, cell)
        except _WrongContactError as error:
            wrong.append(RowProblem(row, head, cell, str(error)))
    return wrong or tuple(map(values.get, COLUMNS))


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


def _known(session: Session, eans: dict[str, tuple[str | None, ...]]) -> set[str]:
    found: set[str] = set()
    for batch in in_batches(eans):
        found.update(session.exec(select(HouseholdRow.ean).where(col(HouseholdRow.ean).in_(batch))))
    return found


def _store(
    session: Session, read: dict[str, tuple[str | None, ...]], heads: tuple[str, ...], now_ms: int
) -> int:
    """Store the values, and that they were told now. A column that the file does not have stays as it is.

    Returns how many differ from what was stored.
    """
    before: dict[str, ContactRow] = {}
    for batch in in_batches(read):
        rows = session.exec(select(ContactRow).where(col(ContactRow.ean).in_(batch)))
        before |= {row.ean: row for row in rows}
    mine = [COLUMNS.index(head) for head in heads]
    changed = sum(
        1
        for ean, values in read.items()
        if ean not in before or any(getattr(before[ean], COLUMNS[index]) != values[index] for index in mine)
    )
    session.expire_all()
    told = [(*(values[index] for index in mine), now_ms) for values in read.values()]
    upsert(session, "contact", ("ean",), (*heads, "told_ms"), told)
    return changed
