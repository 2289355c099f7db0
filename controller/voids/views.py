"""What a key has signed and is in force, which keys a person has, and which are voided. Reads only."""

from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.tables import OrderRow
from controller.office.root_store import dropped_holders
from controller.orders import store as orders
from controller.orders import voids
from controller.orders.progress import Progress
from controller.orders.views import order_progress
from protocols.documents.bodies import VoidBody
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.orders import Order, body_of, short_keyid
from protocols.documents.roles import Root, SignedBy
from protocols.errors import InputError, quoted

_KEYID_CHARS_MIN = 8


class VoidView(Struct, frozen=True, kw_only=True):
    """A voided key: whose it was, the order that voided it, and how many meters have confirmed that order."""

    keyid: str
    holder: str
    order_id: str
    progress: Progress


def standing_orders_of(session: Session, root: Root, keyid: str) -> list[Order]:
    """The orders in force that protect by this key's signature alone, in the sequence of their making."""
    return [orders.order_of(row) for row in voids.standing_on(session, root, keyid)]


def list_voids(session: Session) -> list[VoidView]:
    """All voided keys, in the sequence of their orders."""
    ids = sorted(voids.voided_by(session).values(), key=lambda each: (len(each), each))
    rows = session.exec(select(OrderRow).where(col(OrderRow.id).in_(ids))).all()
    bodies = [(row.id, body_of(orders.order_of(row), VoidBody)) for row in rows]
    return [
        VoidView(
            keyid=body.key,
            holder=body.holder,
            order_id=order_id,
            progress=order_progress(session, _last_void(session, body.key) or order_id),
        )
        for order_id, body in sorted(bodies, key=lambda each: ids.index(each[0]))
    ]


def key_named(session: Session, root: Root, name: str) -> SignedBy:
    """The key that somebody means by a person, a keyid, or the first eight or more characters of one.

    Keys that a root has dropped count too. Raises InputError where it is none, or several.
    """
    known = {SignedBy(key.holder, keyid) for keyid, key in root.keys.items() if _is_persons(root, keyid)}
    known |= {SignedBy(holder, keyid) for keyid, holder in dropped_holders(session).items()}
    found = sorted(
        each
        for each in known
        if each.holder == name or (len(name) >= _KEYID_CHARS_MIN and each.keyid.startswith(name))
    )
    if len(found) == 1:
        return found[0]
    if not found:
        allowed = ", ".join(sorted({each.holder for each in known}))
        raise InputError(f"KEY: no person and no key {quoted(name)}; allowed: {allowed}, or a keyid")
    keys = ", ".join(short_keyid(each.keyid) for each in found)
    raise InputError(f"KEY: {quoted(name)} has several keys; allowed: one of {keys}")


def _last_void(session: Session, keyid: str) -> str | None:
    """The void of this key that was made last, and is or was in force: meters may lack an earlier one."""
    query = select(OrderRow).where(OrderRow.object == f"void/{keyid}", OrderRow.kind == Kind.VOID)
    rows = [row for row in session.exec(query.order_by(col(OrderRow.rev))) if row.state == "active"]
    return rows[-1].id if rows else None


def _is_persons(root: Root, keyid: str) -> bool:
    machines = (root.roles.get(role) for role in (Role.LEASE, Role.TIME))
    return not any(keyid in rule.keyids for rule in machines if rule is not None)
