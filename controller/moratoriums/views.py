"""Holds as their orders make them, and how many meters each has reached. Reads only."""

from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.tables import OrderRow
from controller.meters.behind import count_expected
from controller.meters.grouped import is_inside
from controller.orders.life import OrderState
from controller.orders.numbering import numbers_not_given
from controller.orders.on_cards import LeasedBefore, count_on_cards, leased_before
from controller.orders.progress import Progress
from controller.orders.reaching import count_strangers
from controller.orders.store import order_of
from controller.orders.views import order_progress
from controller.orders.voids import ended_by_void
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import NOTHING, in_force
from protocols.documents.orders import Order
from protocols.documents.protecting import join_order
from protocols.reasons import Refusal


class HoldView(Struct, frozen=True, kw_only=True):
    """A hold, joined from its orders. `from_ms`, `until_ms` None: lifted. `progress`: of its latest order.

    `order_id`: its latest order; of a hold that a void has lifted, the void. Then `voided` is true. `group`:
    for which group it is; None: for the fleet, or for named meters. `basis`: the ground that order gives.
    `by_card`: the part of `progress` that is of meters which only cards reach.
    `never_spoken`: households that it means whose meter has never spoken: unknown, and not in `progress`.
    `on_cards`: of the unknown ones in `progress`, those for whose card a kiosk keeps the order.
    `leased`: meters on cards that a lease from before it may still permit to be cut.
    `strangers`: meters that have stored it and are not known to belong to the group.
    """

    name: str
    from_ms: int | None
    until_ms: int | None
    revs: tuple[int, ...]
    order_id: str
    fleet: bool
    group: str | None = None
    basis: str = ""
    progress: Progress
    by_card: Progress
    never_spoken: int = 0
    on_cards: int = 0
    leased: LeasedBefore = LeasedBefore()
    strangers: int = 0
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
            by_card=order_progress(session, voids[row.id], by_card=True),
            voided=True,
        )


def _hold_view(session: Session, name: str, rows: Sequence[OrderRow]) -> HoldView:
    orders = [order_of(row) for row in rows]
    protection = NOTHING
    for order in orders:
        joined = join_order(protection, order)
        protection = protection if isinstance(joined, Refusal) else joined
    force = in_force(protection)
    # What was carried over to one meter says little of how far a hold for many has come.
    latest = next((each for each in reversed(orders) if not each.scope.meters), orders[-1])
    groups = {each.scope.group for each in orders if each.scope.group}
    fleet = any(each.scope.fleet for each in orders)
    group = groups.pop() if len(groups) == 1 and not fleet else None
    return HoldView(
        name=name.removeprefix("hold/"),
        from_ms=None if force is None else force.from_ms,
        until_ms=None if force is None else force.until_ms,
        revs=tuple(order.rev for order in orders),
        order_id=latest.id,
        fleet=fleet,
        group=group,
        basis=latest.basis,
        progress=order_progress(session, latest.id),
        by_card=order_progress(session, latest.id, by_card=True),
        never_spoken=0 if force is None else _never_spoken(session, latest),
        on_cards=count_on_cards(session, latest),
        leased=LeasedBefore() if force is None else leased_before(session, latest, _created_ms(rows, latest)),
        strangers=0 if group is None else count_strangers(session, latest),
    )


def _created_ms(rows: Sequence[OrderRow], order: Order) -> int:
    return next(row.created_ms for row in rows if row.id == order.id)


def _never_spoken(session: Session, order: Order) -> int:
    if order.scope.meters:
        return 0
    return count_expected(session, [is_inside(order.scope.group)] if order.scope.group else [])
