"""What one meter is charged by: the tariff that it took last, and deferrals that are not over. Reads only."""

from typing import Final

from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.tables import DeliveryRow, OrderRow
from controller.orders.deliveries import state_of
from controller.orders.life import HELD_DELIVERIES, DeliveryState, OrderState
from controller.orders.store import order_of
from protocols.documents.bodies import DeferralBody, TariffBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, body_of

# A meter keeps what it has taken when the order ends, and may still take what is on its way.
_TAKEN_BEFORE: Final = (OrderState.EXPIRED, OrderState.SUPERSEDED)
_ON_THE_WAY: Final = (DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.TIMED_OUT)


class ChargeView(Struct, frozen=True, kw_only=True):
    """An order about what is charged.

    `unconfirmed`: the state of its delivery while the meter has not said that it has it.
    """

    order_id: str
    name: str
    rev: int
    body: TariffBody | DeferralBody
    unconfirmed: str | None


class Charges(Struct, frozen=True):
    """`tariff` None: as commissioned. `coming`: tariffs on their way. `deferrals`: not over yet."""

    tariff: ChargeView | None
    coming: tuple[ChargeView, ...]
    deferrals: tuple[ChargeView, ...]


def charges_of(session: Session, meter: str, now_ms: int) -> Charges:
    """What a meter is charged by, as the orders say that it has taken, or may still take."""
    tariffs = _taken(session, meter, Kind.TARIFF)
    held = [(stored_ms, view) for stored_ms, view in tariffs if view.unconfirmed is None]
    # A meter charges by the tariff that it took last, whatever its name.
    last = max(held, key=lambda each: (each[0], len(each[1].order_id), each[1].order_id), default=None)
    deferrals = {}
    for _, view in _taken(session, meter, Kind.DEFERRAL):
        if isinstance(view.body, DeferralBody):
            deferrals[view.name] = view
    return Charges(
        tariff=None if last is None else last[1],
        coming=tuple(view for _, view in tariffs if view.unconfirmed is not None),
        deferrals=tuple(
            view
            for view in deferrals.values()
            if isinstance(view.body, DeferralBody) and now_ms < view.body.until_ms
        ),
    )


def _taken(session: Session, meter: str, kind: Kind) -> list[tuple[int, ChargeView]]:
    """The orders of a kind that a meter holds or may still take, by revision, and when it stored each."""
    query = (
        select(OrderRow, DeliveryRow)
        .join(DeliveryRow, col(DeliveryRow.order_id) == col(OrderRow.id))
        .where(
            OrderRow.kind == kind,
            DeliveryRow.meter == meter,
            col(OrderRow.state).in_((OrderState.ACTIVE, *_TAKEN_BEFORE)),
        )
        .order_by(col(OrderRow.rev))
    )
    found = []
    for row, delivery in session.exec(query):
        state = state_of(delivery.state, row.id, meter)
        is_held = state in HELD_DELIVERIES
        if is_held or (row.state == OrderState.ACTIVE and state in _ON_THE_WAY):
            view = _view(order_of(row), None if is_held else state.value)
            found.append((delivery.stored_ms or 0, view))
    return found


def _view(order: Order, unconfirmed: str | None) -> ChargeView:
    body: TariffBody | DeferralBody = (
        body_of(order, TariffBody) if order.kind is Kind.TARIFF else body_of(order, DeferralBody)
    )
    return ChargeView(
        order_id=order.id,
        name=order.object.partition("/")[2],
        rev=order.rev,
        body=body,
        unconfirmed=unconfirmed,
    )
