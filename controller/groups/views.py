"""Which groups there are, and how many households are in each. Reads only."""

from typing import Any, Final

from msgspec import Struct
from sqlalchemy import func
from sqlmodel import Session, col, select

from controller.database.tables import HouseholdGroupRow, HouseholdRow, MeterRow
from controller.meters.choosing import GROUP_KINDS

FREE: Final = "free"


class GroupView(Struct, frozen=True):
    """A group. `kind`: of GROUP_KINDS, or `free`. `spoken`: households whose meter has spoken."""

    name: str
    kind: str
    households: int
    spoken: int


def list_groups(session: Session, kind: str | None = None) -> list[GroupView]:
    """All groups, or those of one kind, sorted by kind and name; free ones first."""
    found = [] if kind not in {None, FREE} else _counted(session, FREE, HouseholdGroupRow.name)
    for each in GROUP_KINDS:
        if kind in {None, each}:
            found += _counted(session, each, getattr(HouseholdRow, each))
    return found


def _counted(session: Session, kind: str, name: Any) -> list[GroupView]:  # noqa: ANN401 # a column of SQLModel
    query = select(name, func.count(), func.count(col(MeterRow.id))).select_from(HouseholdRow)
    if kind == FREE:
        query = query.join(HouseholdGroupRow, col(HouseholdGroupRow.ean) == HouseholdRow.ean)
    joined = query.outerjoin(MeterRow, col(MeterRow.id) == HouseholdRow.meter)
    rows = session.exec(joined.where(col(name).is_not(None)).group_by(name).order_by(name))
    prefix = "" if kind == FREE else f"{kind}/"
    return [GroupView(f"{prefix}{word}", kind, count, spoken) for word, count, spoken in rows]
