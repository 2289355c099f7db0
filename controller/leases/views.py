"""For each meter the lease that it was sent, and the lease that it says it holds. Reads only."""

from collections.abc import Sequence

from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.tables import DeliveryRow, MeterRow, OrderRow
from controller.meters.retired import in_fleet
from controller.orders.active import standing_orders
from controller.orders.life import ActiveOrder, OrderState
from controller.orders.standing import standing_of
from protocols.documents.kind_rule import Kind


class LeaseView(Struct, frozen=True, kw_only=True):
    """The active lease of a meter, and the one it holds. `order_id` None: no lease is active for it.

    `forbidden_by`: the orders in force that forbid every cut now, whatever the lease permits; asked only of a
    meter whose lease is in force.
    """

    meter: str
    order_id: str | None
    rev: int
    state: str | None
    ends_ms: int | None
    held_rev: int
    held_ends_ms: int
    forbidden_by: tuple[str, ...] = ()

    def cuts(self, now_ms: int) -> bool:
        """Whether it may cut inside its windows, as far as orders say."""
        return self.held_ends_ms > now_ms and not self.forbidden_by


def lease_status(session: Session, now_ms: int, meter: str | None = None) -> list[LeaseView]:
    """For each meter, or the one named, the active lease and the lease that it says it holds."""
    leases = select(OrderRow.id).where(OrderRow.kind == Kind.LEASE, OrderRow.state == OrderState.ACTIVE)
    documents = {
        row_id: (rev, ends_ms)
        for row_id, rev, ends_ms in session.exec(
            select(OrderRow.id, OrderRow.rev, OrderRow.not_after_ms).where(col(OrderRow.id).in_(leases))
        )
    }
    given = select(DeliveryRow.meter, DeliveryRow.order_id, DeliveryRow.state).where(
        col(DeliveryRow.order_id).in_(leases)
    )
    held = select(MeterRow.id, MeterRow.lease_rev, MeterRow.lease_ends_ms)
    query = held.where(in_fleet()).order_by(MeterRow.id)
    if meter is not None:
        given, query = given.where(DeliveryRow.meter == meter), query.where(MeterRow.id == meter)
    latest: dict[str, tuple[int, str, str]] = {}
    for name, order_id, state in session.exec(given):
        latest[name] = max(latest.get(name, (0, "", "")), (documents[order_id][0], order_id, state))
    views: list[LeaseView] = []
    rows = session.exec(query).all()
    standing = standing_orders(session, [name for name, _, ends_ms in rows if ends_ms > now_ms])
    for name, held_rev, held_ends_ms in rows:
        rev, order_id, state = latest.get(name, (0, "", ""))
        views.append(
            LeaseView(
                meter=name,
                order_id=order_id or None,
                rev=rev,
                state=state or None,
                ends_ms=documents[order_id][1] if order_id else None,
                held_rev=held_rev,
                held_ends_ms=held_ends_ms,
                forbidden_by=_forbidding(standing.get(name, ()), now_ms),
            )
        )
    return views


def _forbidding(active: Sequence[ActiveOrder], now_ms: int) -> tuple[str, ...]:
    standing = standing_of(active, now_ms)
    found = [each.name for each in standing.forbidding if each.from_ms <= now_ms < each.until_ms]
    return (*found, *([] if standing.release is None else ["release"]))
