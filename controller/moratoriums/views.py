"""Holds as their orders make them, and how many meters each has reached. Reads only."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.tables import OrderRow
from controller.orders.life import OrderState
from controller.orders.numbering import numbers_not_given
from controller.orders.progress import Progress
from controller.orders.store import order_of
from controller.orders.views import order_progress
from controller.orders.voids import ended_by_void
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import NOTHING, in_force
from protocols.documents.protecting import join_order
from protocols.reasons import Refusal


class HoldView(Struct, frozen=True, kw_only=True):
    """A hold, joined from its orders. `from_ms`, `until_ms` None: lifted. `progress`: of its latest order.

    `order_id`: its latest order; of a hold that a void has lifted, the void. Then `voided` is true.
    """

    name: str
    from_ms: int | None
    until_ms: int | None
    revs: tuple[int, ...]
    order_id: str
    fleet: bool
    progress: Progress
    voided: bool = False


def list_holds(session: Session) -> list[HoldView]:
    """Holds with an active order, or that a void has lifted, by name.

    All orders of a hold are joined, whichever meters they address.
    """
    found: dict[str, list[OrderRow]] = {}
    for row in _hold_rows(session):
        found.setdefault(row.object, []).append(row)
    views = [_hold_view(session, name, rows) for name, rows in found.items()]
    return sorted((*views, *_voided(session, found)), key=lambda view: view.name)


class ForgottenHold(Struct, frozen=True, kw_only=True):
    """A hold that meters know by a number above all that this store has given. `number`: the highest."""

    name: str
    meters: int
    number: int


def list_forgotten(session: Session) -> list[ForgottenHold]:
    """What meters were told of holds, and this store does not know: declared or lifted before a restore."""
    return [
        ForgottenHold(name=name, meters=len(numbers), number=numbers[-1])
        for name, numbers in numbers_not_given(session, Kind.HOLD).items()
    ]


class InForce(NamedTuple):
    """When a hold forbids cuts: `[from_ms, until_ms)`."""

    from_ms: int
    until_ms: int


def hold_in_force(session: Session, name: str) -> InForce | None:
    """The interval of a hold by name; None where it was lifted, has expired or never was."""
    for hold in list_holds(session):
        if hold.name == name and hold.from_ms is not None and hold.until_ms is not None:
            return InForce(hold.from_ms, hold.until_ms)
    return None


def _hold_rows(session: Session) -> Sequence[OrderRow]:
    kinds = (Kind.HOLD, Kind.SHORTEN_HOLD, Kind.LIFT_HOLD)
    query = select(OrderRow).where(col(OrderRow.kind).in_(kinds), OrderRow.state == OrderState.ACTIVE)
    return session.exec(query.order_by(col(OrderRow.rev))).all()


def _voided(session: Session, standing: Collection[str]) -> Iterator[HoldView]:
    """Holds of which nothing stands, since two people have voided the key that had signed it."""
    query = select(OrderRow).where(OrderRow.kind == Kind.HOLD, OrderRow.state == OrderState.SUPERSEDED)
    rows = [row for row in session.exec(query.order_by(col(OrderRow.rev))) if row.object not in standing]
    voids = ended_by_void(session, rows)
    last = {row.object: row for row in rows if row.id in voids}
    for name, row in last.items():
        yield HoldView(
            name=name.removeprefix("hold/"),
            from_ms=None,
            until_ms=None,
            revs=(row.rev,),
            order_id=voids[row.id],
            fleet=order_of(row).scope.fleet,
            progress=order_progress(session, voids[row.id]),
            voided=True,
        )


def _hold_view(session: Session, name: str, rows: Sequence[OrderRow]) -> HoldView:
    orders = [order_of(row) for row in rows]
    protection = NOTHING
    for order in orders:
        joined = join_order(protection, order)
        protection = protection if isinstance(joined, Refusal) else joined
    force = in_force(protection)
    return HoldView(
        name=name.removeprefix("hold/"),
        from_ms=None if force is None else force.from_ms,
        until_ms=None if force is None else force.until_ms,
        revs=tuple(order.rev for order in orders),
        order_id=orders[-1].id,
        fleet=any(order.scope.fleet for order in orders),
        progress=order_progress(session, orders[-1].id),
    )
