"""Orders in the store: proposed, signed, approved; each step is one function, in the caller's transaction.

`approve` does everything at once: it activates the order, supersedes what the order replaces, adds its
deliveries, queues its messages, and writes the audit entry. The commit sends the order: `serve` publishes
what is queued (design §6).
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

import msgspec
from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, or_, select

from controller.database.bulk import in_batches
from controller.database.lookup import existing
from controller.database.numbers import next_number
from controller.database.tables import DeliveryRow, MeterRow, OrderRow
from controller.meters.grouped import is_reached
from controller.meters.registry import check_known
from controller.meters.retired import in_fleet, retired_among
from controller.office import audit
from controller.office.audit import AuditAct
from controller.orders import deliveries, outbox, voids
from controller.orders.life import (
    DeliveryEvent,
    OrderEvent,
    OrderState,
    step_order,
)
from controller.orders.numbering import draw_rev
from controller.orders.reaching import check_scope, given_before, is_for_group
from controller.orders.sending import is_retained, requeue, resume, send
from controller.orders.superseding import covers, replaces
from protocols.documents.bodies import VoidBody
from protocols.documents.drafting import Sheet, object_of
from protocols.documents.envelope import document_digest, join_signatures, read_envelope
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE, Order, Scope, body_of, good_until_ms, read_order
from protocols.documents.roles import Root, Signed, meets, open_signed, root_allows
from protocols.documents.voiding import counting
from protocols.errors import InputError
from protocols.instants import iso_from_ms
from protocols.limits import FOR_EVER_MS

_ORDERS_REMEMBERED: Final = 4_096
_PROTECTIVE: Final = tuple(kind.value for kind, rule in KINDS.items() if rule.role is Role.PROTECT)


def draw_sheet(session: Session, kind: Kind, name: str, now_ms: int, basis: str) -> Sheet:
    """An empty sheet for an order of this kind: a new id, and the next revision of `kind/name`.

    Payments are numbered per meter instead: see `payments.store.draw_statement`.
    """
    rev = draw_rev(session, object_of(kind, name))
    return new_sheet(session, rev, now_ms, basis)


def new_sheet(session: Session, rev: int, now_ms: int, basis: str) -> Sheet:
    """An empty sheet with a new id, for an order whose revision is drawn already."""
    number = next_number(session, "order")
    return Sheet(id=f"o{number:06d}", rev=rev, now_ms=now_ms, basis=basis)


def propose(session: Session, envelope: bytes, by: str, now_ms: int) -> OrderRow:
    """Store the order of an envelope as a draft, with the signatures that it has so far.

    Raises InputError where the id or revision is taken; RefusedError where a meter that it addresses is not
    known; DocumentError for an envelope without an order.
    """
    order = order_in(envelope)
    if session.get(OrderRow, order.id) is not None:
        raise InputError(f"order {order.id}: is there already")
    addressees(session, order)
    check_known(session, order.scope.meters)
    row = OrderRow(
        id=order.id,
        kind=order.kind,
        object=order.object,
        rev=order.rev,
        scope=msgspec.json.encode(order.scope).decode(),
        state=OrderState.DRAFT,
        issued_at_ms=order.issued_at_ms,
        not_before_ms=order.not_before_ms,
        not_after_ms=order.not_after_ms,
        basis=order.basis,
        envelope=envelope,
        digest=document_digest(envelope),
        created_by=by,
        created_ms=now_ms,
        changed_ms=now_ms,
    )
    session.add(row)
    session.flush()
    audit.record(
        session, now_ms, by, AuditAct.PROPOSE, order.id, kind=order.kind, object=order.object, rev=order.rev
    )
    return row


def add_signature(
    session: Session, order_id: str, envelope: bytes, root: Root, by: str, now_ms: int
) -> OrderRow:
    """Add the signatures in `envelope` to those of the order. The order is not approved yet: see `approve`.

    Raises RefusedError where there is no such order; InputError where it is no draft any more, or no further
    key of the root has signed; DocumentError where the envelope holds another document.
    """
    row = get_order(session, order_id)
    # Only to raise: an order that can no longer be approved takes no further signature.
    step_order(OrderState(row.state), OrderEvent.APPROVE)
    before = open_signed(row.envelope, root, ORDER_TYPE).keyids
    row.envelope = join_signatures(row.envelope, envelope)
    new = open_signed(row.envelope, root, ORDER_TYPE).keyids - before
    if not new:
        raise InputError(f"order {order_id}: no new signature by a key of the root")
    session.add(row)
    holders = sorted({root.keys[keyid].holder for keyid in new})
    audit.record(session, now_ms, by, AuditAct.SIGN, order_id, holders=", ".join(holders))
    return row


def approve(session: Session, order_id: str, root: Root, by: str, now_ms: int) -> OrderRow:
    """Make an order active: deliveries queued, messages in the outbox, what it replaces superseded.

    Raises InputError where too few people have signed (it names them), the order or the root has expired, or
    the order does not wait for approval.
    """
    row = get_order(session, order_id)
    state = step_order(OrderState(row.state), OrderEvent.APPROVE)
    order, signed = order_of(row), open_signed(row.envelope, root, ORDER_TYPE)
    _check_signed(order, signed, counted(order, signed, voids.voided_keys(session)), root, now_ms)
    if order.kind is Kind.VOID:
        _take_away(session, order, root, by, now_ms)
    _activate(session, row, order, state, by, now_ms, signed=signed.holders(KINDS[order.kind].role))
    return row


def issue(session: Session, envelope: bytes, by: str, now_ms: int) -> OrderRow:
    """Propose a statement that an issuer's key has signed, and make it active at once.

    The root does not know that key: the meters judge it by their issuers document.
    """
    row = propose(session, envelope, by, now_ms)
    state = step_order(OrderState(row.state), OrderEvent.APPROVE)
    _activate(session, row, order_of(row), state, by, now_ms, signed=())
    return row


def countersign(
    session: Session, order_id: str, envelope: bytes, root: Root, by: str, now_ms: int
) -> OrderRow:
    """Add a person's signature to a statement that is in force; with two for harm it is sent again.

    The document stays the same, so that nothing is credited twice. Raises InputError where no further key of
    the root has signed.
    """
    row = get_order(session, order_id)
    before = open_signed(row.envelope, root, ORDER_TYPE).keyids
    row.envelope = join_signatures(row.envelope, envelope)
    signed = open_signed(row.envelope, root, ORDER_TYPE)
    if not signed.keyids - before:
        raise InputError(f"order {order_id}: no new signature by a key of the root")
    session.add(row)
    session.flush()
    holders = sorted({root.keys[keyid].holder for keyid in signed.keyids - before})
    audit.record(session, now_ms, by, AuditAct.SIGN, order_id, holders=", ".join(holders))
    if meets(signed, root, Role.HARM):
        order = order_of(row)
        requeue(session, order, addressees(session, order), now_ms)
    return row


def _activate(
    session: Session,
    row: OrderRow,
    order: Order,
    state: OrderState,
    by: str,
    now_ms: int,
    *,
    signed: Collection[str],
) -> None:
    meters = addressees(session, order)
    _supersede(session, order, meters, by, now_ms)
    row.state = step_order(state, OrderEvent.ACTIVATE)
    row.changed_ms = now_ms
    session.add(row)
    session.flush()
    send(session, order, meters, now_ms)
    holders = ", ".join(sorted(signed))
    act = AuditAct.APPROVE
    audit.record(session, now_ms, by, act, order.id, object=order.object, signed=holders, meters=len(meters))


def submit(session: Session, envelope: bytes, root: Root, by: str, now_ms: int) -> OrderRow:
    """Propose an order, and approve it if enough people have signed already; else it stays a draft."""
    row = propose(session, envelope, by, now_ms)
    if meets(open_signed(envelope, root, ORDER_TYPE), root, KINDS[Kind(row.kind)].role):
        return approve(session, row.id, root, by, now_ms)
    return row


def counted(order: Order, signed: Signed, voided: Collection[str]) -> Signed:
    """The signers of an order without those whose key two people have voided."""
    return replace(signed, keyids=counting(order, signed.keyids, voided))


def supersede(session: Session, row: OrderRow, by: str, now_ms: int, successor: str) -> None:
    """End an active order in whose place another one stands; its queued messages are deleted."""
    _end(session, row, OrderEvent.SUPERSEDE, by, now_ms, successor=successor)


def withdraw(session: Session, order_id: str, by: str, now_ms: int) -> OrderRow:
    """Withdraw an order that was not sent. Raises InputError where it was, RefusedError for an unknown id."""
    row = get_order(session, order_id)
    _end(session, row, OrderEvent.WITHDRAW, by, now_ms)
    return row


def expire(session: Session, row: OrderRow, now_ms: int) -> None:
    """End an order that has expired, with its deliveries; its queued messages are deleted."""
    _end(session, row, OrderEvent.EXPIRE, audit.SERVICE, now_ms)


def revive(session: Session, row: OrderRow, meters: Collection[str], now_ms: int) -> None:
    """Make an order that only a wrong clock ended active again, for these meters, and send it again.

    The caller has found that enough people had signed it. Meters that joined meanwhile get their delivery;
    those that hold the order keep it.
    """
    state = OrderState(row.state)
    for event in (OrderEvent.REVIVE, OrderEvent.APPROVE, OrderEvent.ACTIVATE):
        state = step_order(state, event)
    row.state = state
    row.changed_ms = now_ms
    session.add(row)
    session.flush()
    resume(session, order_of(row), meters, now_ms)
    audit.record(session, now_ms, audit.SERVICE, AuditAct.REVIVE, row.id, object=row.object)


def get_order(session: Session, order_id: str) -> OrderRow:
    """The order of this id. Raises RefusedError where there is none."""
    return existing(session, OrderRow, order_id)


def order_of(row: OrderRow) -> Order:
    """The signed order of a row."""
    return order_in(row.envelope)


@lru_cache(maxsize=_ORDERS_REMEMBERED)
def order_in(envelope: bytes) -> Order:
    """The order in an envelope; signatures are not checked. Raises DocumentError where there is none."""
    return read_order(read_envelope(envelope).payload)


def holders_of(row: OrderRow, root: Root, role: Role) -> tuple[str, ...]:
    """The people whose valid signatures count for a role, sorted."""
    return tuple(sorted(open_signed(row.envelope, root, ORDER_TYPE).holders(role)))


def targets(session: Session, scope: Scope) -> list[str]:
    """The meters of the fleet that a scope addresses, sorted: none that was taken out of it.

    Those of a group: `meters.grouped`. Raises RefusedError for a meter that is not known.
    """
    if scope.group:
        reached = select(MeterRow.id).where(in_fleet(), is_reached(scope.group))
        return list(session.exec(reached.order_by(MeterRow.id)))
    if scope.fleet:
        return list(session.exec(select(MeterRow.id).where(in_fleet()).order_by(MeterRow.id)))
    meters = set(scope.meters) - retired_among(session, scope.meters).keys()
    check_known(session, meters)
    return sorted(meters)


def addressees(session: Session, order: Order) -> list[str]:
    """The meters to which an order goes: its targets; one for a group also to all that hold what it revises.

    Raises RefusedError as `targets`, InputError for a group where the kind of order does not allow one.
    """
    check_scope(order)
    meters = targets(session, order.scope)
    return sorted({*meters, *given_before(session, order)}) if order.scope.group else meters


def active_for_groups(session: Session) -> list[Order]:
    """The active orders for groups, by their revision."""
    query = select(OrderRow).where(OrderRow.state == OrderState.ACTIVE, is_for_group())
    return [order_of(row) for row in session.exec(query.order_by(col(OrderRow.rev), col(OrderRow.id)))]


def is_good_at(instant_ms: int) -> ColumnElement[bool]:
    """Whether a row's order is still valid at an instant, in SQL: as `good_until_ms` says it."""
    for_ever = and_(col(OrderRow.not_after_ms) == FOR_EVER_MS, col(OrderRow.kind).in_(_PROTECTIVE))
    return or_(col(OrderRow.not_after_ms) > instant_ms, for_ever)


