"""A file of households beside the store, in temporary tables: compared with it, then taken over at once.

Nobody waits for a file to be read and compared: the tables belong to one connection, `engine.one_connection`,
and to change them locks nothing. Only `take_over` needs the writers' lock: all or nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import (
    Column,
    MetaData,
    Select,
    Table,
    and_,
    case,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)
from sqlmodel import Session, col

from controller.database.bulk import fill
from controller.database.columns import Int64, TextColumn
from controller.database.tables import HouseholdGroupRow, HouseholdRow, MeterRow, TenancyRow
from controller.households.rules import COLUMNS, RowProblem, Values

_SAME, _NEW, _CHANGED = range(3)
_EAN: Final = COLUMNS.index("ean")
_METER: Final = COLUMNS.index("meter")
_GROUPS: Final = COLUMNS.index("groups")
# Columns whose new values are told: a slip of the pen makes one.
_NAMING: Final = ("area", "dso", "category")

# What a move takes away.
_OF_WHO_LIVES_THERE: Final = ("category", "language", "flags")
_SPOKEN: Final = ": it has spoken, and holds money"
_AWAITED: Final = ": it is commissioned, and orders and payments wait for it"

_METADATA: Final = MetaData()
_TEMPORARY: Final[dict[str, Any]] = {"prefixes": ["TEMPORARY"]}
_STAGED: Final = Table(
    "staged_household",
    _METADATA,
    Column("row", Int64()),
    *(Column(name, TextColumn()) for name in COLUMNS),
    # The meter as the file says; `meter` is completed by what is stored.
    Column("named", TextColumn()),
    Column("change", Int64()),
    **_TEMPORARY,
)
_STAGED_GROUP: Final = Table(
    "staged_group", _METADATA, Column("name", TextColumn()), Column("ean", TextColumn()), **_TEMPORARY
)
_HOUSEHOLD: Final = HouseholdRow.__table__  # type: ignore[attr-defined] # what SQLModel makes of the class
_GROUP: Final = HouseholdGroupRow.__table__  # type: ignore[attr-defined] # as above
_METER_ROW: Final = MeterRow.__table__  # type: ignore[attr-defined] # as above
_TENANCY: Final = TenancyRow.__table__  # type: ignore[attr-defined] # as above


class ChangedValue(Struct, frozen=True):
    """What a file changes of a household: the column, what is stored, and what it becomes."""

    row: int
    ean: str
    column: str
    before: str | None
    after: str | None


class Counts(Struct, frozen=True):
    """How many rows are new, change something, or say what is stored."""

    new: int
    changed: int
    same: int


# Problems, the first of them, and how many there are in all.
Found = tuple[list[RowProblem], int]


def prepare(session: Session) -> None:
    """Make the temporary tables of this connection."""
    _METADATA.create_all(session.connection(), checkfirst=False)


def stage(session: Session, rows: Sequence[tuple[int, Values]]) -> None:
    """Put rows of the file beside the store."""
    # New until `compare` finds it in the store.
    filled = [(row, *values, values[_METER], _NEW) for row, values in rows]
    fill(session, _STAGED.name, ("row", *COLUMNS, "named", "change"), filled)
    groups = [
        (name, values[_EAN])
        for _, values in rows
        if values[_GROUPS]
        for name in (values[_GROUPS] or "").split()
    ]
    fill(session, _STAGED_GROUP.name, ("name", "ean"), groups)


def end_staging(session: Session) -> None:
    """Make lookups by EAN and by meter fast, once all rows are there."""
    connection = session.connection()
    for table, column in (
        ("staged_household", "ean"),
        ("staged_household", "meter"),
        ("staged_group", "ean"),
    ):
        connection.exec_driver_sql(f"CREATE INDEX ix_{table}_{column} ON {table} ({column})")


def named_twice(session: Session, limit: int) -> Found:
    """Rows with the EAN of an earlier row."""
    first = select(_STAGED.c.ean, func.min(_STAGED.c.row).label("before")).group_by(_STAGED.c.ean)
    several = first.having(func.count() > 1).subquery()
    later = select(_STAGED.c.row, _STAGED.c.ean, several.c.before).join(
        several, several.c.ean == _STAGED.c.ean
    )
    return _found(
        session,
        later.where(_STAGED.c.row > several.c.before),
        limit,
        lambda row, ean, before: RowProblem(row, "ean", ean, f"each EAN once; it is in row {before} already"),
    )


def compare(session: Session, columns: Sequence[str]) -> Counts:
    """Complete the staged rows by what is stored, and mark what they change. `columns`: of the file.

    It may be done again: what was completed before is completed anew.
    """
    stored = _STAGED.c.ean == _HOUSEHOLD.c.ean
    silent = {name: _HOUSEHOLD.c[name] for name in COLUMNS if name not in {*columns, "meter"}}
    named = func.coalesce(_STAGED.c.named, _HOUSEHOLD.c.meter)
    session.execute(update(_STAGED).values(meter=named, change=_SAME, **silent).where(stored))
    session.execute(update(_STAGED).values(meter=_STAGED.c.ean).where(_STAGED.c.meter.is_(None)))
    differs = or_(*(_STAGED.c[name].is_distinct_from(_HOUSEHOLD.c[name]) for name in COLUMNS))
    session.execute(update(_STAGED).values(change=_CHANGED).where(stored, differs))
    counted = select(_STAGED.c.change, func.count()).group_by(_STAGED.c.change)
    found = {int(change): int(count) for change, count in session.execute(counted)}
    return Counts(found.get(_NEW, 0), found.get(_CHANGED, 0), found.get(_SAME, 0))


def shared_meters(session: Session, limit: int) -> Found:
    """Rows whose meter is at another connection too, in the file or in the store; after `compare`.

    Only of a file whose rows are all staged: a row that is missing may take its meter to elsewhere.
    """
    other = _STAGED.alias("other")
    staged_too = select(other.c.ean).where(other.c.ean == _HOUSEHOLD.c.ean).exists()
    beside = (
        select(_STAGED.c.row, _STAGED.c.meter, _HOUSEHOLD.c.ean.label("at"))
        .join(_HOUSEHOLD, _HOUSEHOLD.c.meter == _STAGED.c.meter)
        .where(_STAGED.c.ean != _HOUSEHOLD.c.ean, not_(staged_too))
    )
    both = _within_file().union(beside).subquery()
    return _found(session, select(*both.c), limit, _shared)


def shared_in_file(session: Session, limit: int) -> Found:
    """As `shared_meters`, in the rows that are staged alone."""
    return _found(session, _within_file(), limit, _shared)


def _within_file() -> Select[int, str, Any]:
    least, greatest = func.min(_STAGED.c.ean).label("least"), func.max(_STAGED.c.ean).label("greatest")
    by_meter = select(_STAGED.c.meter, least, greatest).group_by(_STAGED.c.meter)
    # An EAN that is there twice is another fault.
    shared = by_meter.having(least < greatest).subquery()
    another = case((shared.c.least == _STAGED.c.ean, shared.c.greatest), else_=shared.c.least)
    return select(_STAGED.c.row, _STAGED.c.meter, another.label("at")).join(
        shared, shared.c.meter == _STAGED.c.meter
    )


def _shared(row: int, meter: str, at: str) -> RowProblem:
    return RowProblem(row, "meter", meter, f"a meter at one connection only; this one is at {at}")


def replaced_meters(session: Session, limit: int) -> Found:
    """Rows that give a connection another meter although its present one is in the fleet; after `compare`.

    What is left in that meter, and what it owes, does not move with a line of a file.
    """
    unheard = _METER_ROW.c.last_seen_ms.is_(None)
    present = case((unheard, _HOUSEHOLD.c.meter + _AWAITED), else_=_HOUSEHOLD.c.meter + _SPOKEN)
    placed = (
        select(_STAGED.c.row, _STAGED.c.meter, present.label("present"))
        .join(_HOUSEHOLD, _HOUSEHOLD.c.ean == _STAGED.c.ean)
        .join(_METER_ROW, _METER_ROW.c.id == _HOUSEHOLD.c.meter)
        .where(_STAGED.c.meter != _HOUSEHOLD.c.meter)
    )
    return _found(
        session,
        placed,
        limit,
        lambda row, meter, present: RowProblem(row, "meter", meter, f"the meter that is there, {present}"),
    )


def _found(
    session: Session,
    query: Select[int, str, Any],
    limit: int,
    problem: Callable[[int, str, Any], RowProblem],
) -> Found:
    """All rows of a query as problems: the first in the order of the file, and how many there are."""
    rows = query.subquery()
    first = select(*rows.c).order_by(rows.c.row).limit(limit)
    count = session.execute(select(func.count()).select_from(rows)).scalar_one()
    return [problem(*row) for row in session.execute(first)] if count else [], int(count)


def changes(session: Session, limit: int) -> Iterator[ChangedValue]:
    """What the first changed rows change, column by column, in the order of the file."""
    pairs = [(_STAGED.c[name], _HOUSEHOLD.c[name]) for name in COLUMNS]
    query = (
        select(_STAGED.c.row, *(column for pair in pairs for column in pair))
        .join(_HOUSEHOLD, _HOUSEHOLD.c.ean == _STAGED.c.ean)
        .where(_STAGED.c.change == _CHANGED)
        .order_by(_STAGED.c.row)
        .limit(limit)
    )
    for row, *values in session.execute(query):
        for name, after, before in zip(COLUMNS, values[::2], values[1::2], strict=True):
            if after != before:
                yield ChangedValue(row, values[0], name, before, after)


def new_words(session: Session, limit: int) -> dict[str, list[str]]:
    """The areas, DSOs, categories and groups that no household has so far; at most `limit` of each."""
    # No index leads to these words, so all of them are read once.
    pairs = {name: (_STAGED.c[name], _HOUSEHOLD.c[name]) for name in _NAMING}
    pairs["groups"] = (_STAGED_GROUP.c.name, _GROUP.c.name)
    found: dict[str, list[str]] = {}
    for name, columns in pairs.items():
        staged, stored = (set(session.scalars(select(each).distinct())) for each in columns)
        if new := sorted(staged - stored - {None})[:limit]:
            found[name] = new
    return found


def count_flagged(session: Session) -> int:
    """How many new or changed rows have flags."""
    flagged = select(func.count()).select_from(_STAGED).where(_STAGED.c.flags.is_not(None))
    return int(session.execute(flagged.where(_STAGED.c.change != _SAME)).scalar_one())


def leavers_words(session: Session, limit: int) -> tuple[tuple[str, ...], int]:
    """Connections of which the file says again what a household had that has left, by meter; and how many.

    A move takes category, language and flags away; a file of before it would give them to who lives there
    now.
    """
    left = _TENANCY.alias("left")
    last = select(left.c.ean, func.max(left.c.number).label("number")).group_by(left.c.ean).subquery()
    again = or_(
        *(
            and_(_HOUSEHOLD.c[name].is_(None), _STAGED.c[name] == _TENANCY.c[name])
            for name in _OF_WHO_LIVES_THERE
        )
    )
    found = (
        select(_STAGED.c.meter)
        .join(last, last.c.ean == _STAGED.c.ean)
        .join(_TENANCY, and_(_TENANCY.c.ean == last.c.ean, _TENANCY.c.number == last.c.number))
        .join(_HOUSEHOLD, _HOUSEHOLD.c.ean == _STAGED.c.ean)
        .where(again)
        .subquery()
    )
    count = session.execute(select(func.count()).select_from(found)).scalar_one()
    meters = session.scalars(select(found.c.meter).order_by(found.c.meter).limit(limit))
    return (tuple(meters), int(count)) if count else ((), 0)


def take_over(session: Session, counts: Counts, *, groups: bool) -> None:
    """Store what is new or changed. `groups`: the file names groups, so that they replace those stored.

    `counts`: of the last `compare`. All other writers wait meanwhile, so nothing is looked for in vain.
    """
    moved = select(_STAGED.c.ean).where(_STAGED.c.change != _SAME)
    known = select(_STAGED.c.ean).where(_STAGED.c.change == _CHANGED)
    if counts.changed:
        # Deleted first: two households of the file may have exchanged their meters.
        session.execute(delete(HouseholdRow).where(col(HouseholdRow.ean).in_(known)))
    taken = select(*(_STAGED.c[name] for name in COLUMNS)).where(_STAGED.c.change != _SAME)
    session.execute(insert(_HOUSEHOLD).from_select(list(COLUMNS), taken))
    if groups:
        if counts.changed:
            session.execute(delete(HouseholdGroupRow).where(col(HouseholdGroupRow.ean).in_(known)))
        named = select(_STAGED_GROUP.c.name, _STAGED_GROUP.c.ean)
        if counts.same:
            named = named.where(_STAGED_GROUP.c.ean.in_(moved))
        session.execute(insert(_GROUP).from_select(["name", "ean"], named))
