"""The orders of a household that leaves: its drafts are withdrawn, and the end of what stands is drafted.

What was ordered after the move is the next household's, and stays: a move may be recorded late.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from sqlmodel import Session

from controller.connections import terms
from controller.connections.carrying import draft_end
from controller.connections.retiring import predecessor_of
from controller.database.tables import MeterRow, OrderRow
from controller.orders import store as orders
from controller.orders.acting import Act
from controller.orders.active import standing_orders
from controller.orders.ending import orders_for_alone
from controller.orders.life import OrderState
from controller.orders.standing import standing_of
from controller.orders.status import OrderStatus, status_of
from protocols.documents import drafting
from protocols.documents.bodies import ParametersBody
from protocols.documents.kind_rule import Kind
from protocols.documents.protecting import PROTECTING

_ENDS: Final = (Kind.CLEAR_FLAG, Kind.LIFT_HOLD, Kind.DEBT, Kind.PARAMETERS, Kind.REFUND)


class EndsDrafted(Struct, frozen=True, kw_only=True):
    """`drafts`: what two people must sign; `withdrawn`: drafts of before the move, which nobody had signed.

    `kept`: what was ordered or drafted after the move. Each as `o000012 flag/medical`.
    """

    drafts: tuple[OrderStatus, ...] = ()
    withdrawn: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def end_orders(act: Act, meter: str, on_ms: int) -> EndsDrafted:
    """Withdraw and draft what a move of this instant asks for, but for the refund."""
    withdrawn, kept = _withdraw(act, meter, on_ms)
    protection, later = _end_protection(act, meter, on_ms)
    known = act.session.get(MeterRow, meter) is not None
    ends, after = _end_terms(act, meter, on_ms) if known else ([], [])
    return EndsDrafted(drafts=(*protection, *ends), withdrawn=tuple(withdrawn), kept=(*later, *after, *kept))


def ends_waiting(act: Act, meter: str) -> tuple[OrderStatus, ...]:
    """The drafts at a meter that end what a household had there, and pay it back."""
    return tuple(
        status_of(act.session, row, act.root)
        for row in orders_for_alone(act.session, meter)
        if row.state != OrderState.ACTIVE and row.kind in _ENDS
    )


def _withdraw(act: Act, meter: str, on_ms: int) -> tuple[list[str], list[str]]:
    """Withdraw the drafts for this meter alone; returns them, and those that are later than the move.

    Not a refund: whoever it was drafted for may have been paid. It is told, and counts as owed already.
    """
    withdrawn, kept = [], []
    for row in orders_for_alone(act.session, meter):
        if row.state == OrderState.ACTIVE or row.kind == Kind.REFUND:
            continue
        if row.created_ms > on_ms:
            kept.append(_name(row))
        else:
            orders.withdraw(act.session, row.id, act.actor.name, act.now_ms)
            withdrawn.append(_name(row))
    return withdrawn, kept


def _end_protection(act: Act, meter: str, on_ms: int) -> tuple[list[OrderStatus], list[str]]:
    """Draft the end of each flag that stands at the meter, and of each hold declared for it alone."""
    active = standing_orders(act.session, (meter,)).get(meter, [])
    names = standing_of(active, act.now_ms).protecting
    mine = [each.order for each in active if each.order.scope.meters == (meter,)]
    # A floor would end the protection of the group too, which belongs to the place.
    ours = {each.order.object for each in active if each.order.scope.group}
    later = {
        order.object: f"{order.id} {order.object}"
        for order in mine
        if order.kind in PROTECTING and order.issued_at_ms > on_ms
    }
    theirs = sorted((names & {order.object for order in mine}) - ours)
    drafts = [draft_end(act, name, meter) for name in theirs if name not in later]
    return drafts, [later[name] for name in theirs if name in later]


def _end_terms(act: Act, meter: str, on_ms: int) -> tuple[list[OrderStatus], list[str]]:
    """Draft that a debt takes no share any more, and that the payment mode is as commissioned."""
    session = act.session
    drafts, kept = [], []
    debt = terms.debt_of(session, meter)
    if debt is not None and debt.share_permille:
        later = _set_after(session, Kind.DEBT, meter, on_ms)
        kept += later
        if not later:
            # The same total: a lower one could give back what payments have brought.
            rest = replace(debt, share_permille=0)
            drafts.append(act.submit(drafting.debt(act.sheet(Kind.DEBT, meter), meter, rest)))
    versions = terms.parameters_of(session, meter, act.now_ms)
    if any(each.mode is not None for each in versions):
        later = _set_after(session, Kind.PARAMETERS, meter, on_ms)
        kept += later
        if not later:
            groups = versions[0].groups if versions[0].from_ms <= act.now_ms else None
            body = ParametersBody(act.now_ms, groups=groups)
            drafts.append(act.submit(drafting.parameters(act.sheet(Kind.PARAMETERS, meter), meter, body)))
    return drafts, kept


def _set_after(session: Session, kind: Kind, meter: str, on_ms: int) -> list[str]:
    """The order that set this last, where that was after the move.

    What was only carried over from the meter before is dated by its replacement, and was set earlier.
    """
    last = terms.last_of(session, kind, meter)
    before = predecessor_of(session, meter)
    if last is None or last.issued_at_ms <= on_ms:
        return []
    carried = before is not None and last.issued_at_ms == before.at_ms
    return [] if carried else [f"{last.id} {last.object}"]


def _name(row: OrderRow) -> str:
    return f"{row.id} {row.object}"
