"""Puts an order that stands on somebody else's key on the actor's too: what protects goes on (design §5).

The document stays the same, with one more signature: meters that hold it keep it, and take it from a signer
that counts. A release is numbered by its key, and nobody else can sign under that number: it is made anew,
for the same meters and hours, and takes the place of the old one.
"""

from controller.database.tables import OrderRow
from controller.office.audit import AuditAct, record
from controller.orders import outbox
from controller.orders import store as orders
from controller.orders.acting import Act
from controller.orders.sending import is_retained
from protocols.documents import drafting
from protocols.documents.bodies import ReleaseBody
from protocols.documents.envelope import add_signature
from protocols.documents.kind_rule import Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import body_of, numbering_key
from protocols.documents.roles import Root


def may_countersign(act: Act, row: OrderRow, root: Root) -> bool:
    """Whether the actor's key counts for this order under a root."""
    rule = root.roles.get(KINDS[orders.order_of(row).kind].role)
    return rule is not None and act.actor.signer.keyid in rule.keyids


def countersign(act: Act, row: OrderRow) -> OrderRow:
    """Sign an active order too, and send the copy; returns the order that stands now.

    Raises as `Act.submit` where a release is made anew.
    """
    order = orders.order_of(row)
    if numbering_key(order) is not None:
        return _release_again(act, row)
    row.envelope = add_signature(row.envelope, act.actor.signer)
    act.session.add(row)
    act.session.flush()
    if is_retained(order):
        outbox.enqueue_for_fleet(act.session, order)
    elif KINDS[order.kind].role is Role.PROTECT:
        outbox.enqueue_missing(act.session, order, orders.addressees(act.session, order), act.now_ms)
    record(act.session, act.now_ms, act.actor.name, AuditAct.SIGN, row.id, object=row.object)
    return row


def _release_again(act: Act, row: OrderRow) -> OrderRow:
    old = orders.order_of(row)
    sheet = act.release_sheet(old.scope.meters)
    hours = body_of(old, ReleaseBody).hours
    status = act.submit(drafting.release(sheet, act.actor.signer.keyid, hours, old.scope))
    orders.supersede(act.session, row, act.actor.name, act.now_ms, status.order.id)
    return orders.get_order(act.session, status.order.id)
