"""What people do with an order that has been proposed: sign it as a further person, or withdraw it."""

from controller.database.lookup import existing
from controller.database.tables import OrderRow
from controller.orders import store as orders
from controller.orders.acting import Act
from controller.orders.countersigning import countersign
from controller.orders.life import OrderState
from controller.orders.status import OrderStatus, status_of
from protocols.documents.envelope import read_envelope, seal
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE
from protocols.documents.statements import is_issued
from protocols.errors import RefusedError


def check_signable(status: OrderStatus, by: str) -> None:
    """Raises RefusedError where an order waits for no signature, or this person has signed it already."""
    order_id = status.order.id
    if not status.waits and not is_countersignable(status):
        raise RefusedError(f"{order_id} is {status.state}: it waits for no signature")
    if by in status.signed_by:
        others = " or ".join(status.others) or "nobody else there is"
        raise RefusedError(f"{by} has signed {order_id} already; it takes a different person: {others}")


def is_countersignable(status: OrderStatus) -> bool:
    """Whether people may still sign it though it is in force: a payment.

    A statement of an issuer's key may be over its allowance; one of a person may stand on a key that goes.
    """
    return status.order.kind is Kind.PAYMENT and status.state == OrderState.ACTIVE


def check_withdrawable(status: OrderStatus) -> None:
    """Raises RefusedError where an order has been sent, or has ended."""
    if not status.waits:
        raise RefusedError(
            f"{status.order.id} is {status.state}: only what has not been sent can be withdrawn"
        )


def sign(act: Act, order_id: str) -> OrderStatus:
    """Sign an order as a further person. Once enough people have signed it is approved and sent.

    A statement of an issuer's key that two people sign too goes out again, above the allowance; one of a
    person goes out again with each signature.

    Raises RefusedError where there is no such order, InputError where it waits for no signature or this
    person has signed it, RefusedError for harm while nobody can say what time it is.
    """
    session, by = act.session, act.actor.name
    row = existing(session, OrderRow, order_id)
    act.check_clock(Kind(row.kind))
    payload = read_envelope(row.envelope).payload
    envelope = seal(payload, ORDER_TYPE, [act.actor.signer])
    before = status_of(session, row, act.root)
    if is_countersignable(before) and not is_issued(before.order):
        check_signable(before, by)
        return status_of(session, countersign(act, row), act.root)
    if is_countersignable(before):
        row = orders.countersign(session, order_id, envelope, act.root, by, act.now_ms)
        return status_of(session, row, act.root)
    row = orders.add_signature(session, order_id, envelope, act.root, by, act.now_ms)
    status = status_of(session, row, act.root)
    if status.missing:
        return status
    return status_of(session, orders.approve(session, order_id, act.root, by, act.now_ms), act.root)


def withdraw(act: Act, order_id: str) -> OrderStatus:
    """Withdraw an order that has not been sent.

    Raises RefusedError where there is no such order, InputError where it has been sent.
    """
    row = orders.withdraw(act.session, order_id, act.actor.name, act.now_ms)
    return status_of(act.session, row, act.root)
