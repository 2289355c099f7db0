"""Meters as they last described themselves, as plain values that outlive their session. Reads only."""

from msgspec import Struct
from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from controller.database.lookup import existing
from controller.database.rows import view_of
from controller.database.tables import LinkRow, MeterRow
from controller.meters.claimed import Claimed, read_claimed
from controller.meters.registry import LinkState
from controller.meters.witnesses import WitnessView, last_witnesses


class MeterView(Struct, frozen=True, kw_only=True):
    """A meter as `meters list` shows it. `witnesses`: the last one of each source, the latest first.

    `claimed`: what an older firmware says of itself without proof.
    """

    id: str
    link: str
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


def list_meters(
    session: Session,
    *,
    link: str | None = None,
    supply: str | None = None,
    clock: str | None = None,
    after: str = "",
    limit: int | None = None,
) -> list[MeterView]:
    """Meters that match, sorted by id, beginning after the id `after`; at most `limit`, where it is given."""
    query = select(MeterRow, LinkRow.state).join(LinkRow, col(LinkRow.id) == col(MeterRow.link))
    chosen = _conditions(link=link, supply=supply, clock=clock, after=after)
    rows = session.exec(query.where(*chosen).order_by(MeterRow.id).limit(limit)).all()
    witnesses = last_witnesses(session, [row for row, _ in rows]) if rows else {}
    return [_meter_view(row, state == LinkState.ONLINE, witnesses[row.id]) for row, state in rows]


def count_meters(
    session: Session,
    *,
    link: str | None = None,
    supply: str | None = None,
    clock: str | None = None,
    after: str = "",
) -> int:
    """How many meters `list_meters` would list without a limit."""
    chosen = _conditions(link=link, supply=supply, clock=clock, after=after)
    return session.exec(select(func.count()).select_from(MeterRow).where(*chosen)).one()


def show_meter(session: Session, meter: str) -> MeterView:
    """One meter with its last witnesses. Raises RefusedError where it is not known."""
    row = existing(session, MeterRow, meter)
    link = session.get(LinkRow, row.link)
    witnesses = last_witnesses(session, [row], meter)
    return _meter_view(row, link is not None and link.state == LinkState.ONLINE, witnesses[meter])


def _conditions(
    *, link: str | None, supply: str | None, clock: str | None, after: str
) -> list[ColumnElement[bool]]:
    columns = ((MeterRow.link, link), (MeterRow.supply, supply), (MeterRow.clock, clock))
    return [
        col(MeterRow.id) > after,
        *(col(column) == wanted for column, wanted in columns if wanted is not None),
    ]


def _meter_view(
    row: MeterRow,
    online: bool,  # noqa: FBT001 # a column of the row beside it
    witnesses: tuple[WitnessView, ...],
) -> MeterView:
    claimed = read_claimed(row.claimed)
    return view_of(row, MeterView, online=online, witnesses=witnesses, claimed=claimed)