def _check_signed(order: Order, before: Signed, signed: Signed, root: Root, now_ms: int) -> None:
    """`signed`: the signatures that count, among those of `before`. Raises InputError as `approve`."""
    role = KINDS[order.kind].role
    if not meets(signed, root, role):
        rule = root.roles.get(role)
        needed = 1 if rule is None else rule.threshold
        holders = sorted(signed.holders(role))
        voided = "; a key that is voided protects nobody anew" if signed.keyids != before.keyids else ""
        raise InputError(
            f"order {order.id}: {order.kind} needs {needed} of the role {role}, different people; "
            f"signed by {', '.join(holders) or 'nobody'}{voided}"
        )
    if now_ms >= good_until_ms(order):
        raise InputError(f"order {order.id}: was good until {iso_from_ms(order.not_after_ms)}")
    if not root_allows(root, role, now_ms):
        raise InputError(f"order {order.id}: the root expired {iso_from_ms(root.expires_ms)}; it ends {role}")


def _supersede(session: Session, order: Order, meters: Collection[str], by: str, now_ms: int) -> None:
    for row in _rivals(session, order, meters):
        old = order_of(row)
        if not replaces(order, old):
            continue
        if covers(order.scope, old.scope):
            _end(session, row, OrderEvent.SUPERSEDE, by, now_ms, successor=order.id)
        else:
            # The old order stays active for the meters that the new one does not address.
            for batch in in_batches(meters):
                deliveries.step(session, DeliveryEvent.SUPERSEDE, now_ms, order_id=old.id, meters=batch)
            outbox.drop(session, old.id, meters)


