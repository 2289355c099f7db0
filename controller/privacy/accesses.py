"""Who looked at which household: noted before anything is shown (GDPR, article 5(2))."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import Engine
from sqlmodel import Session, col, or_, select

from controller.database.bulk import in_batches, insert_new
from controller.database.engine import writing
from controller.database.numbers import next_number
from controller.database.rows import view_of
from controller.database.tables import AccessedRow, AccessRow, HouseholdRow
from controller.meters.behind import household_at

_COUNTER: Final = "access"
# Of a longer list it is only kept that there was one: it shows more than anybody reads, and a program that
# lists a fleet each minute would fill the store.
NAMED_MAX: Final = 1_000


class Looker(Struct, frozen=True, kw_only=True):
    """Who looks: the operator that they say they are (None: they said none), and the user of this machine."""

    operator: str | None
    os_user: str


class AccessView(Struct, frozen=True, kw_only=True):
    """Somebody has looked at `shown` households. `whole_list`: it is not kept at which."""

    number: int
    at_ms: int
    operator: str | None
    os_user: str
    command: str
    shown: int
    whole_list: bool


def note_access(store: Engine, looker: Looker, command: str, meters: Sequence[str], now_ms: int) -> None:
    """Note that somebody looks at the households behind these meters. Nobody there: nothing is noted.

    Raises UnreachableError where it cannot be written: then nothing is to be shown.
    """
    if not meters:
        return
    with writing(store) as session:
        number = next_number(session, _COUNTER)
        session.add(
            AccessRow(
                number=number,
                at_ms=now_ms,
                operator=looker.operator,
                os_user=looker.os_user,
                command=command,
                shown=len(meters),
            )
        )
        session.flush()
        if len(meters) <= NAMED_MAX:
            eans = _eans_of(session, meters)
            rows = [(meter, number, eans.get(meter)) for meter in dict.fromkeys(meters)]
            insert_new(session, "accessed", ("meter", "access", "ean"), rows)


def list_accesses(session: Session, name: str | None, limit: int) -> list[AccessView]:
    """The last accesses, the latest first; with `name`, a meter or EAN, those that showed it, or may have."""
    query = select(AccessRow)
    if name is not None:
        household = household_at(session, name)
        names = {name} if household is None else {name, household.ean, household.meter}
        named = select(AccessedRow.access).where(
            or_(col(AccessedRow.meter).in_(names), col(AccessedRow.ean).in_(names))
        )
        query = query.where(or_(col(AccessRow.number).in_(named), AccessRow.shown > NAMED_MAX))
    rows = session.exec(query.order_by(col(AccessRow.number).desc()).limit(limit))
    return [view_of(row, AccessView, whole_list=row.shown > NAMED_MAX) for row in rows]


def _eans_of(session: Session, meters: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for batch in in_batches(meters):
        rows = session.exec(select(HouseholdRow).where(col(HouseholdRow.meter).in_(batch)))
        found |= {row.meter: row.ean for row in rows}
    return found
