"""The flags of households as their orders make them, and what only meters know of flags. Reads only."""

from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.tables import DeliveryRow, OrderRow
from controller.orders.life import OrderState
from controller.orders.numbering import numbers_not_given
from controller.orders.store import order_of
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import NOTHING, Protection, in_force
from protocols.documents.protecting import join_order
from protocols.reasons import Refusal


class FlagView(Struct, frozen=True, kw_only=True):
    """A flag that protects a household: since when, by which order, and the state of its delivery there."""

    meter: str
    flag: str
    from_ms: int
    order_id: str
    by: str
    basis: str
    delivery: str


class ForgottenFlag(Struct, frozen=True, kw_only=True):
    """A flag that meters know by a number above all that this store has given. `number`: the highest."""

    flag: str
    meters: int
    number: int


def list_flags(session: Session, meter: str | None = None) -> list[FlagView]:
    """The flags in force, by meter and flag; of one meter where it is named."""
    kinds = (Kind.SET_FLAG, Kind.CLEAR_FLAG)
    query = (
        select(OrderRow, DeliveryRow.meter, DeliveryRow.state)
        .join(DeliveryRow, col(DeliveryRow.order_id) == OrderRow.id)
        .where(col(OrderRow.kind).in_(kinds), OrderRow.state == OrderState.ACTIVE)
    )
    if meter is not None:
        query = query.where(DeliveryRow.meter == meter)
    held: dict[tuple[str, str], Protection] = {}
    latest: dict[tuple[str, str], tuple[OrderRow, str]] = {}
    for row, name, state in session.exec(query.order_by(col(OrderRow.rev))):
        key = name, row.object.removeprefix("flag/")
        joined = join_order(held.get(key, NOTHING), order_of(row))
        held[key] = held.get(key, NOTHING) if isinstance(joined, Refusal) else joined
        latest[key] = row, state
    return [_view(key, held[key], *latest[key]) for key in sorted(held) if in_force(held[key]) is not None]


def list_forgotten_flags(session: Session) -> list[ForgottenFlag]:
    """What meters were told of flags, and this store does not know: set or cleared before a restore."""
    return [
        ForgottenFlag(flag=flag, meters=len(numbers), number=numbers[-1])
        for flag, numbers in numbers_not_given(session, Kind.SET_FLAG).items()
    ]


def _view(key: tuple[str, str], held: Protection, row: OrderRow, state: str) -> FlagView:
    force = in_force(held)
    assert force is not None
    return FlagView(
        meter=key[0],
        flag=key[1],
        from_ms=force.from_ms,
        order_id=row.id,
        by=row.created_by,
        basis=row.basis,
        delivery=state,
    )
