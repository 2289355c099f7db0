"""Meters as they last described themselves, as plain values that outlive their session. Reads only."""

from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from controller.database.lookup import existing
from controller.database.rows import view_of
from controller.database.tables import LinkRow, MeterRow
from controller.meters.choosing import meters_where
from controller.meters.claimed import Claimed, read_claimed
from controller.meters.registry import LinkState
from controller.meters.witnesses import WitnessView, last_witnesses
from controller.query.rules import Condition


class MeterView(Struct, frozen=True, kw_only=True):
    """A meter as `meters list` shows it. `witnesses`: the last one of each source, the latest first.

    `claimed`: what an older firmware says of itself without proof. `link_state`: of `registry.LinkState`; of
    an unverified link nobody knows whether it is online.
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


class MeterFilter(Struct, frozen=True, kw_only=True):
    """Which meters a list shows; None: whatever it is. `query`: over `choosing.METER_FIELDS`."""

    link: str | None = None
    supply: str | None = None
    clock: str | None = None
    query: Condition | None = None


ALL_METERS: Final = MeterFilter()


def list_meters(
    session: Session,
    wanted: MeterFilter = ALL_METERS,
    *,
    now_ms: int,
    after: str = "",
    limit: int | None = None,
) -> list[MeterView]:
    """Meters that match, sorted by id, beginning after the id `after`; at most `limit`, where it is given."""
    query = select(MeterRow, LinkRow.state).join(LinkRow, col(LinkRow.id) == col(MeterRow.link))
    chosen = _conditions(wanted, now_ms, after)
    rows = session.exec(query.where(*chosen).order_by(MeterRow.id).limit(limit)).all()
    witnesses = last_witnesses(session, [row for row, _ in rows]) if rows else {}
    return [_meter_view(row, state, witnesses[row.id]) for row, state in rows]


def count_meters(session: Session, wanted: MeterFilter = ALL_METERS, *, now_ms: int, after: str = "") -> int:
    """How many meters `list_meters` would list without a limit."""
    query = select(func.count()).select_from(MeterRow).join(LinkRow, col(LinkRow.id) == col(MeterRow.link))
    return session.exec(query.where(*_conditions(wanted, now_ms, after))).one()


def meter_names(session: Session, query: Condition, now_ms: int) -> tuple[str, ...]:
    """The ids of all meters that a query chooses, sorted."""
    rows = (
        select(MeterRow.id)
        .join(LinkRow, col(LinkRow.id) == col(MeterRow.link))
        .where(meters_where(query, now_ms))
        .order_by(MeterRow.id)
    )
    return tuple(session.exec(rows))


def show_meter(session: Session, meter: str) -> MeterView:
    """One meter with its last witnesses. Raises RefusedError where it is not known."""
    row = existing(session, MeterRow, meter)
    link = session.get(LinkRow, row.link)
    witnesses = last_witnesses(session, [row], meter)
    return _meter_view(row, LinkState.OFFLINE if link is None else link.state, witnesses[meter])


def _conditions(wanted: MeterFilter, now_ms: int, after: str) -> list[ColumnElement[bool]]:
    columns = ((MeterRow.link, wanted.link), (MeterRow.supply, wanted.supply), (MeterRow.clock, wanted.clock))
    return [
        col(MeterRow.id) > after,
        *(col(column) == value for column, value in columns if value is not None),
        *(() if wanted.query is None else (meters_where(wanted.query, now_ms),)),
    ]


def _meter_view(
    row: MeterRow,
    link_state: str,  # a column of the link's row
    witnesses: tuple[WitnessView, ...],
) -> MeterView:
    claimed = read_claimed(row.claimed)
    online = link_state == LinkState.ONLINE
    return view_of(row, MeterView, link_state=link_state, online=online, witnesses=witnesses, claimed=claimed)