def _take_away(session: Session, void: Order, root: Root, by: str, now_ms: int) -> None:
    """End what stands on the voided key alone: the meters keep it no more, and nobody is sent it again."""
    keyid = body_of(void, VoidBody).key
    for row in voids.standing_on(session, root, keyid):
        supersede(session, row, by, now_ms, void.id)
    voids.note_voided(session, keyid, void.id)


def _rivals(session: Session, order: Order, meters: Collection[str]) -> Sequence[OrderRow]:
    """Active orders of the same object that have a meter in common with `order`."""
    query = select(OrderRow).where(OrderRow.state == OrderState.ACTIVE, OrderRow.object == order.object)
    if order.scope.fleet or order.scope.group:
        # Of a group the meters may be too many for one statement; a rival without any of them is left alone.
        return session.exec(query).all()
    same_meters = select(DeliveryRow.order_id).where(col(DeliveryRow.meter).in_(meters))
    return session.exec(query.where(col(OrderRow.id).in_(same_meters))).all()


def _end(
    session: Session, row: OrderRow, event: OrderEvent, by: str, now_ms: int, successor: str | None = None
) -> None:
    was_active = row.state == OrderState.ACTIVE
    row.state = step_order(OrderState(row.state), event)
    row.changed_ms = now_ms
    session.add(row)
    session.flush()
    if was_active:
        ends = {OrderEvent.EXPIRE: DeliveryEvent.EXPIRE, OrderEvent.SUPERSEDE: DeliveryEvent.SUPERSEDE}
        deliveries.step(session, ends[event], now_ms, order_id=row.id)
        outbox.drop(session, row.id)
        order = order_of(row)
        if is_retained(order):
            outbox.enqueue_clearing(session, row.id)
    audit.record(session, now_ms, by, AuditAct(event), row.id, object=row.object, successor=successor)
