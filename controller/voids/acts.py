"""A void: one person drafts it and says what stays, a second one signs it (design §5, void).

What stays is put on the key of whoever drafts the void, at once: one person is enough to protect. The void
names the holds among it, so that no meter is without them for a moment. Everything else that stands on the
voided key alone ends when the second person has signed.
"""

from collections.abc import Collection, Sequence
from typing import Final

from msgspec import Struct

from controller.database.tables import OrderRow
from controller.orders import store as orders
from controller.orders import voids
from controller.orders.acting import Act
from controller.orders.countersigning import countersign, may_countersign
from controller.orders.status import OrderStatus
from controller.voids.views import key_named
from protocols.documents import drafting
from protocols.documents.bodies import HoldBody, Kept
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, body_of, keyid_named_by
from protocols.documents.roles import SignedBy
from protocols.errors import InputError, RefusedError

KEEP_ALL: Final = "all"
KEEP_NONE: Final = "none"


class VoidProposal(Struct, frozen=True, kw_only=True):
    """A void as drafted. `standing`: what stood on the key alone, and whether it stays, in order of making.

    `void` None: nothing was drafted, since nobody has said what of `standing` stays.
    """

    key: SignedBy
    standing: tuple[tuple[Order, bool], ...]
    void: OrderStatus | None


def propose(act: Act, name: str, keep: Collection[str]) -> VoidProposal:
    """Draft the void of a person's key, or of a key. `keep`: orders by id or object, or `all`, or `none`.

    Raises InputError for what is not in force on that key alone, RefusedError for somebody who voids the key
    with which they sign, or who may not protect what stays.
    """
    key = key_named(act.session, act.root, name)
    if key.keyid == act.actor.signer.keyid:
        raise RefusedError(f"{act.actor.name} signs with this very key: somebody else voids it")
    rows = voids.standing_on(act.session, act.root, key.keyid)
    if rows and not keep:
        return VoidProposal(key=key, standing=_marked(rows, ()), void=None)
    kept = _chosen(rows, keep)
    body = tuple(each for row in kept for each in _kept(orders.order_of(row)))
    marked = _marked(rows, kept)
    for row in kept:
        if not may_countersign(act, row, act.root):
            raise RefusedError(
                f"{row.id}: {act.actor.name} does not have the role protect; allowed: somebody who has it"
            )
        countersign(act, row)
    sheet = act.sheet(Kind.VOID, key.keyid)
    void = drafting.void(sheet, key.keyid, key.holder, body, act.actor.signer.keyid)
    return VoidProposal(key=key, standing=marked, void=act.submit(void))


def _chosen(rows: Sequence[OrderRow], keep: Collection[str]) -> list[OrderRow]:
    if {KEEP_ALL, KEEP_NONE} & set(keep):
        if len(set(keep)) > 1:
            raise InputError(
                f"--keep: {KEEP_ALL} and {KEEP_NONE} stand alone; allowed: one of them, or orders"
            )
        return list(rows) if KEEP_ALL in keep else []
    for each in keep:
        if not any(each in {row.id, row.object} for row in rows):
            allowed = ", ".join(map(_named, rows)) or "nothing stands on it"
            raise InputError(f"--keep: {each} does not stand on this key alone; allowed: {allowed}")
    return [row for row in rows if {row.id, row.object} & set(keep)]


def _named(row: OrderRow) -> str:
    """The order and its object; not where that is a key's, whose 64 digits nobody types."""
    return row.id if keyid_named_by(row.object) is not None else f"{row.id} {row.object}"


def _kept(order: Order) -> tuple[Kept, ...]:
    """What the void itself names: holds for the whole fleet. The rest stays by its own document."""
    if order.kind is not Kind.HOLD or not order.scope.fleet:
        return ()
    hold = body_of(order, HoldBody)
    return (Kept(order.object, order.rev, hold.from_ms, hold.until_ms),)


def _marked(rows: Sequence[OrderRow], kept: Collection[OrderRow]) -> tuple[tuple[Order, bool], ...]:
    return tuple((orders.order_of(row), row in kept) for row in rows)
