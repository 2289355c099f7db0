"""Takes what is kept no longer, in steps that may be killed and run again (`rules` says which rows).

Each step is one transaction, with its entry in the audit. Whatever stays over once it is over is looked for
before that, while others may write. Orders, payments and the audit are never touched:
the ledger and the proof of who did what need them. Of a black box the last entry of each kind stays, so that
`meters why` can still say why a meter is as it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct, structs
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    bindparam,
    delete,
    exists,
    func,
    or_,
    update,
)
from sqlalchemy import select as select_columns
from sqlalchemy.orm import aliased
from sqlmodel import Session, and_, col, select

from controller.database.bulk import METERS_AT_ONCE
from controller.database.campaign_tables import (
    CampaignHouseholdRow,
    CampaignRow,
    ContactRow,
    HappeningRow,
    NoticeRow,
)
from controller.database.tables import (
    AccessedRow,
    AccessRow,
    ClaimRow,
    EventRow,
    ReadingRow,
    SettingRow,
    TenancyRow,
)
from controller.office import audit
from controller.office.audit import AuditAct
from controller.privacy.rules import Cutoffs, Limits, Stamp, mended, readings_to_take, stepped_ms
from protocols.errors import RefusedError
from protocols.instants import DAY_MS, iso_from_ms

_REACHED: Final = "privacy/purged"
# So many rows go in one transaction, which others wait for.
_ROWS_AT_ONCE: Final = 20_000
# So many are found at once, for several transactions: to find them may mean to read the whole table.
_FOUND_AT_ONCE: Final = 200_000
_LIVES_AT_ONCE: Final = 20
# So many rows one purge takes; the next one goes on.
ROWS_MAX: Final = 1_000_000

Life = tuple[str, int]
# A reading's number, its meter's date, and when we received it.
Dated = tuple[int, int, int | None]
Transaction = Callable[[], AbstractContextManager[Session]]
# A row's key in its table.
RowKey = tuple[Any, ...]


class Doors(NamedTuple):
    """How a purge comes into the store: to read while others write, and for a transaction."""

    reading: Transaction
    writing: Transaction


class Over(Struct, frozen=True, kw_only=True):
    """How many rows of each kind are over; `left`: households that have left.

    `reminders`: addresses and reasons of reminders that were sent; `proofs`: of steps.
    """

    readings: int = 0
    events: int = 0
    claims: int = 0
    accesses: int = 0
    left: int = 0
    contacts: int = 0
    reminders: int = 0
    proofs: int = 0

    @property
    def rows(self) -> int:
        return sum(structs.astuple(self))


class Purged(Struct, frozen=True, kw_only=True):
    """What a purge took of what was over at `as_of_ms`. `more`: it took as many rows as one may."""

    as_of_ms: int
    over: Over
    more: bool


def reached_ms(session: Session) -> int | None:
    """As of which instant the last purge took what was over; None: there was none."""
    row = session.get(SettingRow, _REACHED)
    return None if row is None else int(row.value)


def as_of_ms(session: Session, limits: Limits, now_ms: int) -> int:
    """As of which instant a purge takes what is over: now, but only a step beyond the last one.

    Raises RefusedError where the last purge is to come: then a clock is wrong, or was.
    """
    reached = reached_ms(session)
    if reached is not None and reached > now_ms:
        raise RefusedError(
            f"purge: the last one was as of {iso_from_ms(reached)}, which is to come; "
            "allowed: once this machine's clock is later; `relance doctor` says more"
        )
    return stepped_ms(now_ms, reached, _first_over_ms(session, limits))


def count_over(session: Session, limits: Limits, zone: ZoneInfo, as_of: int, now_ms: int) -> Over:
    """What is over at an instant. Reads only."""
    readings = 0
    cutoffs = _cutoffs(limits, as_of)
    for lives in _batches(_lives(session)):
        for found in _readings_of(session, lives, cutoffs.by_day_ms, now_ms).values():
            readings += len(readings_to_take(mended(found, now_ms), cutoffs, zone))
    counts = {each.kind: _count(session, each) for each in _others(limits, as_of, now_ms)}
    return Over(readings=readings, **counts)


def purge(doors: Doors, limits: Limits, zone: ZoneInfo, by: str, now_ms: int) -> Purged:
    """Take what is over, step by step; about ROWS_MAX rows. Raises RefusedError as `as_of_ms`."""
    with doors.writing() as session:
        # Of a contact of an earlier version nobody knows when it was told: it counts from now on.
        session.execute(update(ContactRow).where(col(ContactRow.told_ms).is_(None)).values(told_ms=now_ms))
        as_of, lives = as_of_ms(session, limits, now_ms), _lives(session)
    running = _Running(doors, by, now_ms, as_of)
    for batch in _batches(lives):
        if not running.is_full:
            running.take_readings(batch, _cutoffs(limits, as_of), zone)
    for each in _others(limits, as_of, now_ms):
        running.take_all(each)
    if not running.is_full:
        with doors.writing() as session:
            row = session.get(SettingRow, _REACHED) or SettingRow(name=_REACHED, value="")
            row.value = str(as_of)
            session.add(row)
    return Purged(as_of_ms=as_of, over=Over(**running.gone), more=running.is_full)


class _Other(NamedTuple):
    """A kind of rows that go, or whose values go, and which of them are over."""

    kind: str
    table: type[Any]
    over: ColumnElement[bool]
    # Values that go while the row stays; none: the row goes.
    blank: Mapping[str, str | None] = {}
    # What is known of each row's life, once for the life and not for each row; and how it is joined.
    lives: tuple[FromClause, ColumnElement[bool]] | None = None
    # Nobody changes these rows: one that is over stays over, and may be found before the transaction.
    stays_over: bool = False

    @property
    def keys(self) -> list[str]:
        return [each.name for each in self.table.__table__.primary_key]

    def select(self, *columns: Any) -> Select[Any]:  # noqa: ANN401 # columns and functions of them
        """A query for these columns of the rows that are over."""
        query = select_columns(*columns).select_from(self.table)
        if self.lives is not None:
            query = query.outerjoin(*self.lives)
        return query.where(self.over)


class _Running:
    """A purge that runs: each step is a transaction, with its entry in the audit."""

    def __init__(self, doors: Doors, by: str, now_ms: int, as_of: int) -> None:
        self._doors = doors
        self._by = by
        self._now_ms = now_ms
        self._as_of_ms = as_of
        self.gone = dict.fromkeys(Over.__struct_fields__, 0)

    @property
    def is_full(self) -> bool:
        return sum(self.gone.values()) >= ROWS_MAX

    def take_readings(self, lives: Sequence[Life], cutoffs: Cutoffs, zone: ZoneInfo) -> None:
        with self._doors.writing() as session:
            rows: list[tuple[str, int, int]] = []
            for life, found in _readings_of(session, lives, cutoffs.by_day_ms, self._now_ms).items():
                stamps = mended(found, self._now_ms)
                taken = readings_to_take(stamps, cutoffs, zone)
                rows += [(*life, number) for number in taken]
                _keep_mended(session, life, found, stamps)
            _delete(session, ReadingRow, rows)
            self._note(session, "readings", len(rows))

    def take_all(self, other: _Other) -> None:
        """Take the rows of this kind, until the purge is full."""
        at_once = _FOUND_AT_ONCE if other.stays_over else _ROWS_AT_ONCE
        found = at_once
        while found == at_once and not self.is_full:
            found = self._take_found(other) if other.stays_over else self._take_some(other)

    def _take_found(self, other: _Other) -> int:
        """Find rows while others may write, and take them; returns how many were found."""
        with self._doors.reading() as session:
            rows = _find(session, other, _FOUND_AT_ONCE)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            if not self.is_full:
                with self._doors.writing() as session:
                    self._take(session, other, rows[start : start + _ROWS_AT_ONCE])
        return len(rows)

    def _take_some(self, other: _Other) -> int:
        """Find some rows and take them, in one transaction: people may change them; returns how many."""
        with self._doors.writing() as session:
            rows = _find(session, other, _ROWS_AT_ONCE)
            self._take(session, other, rows)
        return len(rows)

    def _take(self, session: Session, other: _Other, rows: Sequence[RowKey]) -> None:
        if other.blank:
            _blank(session, other, rows)
        else:
            _delete(session, other.table, rows)
        if other.table is AccessRow:
            numbers = [number for (number,) in rows]
            for start in range(0, len(numbers), METERS_AT_ONCE):
                batch = numbers[start : start + METERS_AT_ONCE]
                session.execute(delete(AccessedRow).where(col(AccessedRow.access).in_(batch)))
        self._note(session, other.kind, len(rows))

    def _note(self, session: Session, kind: str, rows: int) -> None:
        self.gone[kind] += rows
        if rows:
            act = AuditAct.PURGE
            audit.record(session, self._now_ms, self._by, act, kind, rows=rows, as_of_ms=self._as_of_ms)


def _cutoffs(limits: Limits, as_of: int) -> Cutoffs:
    days = (limits.readings, limits.readings_by_day, limits.readings_by_month)
    return Cutoffs(*(as_of - each * DAY_MS for each in days))


def _others(limits: Limits, as_of: int, now_ms: int) -> list[_Other]:
    """The kinds beside readings. Claims go after the entries that they were made of."""
    events_ms, accesses_ms, left_ms, contacts_ms, reminders_ms = (
        as_of - days * DAY_MS
        for days in (limits.events, limits.accesses, limits.left, limits.contacts, limits.reminders)
    )
    return [
        _events(events_ms, now_ms),
        _claims(events_ms, now_ms),
        _Other("accesses", AccessRow, _accesses_over(accesses_ms, now_ms), stays_over=True),
        _Other("left", TenancyRow, _left_over(left_ms), dict.fromkeys(("category", "language", "flags"))),
        _Other("contacts", ContactRow, _contacts_over(contacts_ms)),
        _Other("reminders", NoticeRow, _notices_over(reminders_ms), {"address": "", "reason": ""}),
        _Other("proofs", HappeningRow, _proofs_over(reminders_ms), {"proof": ""}),
    ]


def _events(cutoff_ms: int, now_ms: int) -> _Other:
    """By every date: received, dated by the meter, and no entry before it was received later."""
    later: Any = aliased(EventRow)
    row: Any = EventRow
    young = _young(EventRow, cutoff_ms, now_ms)
    over = and_(
        _received_over(EventRow, young, cutoff_ms, now_ms),
        row.time_ms < cutoff_ms,
        exists().where(*_same_life(later, row), later.event == row.event, later.number > row.number),
    )
    lives = (young, and_(*_same_life(young.c, row)))
    return _Other("events", EventRow, over, lives=lives, stays_over=True)


def _claims(cutoff_ms: int, now_ms: int) -> _Other:
    """As its entry; the date that a claim itself names may be a wrong one. The last of each source stays."""
    later: Any = aliased(ClaimRow)
    row: Any = ClaimRow
    entry: Any = EventRow
    young = _young(ClaimRow, cutoff_ms, now_ms)
    over = and_(
        _received_over(ClaimRow, young, cutoff_ms, now_ms),
        exists().where(*_same_life(later, row), later.source == row.source, later.number > row.number),
        ~exists().where(*_same_life(entry, row), entry.number == row.number, entry.time_ms >= cutoff_ms),
    )
    return _Other("claims", ClaimRow, over, lives=(young, and_(*_same_life(young.c, row))), stays_over=True)


def _young(table: type[Any], cutoff_ms: int, now_ms: int) -> Subquery:
    """The `first` number of each life that was received from `cutoff_ms` on: none from there on is over."""
    query = select_columns(table.meter, table.epoch, func.min(table.number).label("first"))
    is_young = table.received_ms.between(cutoff_ms, now_ms)
    return query.where(is_young).group_by(table.meter, table.epoch).subquery()


def _received_over(table: type[Any], young: Subquery, cutoff_ms: int, now_ms: int) -> ColumnElement[bool]:
    """Whether a row was received before an instant, as far as the rows of its life can say.

    A date that is to come says nothing, neither of its row nor of those after it: our clock was ahead. Such a
    row was received before any row after it, and is over with that.
    """
    after: Any = aliased(table)
    is_old = or_(young.c.first.is_(None), table.number < young.c.first)
    old_after = exists().where(
        *_same_life(after, table),
        after.number > table.number,
        after.received_ms < cutoff_ms,
        or_(young.c.first.is_(None), after.number < young.c.first),
    )
    return and_(is_old, or_(table.received_ms < cutoff_ms, and_(table.received_ms > now_ms, old_after)))


def _accesses_over(cutoff_ms: int, now_ms: int) -> ColumnElement[bool]:
    """None from the first young one on: it was noted later. A date that is to come: as `_received_over`."""
    row: Any = AccessRow
    after: Any = aliased(AccessRow)
    young: Any = aliased(AccessRow)
    is_young = young.at_ms.between(cutoff_ms, now_ms)
    first = select_columns(func.min(young.number)).where(is_young).scalar_subquery()
    old_after = exists().where(
        after.number > row.number, after.at_ms < cutoff_ms, or_(first.is_(None), after.number < first)
    )
    return and_(
        or_(first.is_(None), row.number < first),
        or_(row.at_ms < cutoff_ms, and_(row.at_ms > now_ms, old_after)),
    )


def _left_over(cutoff_ms: int) -> ColumnElement[bool]:
    values = (TenancyRow.category, TenancyRow.language, TenancyRow.flags)
    return and_(
        col(TenancyRow.recorded_ms) < cutoff_ms,
        col(TenancyRow.until_ms) < cutoff_ms,
        or_(*(col(value).is_not(None) for value in values)),
    )


def _contacts_over(cutoff_ms: int) -> ColumnElement[bool]:
    """Not while a reactivation is open for the household: it is to be written to."""
    member, campaign = CampaignHouseholdRow, CampaignRow
    is_open = exists().where(
        col(member.ean) == col(ContactRow.ean),
        col(campaign.name) == col(member.campaign),
        col(campaign.closed_ms).is_(None),
    )
    return and_(col(ContactRow.told_ms) < cutoff_ms, ~is_open)


def _notices_over(cutoff_ms: int) -> ColumnElement[bool]:
    """By every date of the reminder, and by the deadline, which a person has typed."""
    row = NoticeRow
    ends = (func.coalesce(each, 0) < cutoff_ms for each in (row.planned_ms, row.sent_ms, row.ended_ms))
    waits = col(row.state).in_(("planned", "sending"))
    return and_(
        *ends, _is_past(row.campaign, cutoff_ms), ~waits, or_(col(row.address) != "", col(row.reason) != "")
    )


def _proofs_over(cutoff_ms: int) -> ColumnElement[bool]:
    row = HappeningRow
    dates = (col(row.learned_ms) < cutoff_ms, col(row.happened_ms) < cutoff_ms)
    return and_(*dates, _is_past(row.campaign, cutoff_ms), col(row.proof) != "")


def _is_past(campaign: Any, cutoff_ms: int) -> ColumnElement[bool]:  # noqa: ANN401 # a column of any table
    """Whether a reactivation's deadline was before an instant."""
    return exists().where(col(CampaignRow.name) == campaign, col(CampaignRow.deadline_ms) < cutoff_ms)


