"""How far the refund has come that a move has drafted: what is on the purse is told by it."""

from sqlmodel import Session, select

from controller.connections.moving import TenancyView
from controller.connections.rules import LeaversRefund, RefundStage
from controller.database.tables import DeliveryRow, OrderRow, RetiredRow
from controller.orders.deliveries import state_of
from controller.orders.life import HELD_DELIVERIES, DeliveryState, OrderState
from protocols.documents.drafting import object_of
from protocols.documents.kind_rule import Kind


def leavers_refund(session: Session, left: TenancyView) -> LeaversRefund | None:
    """The refund that the move has drafted, or that was drafted again for a meter in its place."""
    meter, at_ms, by = left.meter, left.recorded_ms, left.recorded_by
    found = None
    while (row := _drafted(session, meter, at_ms, by)) is not None:
        found = LeaversRefund(order=row.id, meter=meter, stage=_stage(session, row, meter))
        retired = session.get(RetiredRow, meter)
        if row.state != OrderState.WITHDRAWN or retired is None or retired.successor is None:
            break
        meter, at_ms, by = retired.successor, retired.at_ms, retired.by
    return found


def _drafted(session: Session, meter: str, at_ms: int, by: str) -> OrderRow | None:
    """The refund of this meter that one act of this person has drafted."""
    of_act = OrderRow.created_ms == at_ms, OrderRow.created_by == by
    query = select(OrderRow).where(OrderRow.object == object_of(Kind.REFUND, meter), *of_act)
    return session.exec(query).first()


def _stage(session: Session, row: OrderRow, meter: str) -> RefundStage:
    if row.state in {OrderState.DRAFT, OrderState.REHEARSED, OrderState.APPROVED}:
        return RefundStage.WAITS
    delivery = session.get(DeliveryRow, (row.id, meter))
    if row.state == OrderState.WITHDRAWN or delivery is None:
        return RefundStage.ENDED
    state = state_of(delivery.state, row.id, meter)
    # Superseded before its answer: the meter left the fleet, and the sum was taken off what went over.
    if state in {*HELD_DELIVERIES, DeliveryState.SUPERSEDED}:
        return RefundStage.OUT
    if state is DeliveryState.REFUSED:
        return RefundStage.REFUSED
    return RefundStage.ENDED if state is DeliveryState.EXPIRED else RefundStage.SENT
