"""Puts households into free groups and takes them out: one act, one transaction, one line in the audit."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Engine, bindparam, delete, insert, update
from sqlmodel import Session, col, select

from controller.database.bulk import in_batches
from controller.database.engine import writing
from controller.database.tables import HouseholdGroupRow, HouseholdRow
from controller.meters.behind import household_named, note_change
from controller.meters.views import chosen_households
from controller.office import audit
from controller.office.audit import AuditAct
from controller.office.people import Actor
from controller.query.rules import Condition
from protocols.errors import InputError, RefusedError
from protocols.limits import GROUP_ACT_MAX, GROUPS_PER_HOUSEHOLD_MAX


class Regrouped(Struct, frozen=True):
    """How many households came into a group or left it, and how many others were chosen."""

    changed: int
    unchanged: int


def change_group(
    store: Engine,
    name: str,
    chosen: Sequence[str] | Condition,
    actor: Actor,
    now_ms: int,
    *,
    joins: bool,
) -> Regrouped:
    """Put households into a free group (`joins`), or take them out of it.

    `chosen`: ids of meters or EANs, or a query over `meters.choosing.METER_FIELDS`. Raises RefusedError for
    one of which no household is known, or that is in too many groups already; InputError for too many.
    """
    with writing(store) as session:
        if isinstance(chosen, Sequence):
            eans = [household_named(session, each).ean for each in dict.fromkeys(chosen)]
        else:
            eans = chosen_households(session, chosen, now_ms)
        if len(eans) > GROUP_ACT_MAX:
            raise InputError(f"{len(eans)} households; allowed: at most {GROUP_ACT_MAX} in one act")
        changed = [
            row
            for batch in in_batches(eans)
            for row in _regrouped(session, batch, name, joins=joins)
            if row is not None
        ]
        if changed:
            _store(session, name, changed, joins=joins)
            note_change(session)
            act = "add" if joins else "remove"
            audit.record(session, now_ms, actor.name, AuditAct.GROUP, name, does=act, households=len(changed))
        return Regrouped(len(changed), len(eans) - len(changed))


def _regrouped(
    session: Session, eans: Sequence[str], name: str, *, joins: bool
) -> list[tuple[str, str | None] | None]:
    """Each household with its groups as they will be; None where they are so already."""
    query = select(HouseholdRow.ean, HouseholdRow.groups).where(col(HouseholdRow.ean).in_(eans))
    found: list[tuple[str, str | None] | None] = []
    for ean, text in session.exec(query):
        before = set((text or "").split())
        after = before | {name} if joins else before - {name}
        if len(after) > GROUPS_PER_HOUSEHOLD_MAX:
            raise RefusedError(f"EAN {ean}: is in {len(before)} groups; allowed: {GROUPS_PER_HOUSEHOLD_MAX}")
        found.append(None if after == before else (ean, " ".join(sorted(after)) or None))
    return found


def _store(session: Session, name: str, changed: Sequence[tuple[str, str | None]], *, joins: bool) -> None:
    connection = session.connection()
    table = HouseholdRow.__table__  # type: ignore[attr-defined] # what SQLModel makes of the class
    named = update(table).where(table.c.ean == bindparam("of")).values(groups=bindparam("become"))
    connection.execute(named, [{"of": ean, "become": groups} for ean, groups in changed])
    if joins:
        connection.execute(insert(HouseholdGroupRow), [{"name": name, "ean": ean} for ean, _ in changed])
        return
    for batch in in_batches([ean for ean, _ in changed]):
        left = col(HouseholdGroupRow.name) == name, col(HouseholdGroupRow.ean).in_(batch)
        session.execute(delete(HouseholdGroupRow).where(*left))
