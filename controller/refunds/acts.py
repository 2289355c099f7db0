"""Pays money back out of a purse: a statement of all refunds of a meter; two people sign (design §4.3)."""

from sqlmodel import col, select

from controller.database.tables import OrderRow
from controller.orders.acting import Act
from controller.orders.life import OrderState
from controller.orders.status import OrderStatus
from controller.orders.store import order_of
from protocols.documents.bodies import RefundBody
from protocols.documents.drafting import object_of, refund
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import body_of
from protocols.errors import RefusedError


def refund_out_of(act: Act, meter: str, amount_ueur: int) -> OrderStatus:
    """Refund an amount beside all that was refunded before: a draft, until a second person has signed.

    The total is that of the last refund of this meter that nobody has withdrawn. Raises RefusedError while
    one waits for its second signature: it may be withdrawn, and its amount with it.
    """
    query = (
        select(OrderRow)
        .where(OrderRow.object == object_of(Kind.REFUND, meter))
        .where(col(OrderRow.state) != OrderState.WITHDRAWN)
    )
    before = [(row, body_of(order_of(row), RefundBody).total_ueur) for row in act.session.exec(query)]
    waiting = [row.id for row, _ in before if row.state == OrderState.DRAFT]
    if waiting:
        raise RefusedError(f"refund {waiting[0]} of {meter} waits for a signature; allowed: one at a time")
    total_ueur = amount_ueur + max((total for _, total in before), default=0)
    return act.submit(refund(act.sheet(Kind.REFUND, meter), meter, total_ueur))
