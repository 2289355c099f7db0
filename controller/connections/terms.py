"""What two people have set of one meter: its debt, and its parameters, as the orders in force say."""

from collections.abc import Collection, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from sqlmodel import Session, col, func, select

from controller.database.tables import DeliveryRow, OrderRow, TenancyRow
from controller.orders.deliveries import state_of
from controller.orders.ending import orders_for_alone
from controller.orders.life import HELD_DELIVERIES, DeliveryState, OrderState
from controller.orders.store import order_of
from protocols.documents.bodies import DebtBody, ParametersBody
from protocols.documents.drafting import object_of
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, body_of
from protocols.documents.protecting import FLOORS
from protocols.reasons import PaymentMode

# The meter has it, or may still take it.
_COUNTS: Final = (*HELD_DELIVERIES, DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.TIMED_OUT)
_NEVER_LEFT: Final = (Kind.PAYMENT, Kind.REFUND, Kind.LEASE, Kind.CANCEL_CUT, *FLOORS)
_SENT: Final = (OrderState.ACTIVE, OrderState.EXPIRED, OrderState.SUPERSEDED)


class ParameterTerms(Struct, frozen=True):
    """A version of a meter's parameters with its values; None: as commissioned."""

    from_ms: int
    mode: PaymentMode | None
    groups: tuple[str, ...] | None


def debt_of(session: Session, meter: str, left_ms: int = 0) -> DebtBody | None:
    """The debt that was set last, and its terms; None: none was.

    `left_ms`: when a household left. A debt of before is the leaver's: nobody else pays a share of it.
    """
    order = last_of(session, Kind.DEBT, meter)
    if order is None:
        return None
    body = body_of(order, DebtBody)
    return replace(body, share_permille=0) if order.issued_at_ms < left_ms else body


def last_of(session: Session, kind: Kind, meter: str) -> Order | None:
    """The order of this kind that was made last, of those that the meter has or may still take."""
    orders = _orders_of(session, kind, meter)
    return orders[-1] if orders else None


def parameters_of(session: Session, meter: str, now_ms: int, left_ms: int = 0) -> list[ParameterTerms]:
    """The version in force now, and those that are to come after it; empty: as commissioned.

    `left_ms`: when a household left. A payment mode that was set before is the leaver's: without it.
    """
    versions: dict[int, ParameterTerms] = {0: ParameterTerms(0, None, None)}
    for order in _orders_of(session, Kind.PARAMETERS, meter):
        body = body_of(order, ParametersBody)
        values = ParameterTerms(body.from_ms, body.mode, body.groups)
        if body.back_to is not None:
            # A meter refuses to go back to a version that it does not hold.
            back = versions.get(body.back_to)
            if back is None:
                continue
            values = ParameterTerms(body.from_ms, back.mode, back.groups)
        if order.issued_at_ms < left_ms:
            values = replace(values, mode=None)
        versions[order.rev] = values
    found = [versions[rev] for rev in sorted(versions)]
    come = [place for place, each in enumerate(found) if each.from_ms <= now_ms]
    present, *to_come = found[come[-1] :]
    return [*([] if present.mode is None and present.groups is None else [present]), *to_come]


def last_left_ms(session: Session, meters: Collection[str]) -> int:
    """When the last household left one of these meters; 0: none has."""
    query = select(func.max(TenancyRow.until_ms)).where(col(TenancyRow.meter).in_(meters))
    return session.exec(query).one() or 0


def left_of(session: Session, meter: str) -> list[tuple[Kind, bool, str]]:
    """The orders for this meter alone that end when it leaves: the kind, whether it is active, and its name.

    Of the active ones not what the purse says (statements, refunds), nor leases, nor what takes away.
    """
    found = [
        (Kind(row.kind), row.state == OrderState.ACTIVE, row) for row in orders_for_alone(session, meter)
    ]
    return [
        (kind, active, f"{row.id} {row.object}")
        for kind, active, row in found
        if not (active and kind in _NEVER_LEFT)
    ]


def _orders_of(session: Session, kind: Kind, meter: str) -> Sequence[Order]:
    """The orders of this kind that the meter has or may still take, by their number."""
    query = (
        select(OrderRow, DeliveryRow.state)
        .join(DeliveryRow, col(DeliveryRow.order_id) == col(OrderRow.id))
        .where(
            OrderRow.object == object_of(kind, meter),
            OrderRow.kind == kind,
            DeliveryRow.meter == meter,
            col(OrderRow.state).in_(_SENT),
        )
        .order_by(col(OrderRow.rev))
    )
    return [order_of(row) for row, state in session.exec(query) if state_of(state, row.id, meter) in _COUNTS]
