"""Who is behind a meter, as the DSO's file says; and meters that are expected and have never spoken."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, func
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from controller.database.numbers import next_number
from controller.database.rows import view_of
from controller.database.tables import CounterRow, HouseholdRow, MeterRow
from controller.meters.choosing import expected_where
from controller.meters.retired import in_fleet
from controller.query.rules import Condition
from protocols.errors import RefusedError, quoted

Q = TypeVar("Q", bound=Select[*tuple[Any, ...]])


class HouseholdView(Struct, frozen=True, kw_only=True):
    """A household. `energy`, `profile`, `firmware`, `link`: what its meter should be, and where."""

    ean: str
    meter: str
    area: str | None
    dso: str | None
    category: str | None
    energy: str | None
    profile: str | None
    firmware: str | None
    link: str | None
    language: str | None
    groups: tuple[str, ...]
    flags: tuple[str, ...]


# The counter of changes of households.
_CHANGES: Final = "households"


def note_change(session: Session) -> None:
    """Count a change of households: whoever has compared something with them sees that it is out of date."""
    next_number(session, _CHANGES)


def changes_so_far(session: Session) -> int:
    """How many changes of households have been counted."""
    row = session.get(CounterRow, _CHANGES)
    return 0 if row is None else row.value


def household_view(row: HouseholdRow) -> HouseholdView:
    """A household as a value that outlives its session."""
    groups, flags = (tuple((words or "").split()) for words in (row.groups, row.flags))
    return view_of(row, HouseholdView, groups=groups, flags=flags)


def household_at(session: Session, name: str) -> HouseholdRow | None:
    """The household with this EAN, or with a meter of this id; None where there is none."""
    query = select(HouseholdRow).where(HouseholdRow.meter == name)
    return session.get(HouseholdRow, name) or session.exec(query).first()


def household_named(session: Session, name: str) -> HouseholdRow:
    """As `household_at`. Raises RefusedError where there is none."""
    row = household_at(session, name)
    if row is None:
        raise RefusedError(
            f"{quoted(name)}: no household is known with this meter or EAN; `relance meters import` names it"
        )
    return row


def meter_of(session: Session, name: str) -> str:
    """The id of the meter that a person names: by its id, or by the EAN of its household."""
    if session.get(MeterRow, name) is not None:
        return name
    row = session.get(HouseholdRow, name)
    return name if row is None else row.meter


def household_meters(conditions: Sequence[ColumnElement[bool]], limit: int | None) -> SelectOfScalar[str]:
    """The ids of the meters of households, whether they have spoken or not, as a query."""
    return select(HouseholdRow.meter).where(*conditions).order_by(HouseholdRow.meter).limit(limit)


def count_households(session: Session, conditions: Sequence[ColumnElement[bool]]) -> int:
    """How many `household_meters` would name without a limit."""
    return session.exec(select(func.count()).select_from(HouseholdRow).where(*conditions)).one()


def expected_ids(conditions: Sequence[ColumnElement[bool]], limit: int | None) -> SelectOfScalar[str]:
    """The ids of the meters that have never spoken and that only the DSO's file names, as a query."""
    return _silent(select(HouseholdRow.meter), conditions).order_by(HouseholdRow.meter).limit(limit)


def silent_households(conditions: Sequence[ColumnElement[bool]]) -> SelectOfScalar[str]:
    """The EANs of the households whose meter has never spoken, as a query."""
    return _silent(select(HouseholdRow.ean), conditions)


def count_expected(session: Session, conditions: Sequence[ColumnElement[bool]]) -> int:
    """How many `expected_ids` would name without a limit."""
    return session.exec(_silent(select(func.count()).select_from(HouseholdRow), conditions)).one()


def count_silent(session: Session, query: Condition) -> int:
    """How many meters a query chooses that have never spoken, so that nothing can be delivered to them."""
    return count_expected(session, [expected_where(query)])


def _silent(query: Q, conditions: Sequence[ColumnElement[bool]]) -> Q:
    joined = query.outerjoin(MeterRow, and_(col(MeterRow.id) == col(HouseholdRow.meter), in_fleet()))
    return joined.where(col(MeterRow.id).is_(None), *conditions)
