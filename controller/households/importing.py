"""Takes a file of households into the store: all of it, or nothing and all that is wrong with it.

To take the same file again changes nothing. A file is read once, beside the store (`staging`).
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, Engine
from sqlmodel import Session

from controller.database.engine import one_connection, writing
from controller.households import staging
from controller.households.rules import RowProblem, Values, read_heads, read_row
from controller.households.staging import ChangedValue, Counts
from controller.households.table_file import Row
from controller.meters.behind import changes_so_far, note_change
from controller.office import audit
from controller.office.audit import AuditAct
from protocols.errors import InputError
from protocols.limits import HOUSEHOLDS_MAX

_ROWS_AT_ONCE: Final = 5_000
# More than a person reads; the count says how many there are.
PROBLEMS_MAX: Final = 100
CHANGES_MAX: Final = 1_000
_WORDS_MAX: Final = 50


class Imported(Struct, frozen=True, kw_only=True):
    """What a file says, and what of it is wrong: with `problems` nothing is stored.

    `wrong`: how many cells and rows are wrong in all. `changes`: of the first CHANGES_MAX changed rows.
    `new_words`: areas, DSOs, categories and groups that were not known before.
    `flagged`: new or changed households with flags, which only an order sets at their meters.
    `of_leavers`: connections that get again what the file said of a household that has left; `leavers`: the
    first of their meters.
    """

    rows: int
    counts: Counts = Counts(0, 0, 0)
    changes: tuple[ChangedValue, ...] = ()
    new_words: dict[str, list[str]] = {}
    flagged: int = 0
    leavers: tuple[str, ...] = ()
    of_leavers: int = 0
    problems: tuple[RowProblem, ...] = ()
    wrong: int = 0


class _Wrong:
    """The wrong cells of a file: all are counted, the first are kept."""

    def __init__(self) -> None:
        self.count = 0
        self.kept: list[RowProblem] = []

    def add(self, problems: Sequence[RowProblem], count: int) -> None:
        self.count += count
        self.kept += problems[: PROBLEMS_MAX - len(self.kept)]


def import_households(
    store: Engine, rows: Iterator[Row], where: str, by: str | None, now_ms: int
) -> Imported:
    """Take in the rows of a file, heads first, in one transaction. `by`: who does it; None: a dry run.

    Raises InputError for a file that is no table of households at all, UnreachableError where another writer
    holds the lock too long.
    """
    first = next(rows, None)
    if first is None:
        raise InputError(f"{where}: empty; allowed: a row of heads, and a row for each household")
    heads = read_heads(first[1], where)
    wrong = _Wrong()
    with one_connection(store) as connection:
        count = _stage_all(connection, rows, heads, wrong, where)
        if wrong.count:
            _add_meters(connection, heads, wrong)
            return Imported(rows=count, problems=tuple(wrong.kept), wrong=wrong.count)
        with Session(connection) as session, session.begin():
            seen = changes_so_far(session)
            found = _compared(session, heads, count)
        if by is None or not (found.counts.new or found.counts.changed):
            return found
        with writing(connection) as session:
            if changes_so_far(session) != seen:
                # Somebody has changed households since. Others wait meanwhile, but nothing is lost.
                found = _compared(session, heads, count)
            if found.counts.new or found.counts.changed:
                staging.take_over(session, found.counts, groups="groups" in heads)
                note_change(session)
                told = {"rows": count, "new": found.counts.new, "changed": found.counts.changed}
                audit.record(session, now_ms, by, AuditAct.IMPORT, where, **told)
    return found


def _stage_all(
    connection: Connection, rows: Iterator[Row], heads: tuple[str, ...], wrong: _Wrong, where: str
) -> int:
    """Read and stage all rows; returns how many. Once one is wrong the rest are only read."""
    with Session(connection) as session, session.begin():
        staging.prepare(session)
    count = 0
    while batch := list(islice(rows, _ROWS_AT_ONCE)):
        count += len(batch)
        if count > HOUSEHOLDS_MAX:
            raise InputError(f"{where}: more than {HOUSEHOLDS_MAX} rows; allowed: several files")
        read: list[tuple[int, Values]] = []
        for row, cells in batch:
            values = read_row(row, cells, heads)
            if isinstance(values, list):
                wrong.add(values, len(values))
            else:
                read.append((row, values))
        with Session(connection) as session, session.begin():
            staging.stage(session, read)
    with Session(connection) as session, session.begin():
        staging.end_staging(session)
        wrong.add(*staging.named_twice(session, PROBLEMS_MAX))
    return count


def _add_meters(connection: Connection, heads: tuple[str, ...], wrong: _Wrong) -> None:
    """Beside wrong cells, the meters that the other rows put where they may not be: all is told at once."""
    with Session(connection) as session, session.begin():
        staging.compare(session, heads)
        for look in (staging.shared_in_file, staging.replaced_meters):
            wrong.add(*look(session, PROBLEMS_MAX))
    wrong.kept.sort(key=lambda problem: problem.row)


def _compared(session: Session, heads: tuple[str, ...], count: int) -> Imported:
    """What the staged rows change; nothing where a meter would be at two connections, or be replaced."""
    counts = staging.compare(session, heads)
    wrong = _Wrong()
    for look in (staging.shared_meters, staging.replaced_meters):
        wrong.add(*look(session, PROBLEMS_MAX))
    if wrong.count:
        wrong.kept.sort(key=lambda problem: problem.row)
        return Imported(rows=count, problems=tuple(wrong.kept), wrong=wrong.count)
    leavers, of_leavers = staging.leavers_words(session, _WORDS_MAX)
    return Imported(
        rows=count,
        counts=counts,
        leavers=leavers,
        of_leavers=of_leavers,
        changes=tuple(staging.changes(session, CHANGES_MAX)),
        new_words=staging.new_words(session, _WORDS_MAX),
        flagged=staging.count_flagged(session),
    )
