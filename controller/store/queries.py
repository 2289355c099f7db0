"""What people ask the store: meters, orders, deliveries, leases, holds. Reads only; commits nothing.

The answers are plain values, so that a face of the program (CLI, dashboard) needs no session to show them.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import func
from sqlmodel import Session, col, select

from controller.policy.moratoriums import Progress, Reach, progress, reach_of
from controller.policy.orders_life import DeliveryState, OrderState
from controller.store.orders import order_of
from controller.store.tables import DeliveryRow, LinkRow, MeterRow, OrderRow
from controller.store.witnesses import WitnessView, last_witnesses
from protocols.documents.merging import NOTHING, in_force
from protocols.documents.orders import Kind, Scope
from protocols.documents.protecting import join_order
from protocols.errors import InputError, quoted
from protocols.reasons import Refusal

V = TypeVar("V", bound=Struct)

_ONLINE: Final = "online"


class MeterView(Struct, frozen=True, kw_only=True):
    """A meter as `meters list` shows it. `witnesses`: of each source its last word, the latest first."""

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


class OrderView(Struct, frozen=True, kw_only=True):
    """An order with its deliveries counted by state."""

    id: str
    kind: str
    object: str
    rev: int
    state: str
    scope: Scope
    issued_at_ms: int
    not_before_ms: int
    not_after_ms: int
    basis: str
    created_by: str
    created_ms: int
    changed_ms: int
    deliveries: dict[str, int]


class DeliveryView(Struct, frozen=True, kw_only=True):
    """An order's way to one meter."""

    order_id: str
    kind: str
    object: str
    rev: int
    meter: str
    state: str
    attempts: int
    queued_ms: int
    sent_ms: int | None
    stored_ms: int | None
    effective_ms: int | None
    closed_ms: int | None
    reason: str


class HoldView(Struct, frozen=True, kw_only=True):
    """A hold as its orders make it. `from_ms`, `until_ms` None: lifted. `progress`: of its latest order."""

    name: str
    from_ms: int | None
    until_ms: int | None
    revs: tuple[int, ...]
    order_id: str
    fleet: bool
    progress: Progress


class LeaseView(Struct, frozen=True, kw_only=True):
    """The lease that a meter was last given. `order_id` None: none is in force."""

    meter: str
    order_id: str | None
    rev: int
    state: str | None
    ends_ms: int | None
    held_rev: int
    held_ends_ms: int


def list_meters(
    session: Session,
    *,
    link: str | None = None,
    supply: str | None = None,
    clock: str | None = None,
    after: str = "",
    limit: int = 100_000,
) -> list[MeterView]:
    """Meters in the order of their names, from the one after `after` on; only those that match."""
    query = select(MeterRow, LinkRow.state).join(LinkRow, col(LinkRow.id) == col(MeterRow.link))
    for column, wanted in ((MeterRow.link, link), (MeterRow.supply, supply), (MeterRow.clock, clock)):
        if wanted is not None:
            query = query.where(col(column) == wanted)
    rows = session.exec(query.where(col(MeterRow.id) > after).order_by(MeterRow.id).limit(limit)).all()
    witnesses = last_witnesses(session, [row for row, _ in rows]) if rows else {}
    return [_meter_view(row, state == _ONLINE, witnesses[row.id]) for row, state in rows]


def show_meter(session: Session, meter: str) -> MeterView:
    """One meter with its last witnesses. Raises InputError where it is not known."""
    row = session.get(MeterRow, meter)
    if row is None:
        raise InputError(f"meter {quoted(meter)}: not known; `relance meters list` shows all")
    link = session.get(LinkRow, row.link)
    witnesses = last_witnesses(session, [row], meter)
    return _meter_view(row, link is not None and link.state == _ONLINE, witnesses[meter])


def count_meters(session: Session) -> dict[str, int]:
    """Meters by supply; those that never said under `unknown`."""
    counts = session.exec(select(MeterRow.supply, func.count()).group_by(col(MeterRow.supply)))
    return {supply or "unknown": count for supply, count in counts}


def list_orders(
    session: Session, *, state: str | None = None, kind: str | None = None, limit: int = 1_000
) -> list[OrderView]:
    """Orders, the latest first; only those that match."""
    query = select(OrderRow)
    if state is not None:
        query = query.where(OrderRow.state == state)
    if kind is not None:
        query = query.where(OrderRow.kind == kind)
    rows = session.exec(
        query.order_by(col(OrderRow.created_ms).desc(), col(OrderRow.id).desc()).limit(limit)
    ).all()
    counts = delivery_counts(session, [row.id for row in rows])
    return [_order_view(row, counts.get(row.id, {})) for row in rows]


def show_order(session: Session, order_id: str) -> OrderView:
    """One order. Raises InputError where there is none."""
    row = session.get(OrderRow, order_id)
    if row is None:
        raise InputError(
            f"order {quoted(order_id)}: there is none of this id; `relance orders list` shows all"
        )
    return _order_view(row, delivery_counts(session, [order_id]).get(order_id, {}))


