"""Whether meters paid back what two people have ordered: no cent more, and no less than they confirmed."""

from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.damage import read_column
from controller.database.tables import DeliveryRow, MeterRow, OrderRow
from controller.orders.life import DeliveryState
from controller.orders.store import order_of
from controller.refunds.acts import ordered_ueur, read_account
from protocols.documents.bodies import RefundBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import body_of
from protocols.units import QUANTA_PER_UEUR


class RefundFinding(Struct, frozen=True, kw_only=True):
    """A meter whose account paid back `refunded_ueur`; it must be from `taken_ueur` to `ordered_ueur`.

    `taken_ueur`: what it has confirmed before its last report; `ordered_ueur`: all that is ordered.
    """

    meter: str
    refunded_ueur: int
    taken_ueur: int
    ordered_ueur: int


def verify_refunds(session: Session) -> list[RefundFinding]:
    """The meters whose account has paid back more than is ordered, or less than they have confirmed."""
    taken = _taken_ueur(session)
    rows = session.exec(
        select(MeterRow.id, MeterRow.account).where(col(MeterRow.account).is_not(None)).order_by(MeterRow.id)
    )
    found = []
    for meter, column in rows:
        assert column is not None
        account = read_column(read_account, column, "meter", meter, "account")
        refunded_ueur, least_ueur = int(account.refunded_q) // QUANTA_PER_UEUR, taken.get(meter, 0)
        if not refunded_ueur and not least_ueur:
            continue
        most_ueur = max(ordered_ueur(session, meter), least_ueur)
        if not least_ueur <= refunded_ueur <= most_ueur:
            found.append(
                RefundFinding(
                    meter=meter, refunded_ueur=refunded_ueur, taken_ueur=least_ueur, ordered_ueur=most_ueur
                )
            )
    return found


def _taken_ueur(session: Session) -> dict[str, int]:
    """What each meter has confirmed to have paid back in all, before its last report."""
    query = (
        select(DeliveryRow.meter, OrderRow)
        .join(OrderRow, col(OrderRow.id) == col(DeliveryRow.order_id))
        .join(MeterRow, col(MeterRow.id) == col(DeliveryRow.meter))
        .where(
            OrderRow.kind == Kind.REFUND,
            DeliveryRow.state == DeliveryState.EFFECTIVE,
            # A report that came before the receipt may be older than what the receipt says.
            col(DeliveryRow.effective_ms) < col(MeterRow.reported_ms),
        )
    )
    found: dict[str, int] = {}
    for meter, order in session.exec(query):
        total_ueur = body_of(order_of(order), RefundBody).total_ueur
        found[meter] = max(found.get(meter, 0), total_ueur)
    return found