def _same_life(one: Any, other: Any) -> tuple[ColumnElement[bool], ...]:  # noqa: ANN401 # two tables, or aliases
    return one.meter == other.meter, one.epoch == other.epoch


def _count(session: Session, other: _Other) -> int:
    return int(session.execute(other.select(func.count())).scalar_one())


def _find(session: Session, other: _Other, limit: int) -> list[RowKey]:
    """The keys of the first rows that are over."""
    keys = [col(getattr(other.table, name)) for name in other.keys]
    return [tuple(row) for row in session.execute(other.select(*keys).order_by(*keys).limit(limit))]


def _first_over_ms(session: Session, limits: Limits) -> int | None:
    """When the first row of the store was over, or will be; None: there is no row."""
    kinds = (
        (ReadingRow.received_ms, limits.readings),
        (EventRow.received_ms, limits.events),
        (AccessRow.at_ms, limits.accesses),
        (TenancyRow.recorded_ms, limits.left),
        (ContactRow.told_ms, limits.contacts),
        (NoticeRow.planned_ms, limits.reminders),
        (HappeningRow.learned_ms, limits.reminders),
    )
    oldest = [(session.exec(select(func.min(column))).one(), days) for column, days in kinds]
    return min((at_ms + days * DAY_MS for at_ms, days in oldest if at_ms is not None), default=None)


