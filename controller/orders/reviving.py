"""Brings back protection that only a wrong clock ended (design §6.1).

An earlier version, or two clocks that were wrong alike, may have expired a moratorium that is still in force.
Whatever is not over for certain is active again, with its deliveries and its retained copy. Harm that has
expired stays expired.
"""

from collections.abc import Collection, Sequence
from typing import Final

from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.tables import OrderRow
from controller.office.issuers_store import issuers_in_force
from controller.orders import store as orders
from controller.orders import voids
from controller.orders.life import OrderState
from controller.orders.superseding import covers, replaces
from protocols.documents.bodies import PaymentBody
from protocols.documents.issuers import Issuers, has_issued
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE, Order, body_of
from protocols.documents.roles import Root, meets, open_signed
from protocols.documents.statements import is_issued
from protocols.errors import DocumentError

_REVIVABLE: Final = tuple(kind.value for kind, rule in KINDS.items() if rule.revivable)
# States of a later order that has been in force, and so may have replaced this one.
_WAS_IN_FORCE: Final = (OrderState.ACTIVE, OrderState.SUPERSEDED, OrderState.EXPIRED)


class _Judges(Struct, frozen=True):
    """By whom it is judged whether enough people had signed."""

    root: Root
    voided: Collection[str]
    issuers: Issuers | None


def revive_early_ended(session: Session, root: Root, latest_ms: int, now_ms: int) -> int:
    """Make active again what had expired and ends after `latest_ms`, the latest that it may be now.

    Returns how many orders.
    """
    query = select(OrderRow).where(
        OrderRow.state == OrderState.EXPIRED,
        col(OrderRow.kind).in_(_REVIVABLE),
        orders.is_good_at(latest_ms),
    )
    sealed = issuers_in_force(session)
    judges = _Judges(root, voids.voided_keys(session), None if sealed is None else sealed.issuers)
    revived = 0
    for row in session.exec(query.order_by(col(OrderRow.rev))).all():
        if not _was_approved(row, judges):
            continue
        order = orders.order_of(row)
        later = _replacements(session, row, order, judges)
        if any(covers(each.scope, order.scope) for each in later):
            continue
        gone = {meter for each in later for meter in each.scope.meters}
        meters = [meter for meter in orders.addressees(session, order) if meter not in gone]
        orders.revive(session, row, meters, now_ms)
        revived += 1
    return revived


def _replacements(session: Session, row: OrderRow, order: Order, judges: _Judges) -> Sequence[Order]:
    """Orders that have replaced this one since, for some of its meters or for all."""
    query = select(OrderRow).where(
        OrderRow.object == row.object, OrderRow.rev > row.rev, col(OrderRow.state).in_(_WAS_IN_FORCE)
    )
    found = [orders.order_of(each) for each in session.exec(query).all() if _was_approved(each, judges)]
    return [each for each in found if replaces(each, order)]


def _was_approved(row: OrderRow, judges: _Judges) -> bool:
    """Whether enough people have signed: a draft expires too. What cannot be read is revived by nobody.

    The signature of a voided key counts for no protection. A statement of an issuer's key counts while the
    issuers in force name that key.
    """
    try:
        signed = open_signed(row.envelope, judges.root, ORDER_TYPE)
    except DocumentError:
        return False
    order = orders.order_of(row)
    if is_issued(order):
        issuer = None if judges.issuers is None else judges.issuers.of(body_of(order, PaymentBody).issuer)
        return issuer is not None and has_issued(row.envelope, issuer)
    signed = orders.counted(order, signed, judges.voided)
    return meets(signed, judges.root, KINDS[Kind(row.kind)].role)
