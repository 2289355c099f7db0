"""Orders on their way by card: a kiosk keeps them, and whoever has the card has not come yet.

A meter that only cards reach says by its next card what it has stored; until then nobody knows more than that
a kiosk holds the document ready.
"""

from collections.abc import Collection, Sequence
from typing import Final

from msgspec import Struct
from sqlmodel import Session, and_, col, func, select

from controller.database.bulk import in_batches
from controller.database.kiosk_tables import CardMeterRow, KioskDocumentRow
from controller.database.tables import DeliveryRow, MeterRow, OrderRow
from controller.meters.registry import BY_CARD
from controller.meters.retired import in_fleet
from controller.orders.deliveries import state_of
from controller.orders.life import HELD_DELIVERIES, DeliveryState
from controller.orders.progress import Reach, reach_of
from protocols.documents.kind_rule import Joins, Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order

# Of a document that is to go there no more only the name is kept.
_GONE: Final = ""


class LeasedBefore(Struct, frozen=True):
    """Meters whose card may still bring a lease that does not name an order. `until_ms`: its last end."""

    meters: int = 0
    until_ms: int | None = None


def document_name(order: Order) -> str:
    """Under which name kiosks keep an order: of what only the latest counts one goes, else each."""
    return order.object if KINDS[order.kind].joins is Joins.LATEST else f"{order.object}/{order.id}"


def count_on_cards(session: Session, order: Order) -> int:
    """How many meters that only cards reach have this order waiting where their card was seen last.

    Only those that `orders.views.order_progress` counts as unknown: a receipt by card says that it is stored.
    """
    kept = and_(
        col(KioskDocumentRow.kiosk) == CardMeterRow.kiosk,
        col(KioskDocumentRow.meter) == CardMeterRow.meter,
        col(KioskDocumentRow.object) == document_name(order),
        col(KioskDocumentRow.digest) != _GONE,
    )
    query = (
        select(DeliveryRow.state, func.count())
        .join(MeterRow, col(MeterRow.id) == col(DeliveryRow.meter))
        .join(CardMeterRow, col(CardMeterRow.meter) == col(DeliveryRow.meter))
        .join(KioskDocumentRow, kept)
        .where(DeliveryRow.order_id == order.id, MeterRow.link == BY_CARD, in_fleet())
        .group_by(col(DeliveryRow.state))
    )
    return sum(
        count
        for state, count in session.exec(query)
        if reach_of(state_of(state, order.id), link_online=False) is Reach.UNKNOWN
    )


def only_cards_reach(
    session: Session, order_ids: Sequence[str], over: Collection[DeliveryState]
) -> tuple[str, ...]:
    """The meters on cards whose delivery of one of these orders is in none of the states `over`, in order."""
    found: set[str] = set()
    for batch in in_batches(order_ids):
        query = (
            select(DeliveryRow.meter)
            .join(MeterRow, col(MeterRow.id) == col(DeliveryRow.meter))
            .where(
                col(DeliveryRow.order_id).in_(batch),
                col(DeliveryRow.state).not_in(over),
                MeterRow.link == BY_CARD,
                in_fleet(),
            )
        )
        found.update(session.exec(query))
    return tuple(sorted(found))


def leased_before(session: Session, order: Order, created_ms: int) -> LeasedBefore:
    """The meters on cards that have not stored a protecting order, and were given a lease before it.

    Such a lease may lie on a card at home, or in the meter. It permits cuts until its end, or until a later
    visit of the card brings the order, whichever comes first.
    """
    held = select(DeliveryRow.meter).where(
        DeliveryRow.order_id == order.id, col(DeliveryRow.state).in_(HELD_DELIVERIES)
    )
    query = (
        select(func.count(func.distinct(col(DeliveryRow.meter))), func.max(OrderRow.not_after_ms))
        .join(OrderRow, col(OrderRow.id) == col(DeliveryRow.order_id))
        .join(MeterRow, col(MeterRow.id) == col(DeliveryRow.meter))
        .where(
            OrderRow.kind == Kind.LEASE,
            OrderRow.created_ms <= created_ms,
            col(OrderRow.not_after_ms) > created_ms,
            col(DeliveryRow.state) != DeliveryState.REFUSED,
            col(DeliveryRow.meter).not_in(held),
            MeterRow.link == BY_CARD,
            in_fleet(),
        )
    )
    if order.scope.meters:
        query = query.where(col(DeliveryRow.meter).in_(order.scope.meters))
    elif order.scope.group:
        given = select(DeliveryRow.meter).where(DeliveryRow.order_id == order.id)
        query = query.where(col(DeliveryRow.meter).in_(given))
    count, until_ms = session.exec(query).one()
    return LeasedBefore(count, until_ms)