def _lives(session: Session) -> list[Life]:
    query = select(ReadingRow.meter, ReadingRow.epoch).distinct()
    return [
        (meter, epoch)
        for meter, epoch in session.exec(query.order_by(ReadingRow.meter, col(ReadingRow.epoch)))
    ]


def _batches(lives: Sequence[Life]) -> Iterator[Sequence[Life]]:
    return (lives[start : start + _LIVES_AT_ONCE] for start in range(0, len(lives), _LIVES_AT_ONCE))


def _readings_of(
    session: Session, lives: Sequence[Life], young_ms: int, now_ms: int
) -> dict[Life, list[Dated]]:
    """The readings of these lives, sorted by number, up to the first that was received from `young_ms` on.

    None of those after it is over: they were received later. A date that is to come says nothing of them.
    """
    wanted = set(lives)
    meters = {meter for meter, _ in lives}
    row: Any = ReadingRow
    young = (
        select_columns(row.meter, row.epoch, func.min(row.number).label("first"))
        .where(row.meter.in_(meters), row.received_ms.between(young_ms, now_ms))
        .group_by(row.meter, row.epoch)
        .subquery()
    )
    columns = (row.meter, row.epoch, row.number, row.time_ms, row.received_ms)
    query = (
        select_columns(*columns)
        .outerjoin(young, and_(young.c.meter == row.meter, young.c.epoch == row.epoch))
        .where(row.meter.in_(meters), or_(young.c.first.is_(None), row.number <= young.c.first))
    )
    found: dict[Life, list[Dated]] = {}
    for meter, epoch, *dated in session.execute(query.order_by(*columns[:3])):
        if (meter, epoch) in wanted:
            found.setdefault((meter, epoch), []).append((dated[0], dated[1], dated[2]))
    return found


