"""Whom an order for a group reaches: its households, and meters of which the DSO's file does not say it.

Of a meter that no row names, or whose row leaves the area open, nobody can say that it is outside. It is
protected rather than forgotten, and counted (`is_member` is not true of it). Of a free group everybody who
has a row is inside or outside: people name its members.
"""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, literal, or_, select, true
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from controller.database.tables import HouseholdGroupRow, HouseholdRow, MeterRow
from controller.meters.choosing import GROUP_KINDS
from protocols.arguments import did_you_mean, read_name
from protocols.errors import InputError, RefusedError, quoted
from protocols.limits import ID_CHARS_MAX

_NAMES_SUGGESTED_MAX: Final = 1_000


def read_group(text: str, where: str) -> str:
    """The name of one group: `area/Namur`, or a free one. Raises InputError: a pattern is no group."""
    kind, slash, rest = text.partition("/")
    if not slash:
        return read_name(text, where)
    if kind not in GROUP_KINDS or not rest or "*" in rest or len(text) > ID_CHARS_MAX:
        allowed = ", ".join(f"{each}/NAME" for each in GROUP_KINDS)
        raise InputError(
            f"{where}: {quoted(text)}; allowed: {allowed}, or the name of a free group, up to "
            f"{ID_CHARS_MAX} characters and no pattern"
        )
    return text


def check_group(session: Session, group: str) -> None:
    """Raises RefusedError for a group that no household is in: its name would be a slip of the pen."""
    query = select(literal(1)).select_from(HouseholdRow).where(is_inside(group)).limit(1)
    if session.execute(query).first() is None:
        raise RefusedError(
            f"no household is in the group {quoted(group)}{did_you_mean(group, _names(session, group))} "
            "`relance groups list` shows all"
        )


def is_inside(group: str) -> ColumnElement[bool]:
    """Whether a `HouseholdRow` is in this group, by what its row says."""
    kind, slash, rest = group.partition("/")
    if slash:
        return _column(kind) == rest
    named = select(literal(1)).where(col(HouseholdGroupRow.ean) == HouseholdRow.ean)
    return named.where(col(HouseholdGroupRow.name) == group).exists()


def may_be_inside(group: str) -> ColumnElement[bool]:
    """Whether a `HouseholdRow` is in this group, or its row leaves that open: what protects it is given."""
    kind, slash, _ = group.partition("/")
    return or_(is_inside(group), _column(kind).is_(None)) if slash else is_inside(group)


def is_reached(group: str) -> ColumnElement[bool]:
    """Whether a `MeterRow` is given what protects this group: no row says that its household is outside."""
    kind, slash, _ = group.partition("/")
    says = _column(kind).is_not(None) if slash else true()
    return ~exists().where(col(HouseholdRow.meter) == MeterRow.id, and_(says, ~is_inside(group)))


def is_member(group: str) -> ColumnElement[bool]:
    """Whether a `MeterRow` is known to belong to this group."""
    return exists().where(col(HouseholdRow.meter) == MeterRow.id, is_inside(group))


def _column(kind: str) -> Mapped[Any]:
    assert kind in GROUP_KINDS, kind
    return col(getattr(HouseholdRow, kind))


def _names(session: Session, group: str) -> Iterable[str]:
    """Names that may have been meant: groups of the same kind."""
    kind, slash, _ = group.partition("/")
    column = _column(kind) if slash else col(HouseholdGroupRow.name)
    found = session.exec(
        select_rows(column).where(column.is_not(None)).distinct().limit(_NAMES_SUGGESTED_MAX)
    )
    return [f"{kind}/{name}" if slash else name for name in found]
