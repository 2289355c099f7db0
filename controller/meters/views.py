"""Meters as they last described themselves, as plain values that outlive their session. Reads only."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Select, func, union_all
from sqlmodel import Session, col, select

from controller.database.bulk import in_batches
from controller.database.damage import read_column
from controller.database.lookup import not_known
from controller.database.rows import view_of
from controller.database.tables import HouseholdRow, LinkRow, MeterRow
from controller.meters.behind import (
    HouseholdView,
    count_expected,
    count_households,
    expected_ids,
    household_at,
    household_meters,
    household_view,
    silent_households,
)
from controller.meters.choosing import (
    asks_households_alone,
    expected_where,
    households_where,
    meters_where,
    names_households,
)
from controller.meters.claimed import Claimed, read_claimed
from controller.meters.registry import LinkState
from controller.meters.retired import in_fleet
from controller.meters.witnesses import WitnessView, last_witnesses
from controller.query.rules import Condition, fields_in
from protocols.documents.accounts import Account, RegisterSum

_accounts: msgspec.json.Decoder[Account] = msgspec.json.Decoder(Account)


class MeterView(Struct, frozen=True, kw_only=True):
    """A meter as `meters list` shows it. `witnesses`: the last one of each source, the latest first.

    `claimed`: what an older firmware says of itself without proof. `link_state`: of `registry.LinkState`; of
    an unverified link nobody knows whether it is online. `household`: who is behind it, where the DSO's file
    says so. `expected`: only the file names it, and it has never spoken.
    `registers`: what was charged on each of its tariff's, by the last report; empty in a list of meters.
    """

    id: str
    link: str
    link_state: str
    online: bool
    energy: str | None
    firmware: str | None
    profile: str | None
    supply: str | None
    supply_reason: str | None
    clock: str | None
    earliest_ms: int | None
    latest_ms: int | None
    estimate_ms: int | None
    reported_ms: int | None
    last_seen_ms: int | None
    synced_ms: int | None
    balance_ueur: int | None
    emergency_ueur: int | None
    next_possible_ms: int | None
    dispute_nonce: str
    code: str
    lease_rev: int
    lease_ends_ms: int
    witnesses: tuple[WitnessView, ...]
    claimed: Claimed | None = None
    household: HouseholdView | None = None
    expected: bool = False
    registers: tuple[RegisterSum, ...] = ()


class MeterFilter(Struct, frozen=True, kw_only=True):
    """Which meters a list shows; None: whatever it is. `query`: over `choosing.METER_FIELDS`."""

    link: str | None = None
    supply: str | None = None
    clock: str | None = None
    query: Condition | None = None


ALL_METERS: Final = MeterFilter()

# In the place of a link's state, where nobody knows whether the meter is there.
_NEVER: Final = "never heard"
# What a query may name of the row of a link.
_OF_LINK: Final = frozenset({"online"})
Q = TypeVar("Q", bound=Select[*tuple[Any, ...]])


def list_meters(
    session: Session,
    wanted: MeterFilter = ALL_METERS,
    *,
    now_ms: int,
    after: str = "",
    limit: int | None = None,
) -> list[MeterView]:
    """Meters that match, sorted by id, beginning after the id `after`; at most `limit`, where it is given.

    Those among them that have never spoken, and that only the DSO's file names.
    """
    households = _household_conditions(wanted, after)
    spoken = _chosen(select(MeterRow.id), wanted.query).where(*_conditions(wanted, now_ms, after))
    silent = _expected_conditions(wanted, after)
    if households is not None:
        named = household_meters(households, limit)
    elif silent is None:
        named = spoken.order_by(MeterRow.id).limit(limit)
    else:
        # Each part ends at the limit by itself; the database knows in which order it goes on after an id.
        parts = (spoken.order_by(MeterRow.id).limit(limit).subquery(), expected_ids(silent, limit).subquery())
        both = union_all(*(select(*part.c) for part in parts)).subquery()
        named = select(*both.c).order_by(*both.c).limit(limit)
    names = list(session.scalars(named))
    found = _views(session, names)
    return [found[name] for name in names]


def count_meters(session: Session, wanted: MeterFilter = ALL_METERS, *, now_ms: int, after: str = "") -> int:
    """How many meters `list_meters` would list without a limit."""
    households = _household_conditions(wanted, after)
    if households is not None:
        return count_households(session, households)
    query = _chosen(select(func.count()).select_from(MeterRow), wanted.query)
    spoken = session.exec(query.where(*_conditions(wanted, now_ms, after))).one()
    silent = _expected_conditions(wanted, after)
    return spoken if silent is None else spoken + count_expected(session, silent)


def meter_names(session: Session, query: Condition, now_ms: int) -> tuple[str, ...]:
    """The ids of all meters that a query chooses and that have spoken, sorted."""
    rows = _spoken(select(MeterRow.id)).where(in_fleet(), meters_where(query, now_ms))
    return tuple(session.exec(rows.order_by(MeterRow.id)))


def chosen_households(session: Session, query: Condition, now_ms: int) -> list[str]:
    """The EANs of all households that a query chooses by their meters, whether these have spoken or not."""
    spoken = _spoken(select(HouseholdRow.ean).select_from(MeterRow)).where(
        col(HouseholdRow.ean).is_not(None), in_fleet(), meters_where(query, now_ms)
    )
    return [*session.exec(spoken), *session.exec(silent_households([expected_where(query)]))]


def show_meter(session: Session, meter: str) -> MeterView:
    """One meter with its last witnesses. Raises RefusedError where it is not known."""
    row = session.get(MeterRow, meter)
    household = household_at(session, meter)
    if row is None:
        if household is None or household.meter != meter:
            raise not_known(session, MeterRow, [meter])
        return _expected_view(household)
    link = session.get(LinkRow, row.link)
    witnesses = last_witnesses(session, [row])
    state = LinkState.OFFLINE if link is None else link.state
    view = _meter_view(row, state, witnesses[meter], household)
    if row.account is None:
        return view
    account = read_column(_accounts.decode, row.account, "meter", meter, "account")
    return msgspec.structs.replace(view, registers=account.registers)


def _spoken(query: Q) -> Q:
    """A query for meters that have spoken, joined with their links, and outside with their households."""
    linked = query.join(LinkRow, col(LinkRow.id) == col(MeterRow.link))
    return linked.outerjoin(HouseholdRow, col(HouseholdRow.meter) == MeterRow.id)


def _chosen(query: Q, condition: Condition | None) -> Q:
    """The same, joined with no more than the condition names: whoever counts all meters reads no link."""
    if condition is None:
        return query
    named = fields_in(condition)
    if _OF_LINK & named:
        query = query.join(LinkRow, col(LinkRow.id) == col(MeterRow.link))
    if names_households(condition):
        query = query.outerjoin(HouseholdRow, col(HouseholdRow.meter) == MeterRow.id)
    return query


def _views(session: Session, names: Sequence[str]) -> dict[str, MeterView]:
    """The meters of these ids, those that have never spoken among them."""
    found: dict[str, MeterView] = {}
    for batch in in_batches(names):
        query = _spoken(select(MeterRow, LinkRow.state, HouseholdRow))
        rows = session.exec(query.where(col(MeterRow.id).in_(batch), in_fleet())).all()
        witnesses = last_witnesses(session, [row for row, _, _ in rows]) if rows else {}
        for row, state, household in rows:
            found[row.id] = _meter_view(row, state, witnesses[row.id], household)
        silent = [name for name in batch if name not in found]
        if silent:
            households = select(HouseholdRow).where(col(HouseholdRow.meter).in_(silent))
            found |= {row.meter: _expected_view(row) for row in session.exec(households)}
    return found


def _conditions(wanted: MeterFilter, now_ms: int, after: str) -> list[ColumnElement[bool]]:
    columns = ((MeterRow.link, wanted.link), (MeterRow.supply, wanted.supply), (MeterRow.clock, wanted.clock))
    return [
        col(MeterRow.id) > after,
        in_fleet(),
        *(col(column) == value for column, value in columns if value is not None),
        *(() if wanted.query is None else (meters_where(wanted.query, now_ms),)),
    ]


def _household_conditions(wanted: MeterFilter, after: str) -> list[ColumnElement[bool]] | None:
    """Conditions on households alone; None where it matters what a meter says, or that it is without one.

    One look at the households then is enough: those of meters that have spoken, and the others.
    """
    if wanted.query is None or not asks_households_alone(wanted.query):
        return None
    if (wanted.link, wanted.supply, wanted.clock) != (None, None, None):
        return None
    return [*_later(after), households_where(wanted.query)]


def _expected_conditions(wanted: MeterFilter, after: str) -> list[ColumnElement[bool]] | None:
    """The same for households; None where a meter that has never spoken cannot match."""
    if wanted.supply is not None or wanted.clock is not None:
        return None
    return [
        *_later(after),
        *(() if wanted.link is None else (col(HouseholdRow.link) == wanted.link,)),
        *(() if wanted.query is None else (expected_where(wanted.query),)),
    ]


def _later(after: str) -> list[ColumnElement[bool]]:
    """Households whose meters come after an id. Of all of them it says nothing.

    Who counts all then reads them as they lie, which is faster than by an index.
    """
    return [] if after == "" else [col(HouseholdRow.meter) > after]


def _meter_view(
    row: MeterRow,
    link_state: str,  # a column of the link's row
    witnesses: tuple[WitnessView, ...],
    household: HouseholdRow | None,
) -> MeterView:
    return view_of(
        row,
        MeterView,
        link_state=link_state,
        online=link_state == LinkState.ONLINE,
        witnesses=witnesses,
        claimed=read_column(read_claimed, row.claimed, "meter", row.id, "claimed"),
        household=None if household is None else household_view(household),
        expected=False,
        registers=(),
    )


def _expected_view(row: HouseholdRow) -> MeterView:
    """A meter of which nobody has heard: all that it would say of itself is not known."""
    unheard = MeterRow(id=row.meter, link=row.link or "", first_seen_ms=0)
    return view_of(
        unheard,
        MeterView,
        link_state=_NEVER,
        online=False,
        witnesses=(),
        claimed=None,
        household=household_view(row),
        expected=True,
        registers=(),
    )
