"""What proves that an order has reached its meter, and that it works there (design §5).

*Stored* is a receipt, or an authentic sync that shows the order. *Effective* is more: the meter's receipt
that names the digest of this very document, and a report of the meter that was made after that receipt. A
payment is effective when the meter's own totals include it. An older firmware names no digest and no totals:
its orders are stored, and never effective.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, exists, or_
from sqlmodel import Session, col, select

from controller.database.bulk import in_batches
from controller.database.tables import DeliveryRow, MeterRow, OrderRow, PaymentRow
from controller.orders import deliveries
from controller.orders.life import DeliveryEvent, DeliveryState, reads_back
from protocols.documents.kind_rule import Kind
from protocols.link.messages import Receipt, StatementHeld
from protocols.reasons import OrderVerdict, Supply

# Deliveries that the meter's totals can still move; an order that is over stays as it ended.
_UNCREDITED: Final = (
    DeliveryState.QUEUED,
    DeliveryState.SENT,
    DeliveryState.STORED,
    DeliveryState.REFUSED,
    DeliveryState.TIMED_OUT,
)


class Told(Struct, frozen=True):
    """Receipts, sorted. `proofs`: the accepted ones that name the digest of our order.

    `of_others`: how many name another document that has the id of our order.
    """

    of_our_orders: tuple[Receipt, ...]
    proofs: tuple[Receipt, ...]
    of_others: int


def told_by(session: Session, receipts: Sequence[Receipt]) -> Told:
    """What these receipts say of our orders."""
    digests: dict[str, str] = {}
    for batch in in_batches({receipt.order for receipt in receipts}):
        query = select(OrderRow.id, OrderRow.digest).where(col(OrderRow.id).in_(batch))
        digests |= dict(iter(session.exec(query)))
    ours = tuple(
        each for each in receipts if not each.document or digests.get(each.order) in {None, each.document}
    )
    proofs = tuple(
        each
        for each in ours
        if each.document and each.order in digests and each.verdict is OrderVerdict.ACCEPTED
    )
    return Told(ours, proofs, len(receipts) - len(ours))


def credit(session: Session, totals: Mapping[str, Sequence[StatementHeld]], now_ms: int) -> None:
    """Mark payments as effective that the meters' own totals include."""
    held = {
        (name, each.issuer, each.epoch): each.total_ueur for name, found in totals.items() for each in found
    }
    paid: list[tuple[str, str]] = []
    for batch in in_batches(totals):
        query = (
            select(PaymentRow)
            .join(DeliveryRow, col(DeliveryRow.order_id) == col(PaymentRow.order_id))
            .where(col(PaymentRow.meter).in_(batch), col(DeliveryRow.state).in_(_UNCREDITED))
        )
        paid += [
            (each.order_id, each.meter)
            for each in session.exec(query)
            if each.order_id is not None
            and held.get((each.meter, each.issuer, each.epoch), 0) >= each.total_ueur
        ]
    for order_id, meter in paid:
        for event in (DeliveryEvent.HELD, DeliveryEvent.READ_BACK):
            deliveries.step(session, event, now_ms, order_id=order_id, meters=[meter])


def read_back(session: Session, meters: Collection[str], now_ms: int) -> None:
    """Mark stored orders of these meters as effective where a report covers the receipt (design §5)."""
    for batch in in_batches(meters):
        where = [col(DeliveryRow.meter).in_(batch), _is_covered()]
        deliveries.step_where(session, DeliveryEvent.READ_BACK, now_ms, where)


@cache
def _is_covered() -> ColumnElement[bool]:
    """The condition that the meter's last report shows a delivery's order in effect; never a payment.

    Receipts and reports may overtake each other. The number of the receipt and the number of the black box in
    the report say which came first at the meter. Cached, since it is the same for every batch and SQLAlchemy
    takes half a millisecond to build it.
    """
    # `reads_back` is asked here for each pair of supply and kind, so that the UPDATE can decide for many
    # rows.
    proven = [
        and_(col(MeterRow.supply) == supply.value, col(OrderRow.kind).not_in(unproven))
        for supply in Supply
        for unproven in [[kind.value for kind in Kind if not reads_back(kind, supply)] + [Kind.PAYMENT]]
    ]
    return (
        exists()
        .where(col(MeterRow.id) == col(DeliveryRow.meter), col(OrderRow.id) == col(DeliveryRow.order_id))
        # Without a receipt that names the document there is no number, and NULL is never covered.
        .where(col(MeterRow.report_journal) >= col(DeliveryRow.receipt_number))
        .where(or_(*proven))
    )
