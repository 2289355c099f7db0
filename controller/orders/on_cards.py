"""Orders on their way by card: a kiosk keeps them, and whoever has the card has not come yet.

A meter that only cards reach says by its next card what it has stored; until then nobody knows more than that
a kiosk holds the document ready.
"""

from typing import Final

from sqlmodel import Session, and_, col, func, select

from controller.database.kiosk_tables import CardMeterRow, KioskDocumentRow
from controller.database.tables import DeliveryRow, MeterRow
from controller.meters.registry import BY_CARD
from controller.meters.retired import in_fleet
from controller.orders.deliveries import state_of
from controller.orders.progress import Reach, reach_of
from protocols.documents.kind_rule import Joins
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order

# Of a document that is to go there no more only the name is kept.
_GONE: Final = ""


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
