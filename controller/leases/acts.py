"""Renews leases: daily, and at once when what they must name has changed (design §5).

It may run at any time and any number of times: it reads the store and issues what is missing.
"""

from typing import Final

from sqlmodel import Session, col, func, or_, select

from controller.database.tables import AuditRow, MeterRow, OrderRow, SettingRow
from controller.leases.rules import (
    LeaseHeld,
    demanding_root,
    due_leases,
    lease_held,
    lease_outnumbered,
    plan_leases,
)
from controller.meters.registry import BY_CARD
from controller.meters.retired import in_fleet
from controller.office import audit
from controller.office.audit import AuditAct
from controller.orders import store as orders
from controller.orders import voids
from controller.orders.acting import Act
from controller.orders.life import OrderState
from controller.orders.numbering import LEASE, numbers_known
from controller.orders.reaching import given
from controller.orders.standing import Signers
from protocols.documents import drafting
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.orders import Order
from protocols.documents.protecting import FLOORS, PROTECTING
from protocols.documents.roles import Root, root_allows
from protocols.errors import DocumentError

_WITHOUT_LEASE: Final = "leases/meters_without"


def renew_leases(act: Act) -> int:
    """Issue the leases that are due: daily, and at once when what they must name has changed.

    Returns how many orders were issued. Issues none where the root has expired: that ends all leases.
    """
    session, now_ms = act.session, act.now_ms
    if not root_allows(act.root, Role.LEASE, now_ms):
        return 0
    naming, signers = _naming_orders(session, act.root)
    if not any(order.kind is Kind.CUT_CALENDAR for order in naming):
        return 0
    links = dict(
        session.exec(select(MeterRow.id, MeterRow.link).where(in_fleet()).order_by(MeterRow.id)).all()
    )
    by_card = {meter for meter, link in links.items() if link == BY_CARD}
    plans, without = plan_leases(links, naming, now_ms, signers, given(session, naming), by_card)
    due = due_leases(demanding_root(plans, act.root.version), leases_held(session), now_ms)
    issued = 0
    for plan in due:
        sheet = act.sheet(Kind.LEASE, "fleet")
        order = drafting.lease(sheet, plan.meters, plan.calendar, plan.names, plan.life_ms)
        try:
            act.submit(order)
        except DocumentError:
            # The lease names more than a message holds. Without a lease these meters cut nobody.
            without += plan.meters
        else:
            issued += 1
    _record_without_lease(session, len(without), now_ms)
    return issued


def leases_held(session: Session) -> dict[str, LeaseHeld]:
    """What the latest lease for each meter says, whether the meter has received it or not."""
    query = select(OrderRow).where(OrderRow.kind == Kind.LEASE, OrderRow.state == OrderState.ACTIVE)
    known = numbers_known(session, LEASE)
    held: dict[str, LeaseHeld] = {}
    for row in session.exec(query.order_by(col(OrderRow.rev))):
        order = orders.order_of(row)
        said = lease_held(order)
        outnumbered = [meter for meter in order.scope.meters if known.get(meter, 0) >= row.rev]
        before = {meter: held.get(meter) for meter in outnumbered}
        held |= dict.fromkeys(order.scope.meters, said)
        held |= {meter: lease_outnumbered(said, before[meter]) for meter in outnumbered}
    return held


def upkeep_mark(session: Session) -> tuple[int, int, int]:
    """A value that changes with everything that leases depend on: equal marks mean the same plan."""
    acts = session.exec(select(func.max(AuditRow.number))).one()
    meters = session.exec(select(func.count()).select_from(MeterRow)).one()
    return acts or 0, meters, sum(numbers_known(session, LEASE).values())


def _record_without_lease(session: Session, meters: int, now_ms: int) -> None:
    """Record in the audit how many meters can have no lease, whenever that number changes."""
    row = session.get(SettingRow, _WITHOUT_LEASE) or SettingRow(name=_WITHOUT_LEASE, value="0")
    if row.value != str(meters):
        row.value = str(meters)
        session.add(row)
        audit.record(session, now_ms, audit.SERVICE, AuditAct.LEASE_IMPOSSIBLE, "lease/fleet", meters=meters)


def _naming_orders(session: Session, root: Root) -> tuple[list[Order], Signers]:
    """Active calendars and protecting orders, and who signed each. A floor counts though it has expired."""
    active = (Kind.CUT_CALENDAR, *PROTECTING, *FLOORS)
    query = select(OrderRow).where(
        or_(
            (col(OrderRow.state) == OrderState.ACTIVE) & col(OrderRow.kind).in_(active),
            (col(OrderRow.state) == OrderState.EXPIRED) & col(OrderRow.kind).in_(FLOORS),
        )
    )
    rows = session.exec(query.order_by(col(OrderRow.rev))).all()
    voided = voids.voided_keys(session)
    return [orders.order_of(row) for row in rows], {
        row.id: voids.protectors_of(row, root, voided) for row in rows
    }
