"""Orders and deliveries, listed and counted, as plain values that outlive their session. Reads only."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, and_, func, or_, tuple_
from sqlmodel import Session, col, select

from controller.database.damage import read_column
from controller.database.lookup import existing
from controller.database.rows import view_of
from controller.database.tables import DeliveryRow, LinkRow, MeterRow, OrderRow
from controller.meters.registry import BY_CARD, LinkState
from controller.meters.retired import in_fleet
from controller.orders.choosing import orders_where
from controller.orders.deliveries import state_of
from controller.orders.progress import Progress, Reach, progress, reach_of
from controller.query.rules import Condition
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Scope

# Orders are numbered as they are made. The clock may have been wrong then, so it does not sort them; a longer
# number is a later one.
_IN_SEQUENCE: Final = tuple_(func.length(col(OrderRow.id)), col(OrderRow.id))
_NEWEST_FIRST: Final = (func.length(col(OrderRow.id)).desc(), col(OrderRow.id).desc())


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


class OrderFilter(Struct, frozen=True, kw_only=True):
    """Which orders a list shows; None: whatever it is. `meter`: only orders with a delivery to it.

    `object`: its name, or `release/PERSON` for all releases of a person, whatever key numbers them. Leases
    are shown only where they are asked for: by `leases`, by their kind, or by the name of one.
    `query`: over `choosing.ORDER_FIELDS`.
    """

    state: str | None = None
    kind: str | None = None
    object: str | None = None
    meter: str | None = None
    leases: bool = False
    query: Condition | None = None


class OrderPage(Struct, frozen=True, kw_only=True):
    """Some of the orders that match. `more`: how many older ones are not among them.

    `leases_hidden`: how many leases match too, and are not counted in `more`.
    """

    orders: tuple[OrderView, ...]
    more: int
    leases_hidden: int


class DeliveryView(Struct, frozen=True, kw_only=True):
    """The delivery of an order to one meter."""

    order_id: str
    kind: str
    object: str
    rev: int
    created_by: str
    meter: str
    state: str
    attempts: int
    queued_ms: int
    sent_ms: int | None
    stored_ms: int | None
    effective_ms: int | None
    closed_ms: int | None
    reason: str


def list_orders(session: Session, wanted: OrderFilter, *, before: str | None = None, limit: int) -> OrderPage:
    """One page of the orders that match, the latest first; `before`: only orders older than this one.

    Raises RefusedError where the meter of the filter, or the order `before`, is not known.
    """
    if wanted.meter is not None:
        existing(session, MeterRow, wanted.meter)
    matching = _conditions(wanted)
    if before is not None:
        existing(session, OrderRow, before)
        matching.append(tuple_(len(before), before) > _IN_SEQUENCE)
    shown = matching if _with_leases(wanted) else [*matching, col(OrderRow.kind) != Kind.LEASE]
    rows = session.exec(select(OrderRow).where(*shown).order_by(*_NEWEST_FIRST).limit(limit)).all()
    counts = delivery_counts(session, [row.id for row in rows])
    found = _count(session, shown)
    return OrderPage(
        orders=tuple(_order_view(row, counts.get(row.id, {})) for row in rows),
        more=found - len(rows),
        leases_hidden=_count(session, matching) - found,
    )


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
    limit: int | None = None,
) -> list[DeliveryView]:
    """Deliveries, the latest order first; only those that match. `limit` None: all of them."""
    query = select(DeliveryRow, OrderRow).join(OrderRow, col(OrderRow.id) == col(DeliveryRow.order_id))
    wanted = ((DeliveryRow.order_id, order_id), (DeliveryRow.meter, meter), (DeliveryRow.state, state))
    for column, value in wanted:
        if value is not None:
            query = query.where(col(column) == value)
    rows = session.exec(query.order_by(*_NEWEST_FIRST, col(DeliveryRow.meter)).limit(limit))
    return [
        view_of(
            row,
            DeliveryView,
            kind=order.kind,
            object=order.object,
            rev=order.rev,
            created_by=order.created_by,
        )
        for row, order in rows
    ]


def count_deliveries(session: Session, meter: str) -> int:
    """How many orders have a delivery to this meter."""
    query = select(func.count()).select_from(DeliveryRow).where(DeliveryRow.meter == meter)
    return session.exec(query).one()


def order_progress(session: Session, order_id: str, *, by_card: bool = False) -> Progress:
    """How many meters an order has reached: stored, sent, refused, unknown.

    `by_card`: only those among them that nothing but cards reaches.
    """
    query = (
        select(DeliveryRow.state, LinkRow.state, func.count())
        .join(MeterRow, col(MeterRow.id) == col(DeliveryRow.meter))
        .join(LinkRow, col(LinkRow.id) == col(MeterRow.link))
        .where(DeliveryRow.order_id == order_id, in_fleet())
        .group_by(col(DeliveryRow.state), col(LinkRow.state))
    )
    if by_card:
        query = query.where(MeterRow.link == BY_CARD)
    reached: list[tuple[Reach, int]] = [
        (reach_of(state_of(state, order_id), link_online=link == LinkState.ONLINE), count)
        for state, link, count in session.exec(query)
    ]
    return progress(reached)


_scopes: msgspec.json.Decoder[Scope] = msgspec.json.Decoder(Scope)


def _conditions(wanted: OrderFilter) -> list[ColumnElement[bool]]:
    columns = ((OrderRow.state, wanted.state), (OrderRow.kind, wanted.kind))
    found = [col(column) == value for column, value in columns if value is not None]
    if wanted.object is not None:
        found.append(_is_called(wanted.object))
    if wanted.meter is not None:
        delivered = select(DeliveryRow.order_id).where(DeliveryRow.meter == wanted.meter)
        found.append(col(OrderRow.id).in_(delivered))
    if wanted.query is not None:
        found.append(orders_where(wanted.query))
    return found


def _is_called(name: str) -> ColumnElement[bool]:
    """Orders of the object of this name, or the releases of a person: they are listed as `release/anna`."""
    prefix, _, person = name.partition("/")
    called = col(OrderRow.object) == name
    if prefix != KINDS[Kind.RELEASE].prefix:
        return called
    return or_(called, and_(col(OrderRow.kind) == Kind.RELEASE, col(OrderRow.created_by) == person))


def _with_leases(wanted: OrderFilter) -> bool:
    named = (wanted.object or "").startswith(f"{KINDS[Kind.LEASE].prefix}/")
    return wanted.leases or named or wanted.kind == Kind.LEASE


def _count(session: Session, conditions: Sequence[ColumnElement[bool]]) -> int:
    return session.exec(select(func.count()).select_from(OrderRow).where(*conditions)).one()


def _order_view(row: OrderRow, counts: dict[str, int]) -> OrderView:
    scope = read_column(_scopes.decode, row.scope, "signed_order", row.id, "scope")
    return view_of(row, OrderView, scope=scope, deliveries=counts)