def _keep_mended(session: Session, life: Life, found: Sequence[Dated], stamps: Sequence[Stamp]) -> None:
    """Store when each reading was received at the latest: the rows that say so may go before it."""
    table = ReadingRow.__table__  # type: ignore[attr-defined] # SQLModel adds it
    rows = [
        {"k_number": number, "v_received_ms": stamp.received_ms}
        for (number, _, received_ms), stamp in zip(found, stamps, strict=True)
        if received_ms != stamp.received_ms
    ]
    if rows:
        where = (table.c.meter == life[0], table.c.epoch == life[1], table.c.number == bindparam("k_number"))
        update = table.update().where(*where).values(received_ms=bindparam("v_received_ms"))
        session.connection().execute(update, rows)


def _delete(session: Session, table: type[Any], keys: Sequence[RowKey]) -> None:
    """Delete rows by their keys, those of a life together: PostgreSQL takes 3,000 single rows a second."""
    *life_columns, number = table.__table__.primary_key
    for life, rows in groupby(sorted(keys), key=lambda key: key[:-1]):
        numbers = [key[-1] for key in rows]
        same = [column == value for column, value in zip(life_columns, life, strict=True)]
        for start in range(0, len(numbers), METERS_AT_ONCE):
            batch = numbers[start : start + METERS_AT_ONCE]
            session.execute(delete(table.__table__).where(*same, number.in_(batch)))


def _blank(session: Session, other: _Other, keys: Sequence[RowKey]) -> None:
    """Take the values of rows; the rows stay, with what was owed, sent or done."""
    if keys:
        table = other.table.__table__
        names = [each.name for each in table.primary_key]
        where = [table.c[name] == bindparam(f"k_{name}") for name in names]
        rows = [{f"k_{name}": value for name, value in zip(names, key, strict=True)} for key in keys]
        session.connection().execute(table.update().where(*where).values(**other.blank), rows)