def delivery_counts(session: Session, order_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Deliveries by state, per order."""
    counts: dict[str, dict[str, int]] = {}
    query = (
        select(DeliveryRow.order_id, DeliveryRow.state, func.count())
        .where(col(DeliveryRow.order_id).in_(order_ids))
        .group_by(col(DeliveryRow.order_id), col(DeliveryRow.state))
    )
    for order_id, state, count in session.exec(query):
        counts.setdefault(order_id, {})[state] = count
    return counts


def list_deliveries(
    session: Session,
    *,
    order_id: str | None = None,
    meter: str | None = None,
    state: str | None = None,
    limit: int = 100_000,
) -> list[DeliveryView]:
    """Deliveries, the latest order first; only those that match."""
    query = select(DeliveryRow, OrderRow).join(OrderRow, col(OrderRow.id) == col(DeliveryRow.order_id))
    wanted = ((DeliveryRow.order_id, order_id), (DeliveryRow.meter, meter), (DeliveryRow.state, state))
    for column, value in wanted:
        if value is not None:
            query = query.where(col(column) == value)
    rows = session.exec(
        query.order_by(col(OrderRow.created_ms).desc(), col(OrderRow.id).desc(), DeliveryRow.meter).limit(
            limit
        )
    )
    return [
        _view(row, DeliveryView, kind=order.kind, object=order.object, rev=order.rev) for row, order in rows
    ]


def order_progress(session: Session, order_id: str) -> Progress:
    """How far an order has come, by meter: stored, sent, refused, unknown."""
    query = (
        select(DeliveryRow.state, LinkRow.state, func.count())
        .join(MeterRow, col(MeterRow.id) == col(DeliveryRow.meter))
        .join(LinkRow, col(LinkRow.id) == col(MeterRow.link))
        .where(DeliveryRow.order_id == order_id)
        .group_by(col(DeliveryRow.state), col(LinkRow.state))
    )
    reached: list[tuple[Reach, int]] = [
        (reach_of(DeliveryState(state), link_online=link == _ONLINE), count)
        for state, link, count in session.exec(query)
    ]
    return progress(reached)


def list_holds(session: Session) -> list[HoldView]:
    """Holds of which any order is active, by name; the fleet's join is shown, not a household's."""
    found: dict[str, list[OrderRow]] = {}
    for row in _hold_rows(session):
        found.setdefault(row.object, []).append(row)
    return [_hold_view(session, name, rows) for name, rows in sorted(found.items())]


def show_hold(session: Session, name: str) -> HoldView:
    """The hold `hold/NAME`. Raises InputError where no order of it is active."""
    rows = [row for row in _hold_rows(session) if row.object == f"hold/{name}"]
    if not rows:
        raise InputError(f"hold {quoted(name)}: none is in force; `relance moratorium list` shows all")
    return _hold_view(session, f"hold/{name}", rows)


def lease_status(session: Session, meter: str | None = None) -> list[LeaseView]:
    """Per meter the lease that is in force for it, and the one it says it holds."""
    leases = select(OrderRow.id).where(OrderRow.kind == Kind.LEASE, OrderRow.state == OrderState.ACTIVE)
    documents = {
        row_id: (rev, ends_ms)
        for row_id, rev, ends_ms in session.exec(
            select(OrderRow.id, OrderRow.rev, OrderRow.not_after_ms).where(col(OrderRow.id).in_(leases))
        )
    }
    given = select(DeliveryRow.meter, DeliveryRow.order_id, DeliveryRow.state).where(
        col(DeliveryRow.order_id).in_(leases)
    )
    query = select(MeterRow.id, MeterRow.lease_rev, MeterRow.lease_ends_ms).order_by(MeterRow.id)
    if meter is not None:
        given, query = given.where(DeliveryRow.meter == meter), query.where(MeterRow.id == meter)
    latest: dict[str, tuple[int, str, str]] = {}
    for name, order_id, state in session.exec(given):
        latest[name] = max(latest.get(name, (0, "", "")), (documents[order_id][0], order_id, state))
    views: list[LeaseView] = []
    for name, held_rev, held_ends_ms in session.exec(query):
        rev, order_id, state = latest.get(name, (0, "", ""))
        views.append(
            LeaseView(
                meter=name,
                order_id=order_id or None,
                rev=rev,
                state=state or None,
                ends_ms=documents[order_id][1] if order_id else None,
                held_rev=held_rev,
                held_ends_ms=held_ends_ms,
            )
        )
    return views


def _hold_rows(session: Session) -> Sequence[OrderRow]:
    kinds = (Kind.HOLD, Kind.SHORTEN_HOLD, Kind.LIFT_HOLD)
    query = select(OrderRow).where(col(OrderRow.kind).in_(kinds), OrderRow.state == OrderState.ACTIVE)
    return session.exec(query.order_by(col(OrderRow.rev))).all()


def _hold_view(session: Session, name: str, rows: Sequence[OrderRow]) -> HoldView:
    orders = [order_of(row) for row in rows]
    protection = NOTHING
    for order in orders:
        joined = join_order(protection, order)
        protection = protection if isinstance(joined, Refusal) else joined
    force = in_force(protection)
    return HoldView(
        name=name.removeprefix("hold/"),
        from_ms=None if force is None else force[0],
        until_ms=None if force is None else force[1],
        revs=tuple(order.rev for order in orders),
        order_id=orders[-1].id,
        fleet=any(order.scope.fleet for order in orders),
        progress=order_progress(session, orders[-1].id),
    )


def _meter_view(
    row: MeterRow,
    online: bool,  # noqa: FBT001 # a column of the row beside it
    witnesses: tuple[WitnessView, ...],
) -> MeterView:
    return _view(row, MeterView, online=online, witnesses=witnesses)


def _order_view(row: OrderRow, counts: dict[str, int]) -> OrderView:
    scope = msgspec.json.decode(row.scope, type=Scope)
    return _view(row, OrderView, scope=scope, deliveries=counts)


def _view(row: object, view: type[V], **known: Any) -> V:  # noqa: ANN401 # of whatever type the view says
    """The columns of a row that a view has; `known` are those that come from elsewhere."""
    names = [name for name in view.__struct_fields__ if name not in known and hasattr(row, name)]
    return view(**{name: getattr(row, name) for name in names}, **known)
