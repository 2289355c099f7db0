"""The next root: one person proposes it, a second one signs it, and then it goes to every meter (design §5).

No root goes out while an order in force stands on a dropped key alone: a meter that joins later could not
take that order any more. Whoever proposes or signs can put their own signature under such orders
(`countersign`); a release is numbered by its key, and is made anew instead. Asked for at the proposal, it
holds for everybody who signs it.
"""

from collections.abc import Collection

from msgspec import Struct
from sqlmodel import col, select

from controller.database.tables import DeliveryRow, OrderRow
from controller.meters.documents_held import root_version_held
from controller.office.audit import AuditAct, record
from controller.office.issuers_store import issuers_in_force, keep_issuers_signed
from controller.office.root_store import (
    is_countersigning,
    keep_proposed,
    note_dropped,
    proposed_root,
    put_in_force,
    root_seen,
)
from controller.orders.acting import Act
from controller.orders.countersigning import countersign as sign_too
from controller.orders.countersigning import may_countersign
from controller.orders.life import DeliveryState, OrderState
from controller.orders.store import order_of
from controller.orders.superseding import is_sent_again
from controller.orders.voids import keyids_in
from controller.roots.rules import check_follows, dropped_keys, dropped_people, next_root
from protocols.documents.envelope import add_signature, read_envelope, seal
from protocols.documents.issuers import ISSUERS_TYPE
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE
from protocols.documents.roles import ROOT_TYPE, Root, accept_root, meets, open_signed, read_root, write_root
from protocols.errors import RefusedError

# A release that waits for no meter any more has done what it can.
_WAITING = (DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.STORED)


class RootProposal(Struct, frozen=True, kw_only=True):
    """A root after an act: its envelope, and whether it is in force now.

    `stranded`: the orders in force that stand on dropped keys alone, as `id object`, and the issuers as
    `issuers/VERSION`; while there are any it does not go out. `countersigned`: those under which this act has
    put a signature, or that it has made anew; `countersigning`: whoever signs this root does the same.
    """

    root: Root
    envelope: bytes
    in_force: bool
    stranded: tuple[str, ...]
    countersigned: tuple[str, ...]
    countersigning: bool


def propose(act: Act, dropped: Collection[str], *, countersign: bool = False) -> RootProposal:
    """Make the next root and sign it first. Another proposal that waits is given up. Raises InputError.

    A renewal says until when keys count: RefusedError while clocks differ. Keys are dropped by any clock.
    """
    if not dropped:
        act.check_clock_of("root")
    above = max(root_version_held(act.session, act.root.version), root_seen(act.session))
    root = next_root(act.root, dropped, act.now_ms, above)
    envelope = seal(write_root(root), ROOT_TYPE, [act.actor.signer])
    keep_proposed(act.session, envelope, countersign=countersign)
    record(act.session, act.now_ms, act.actor.name, AuditAct.PROPOSE, f"root/{root.version}")
    return _step(act, root, envelope, countersign=countersign)


def sign(act: Act, *, countersign: bool = False, dropped: Collection[str] | None = None) -> RootProposal:
    """Sign the proposed root as a further person. With enough of them it goes into force.

    `dropped`: whom it drops, as this person knows (None: not asked): another proposal may have come since.

    Raises RefusedError where none waits, where it drops others, and for one that does more than `propose`.
    """
    waiting = proposed_root(act.session)
    if waiting is None:
        raise RefusedError("no root waits for a signature; `relance root propose` makes one")
    root = read_root(read_envelope(waiting).payload)
    check_follows(act.root, root, act.now_ms)
    drops = dropped_people(act.root, root)
    if dropped is not None and set(dropped) != set(drops):
        named = "".join(f" --drop {name}" for name in drops)
        raise RefusedError(
            f"the root that waits drops {', '.join(drops) or 'nobody'}; "
            f"to sign that: `relance root sign{named}`"
        )
    countersign = countersign or is_countersigning(act.session)
    envelope = add_signature(waiting, act.actor.signer)
    keep_proposed(act.session, envelope, countersign=countersign)
    record(act.session, act.now_ms, act.actor.name, AuditAct.SIGN, f"root/{root.version}")
    return _step(act, root, envelope, countersign=countersign)


def _step(act: Act, root: Root, envelope: bytes, *, countersign: bool) -> RootProposal:
    done = _countersign(act, root) if countersign else ()
    stranded = (*(f"{row.id} {row.object}" for row in _stranded(act, root)), *_stranded_issuers(act, root))
    ready = isinstance(accept_root(envelope, act.root), Root) and not stranded
    if ready:
        put_in_force(act.session, envelope)
        for keyid in dropped_keys(act.root, root):
            note_dropped(act.session, keyid, act.root.keys[keyid].holder)
        record(act.session, act.now_ms, act.actor.name, AuditAct.APPROVE, f"root/{root.version}")
    return RootProposal(
        root=root,
        envelope=envelope,
        in_force=ready,
        stranded=stranded,
        countersigned=tuple(done),
        countersigning=countersign,
    )


def _stranded(act: Act, new: Root) -> list[OrderRow]:
    """The orders in force that a meter under the new root would refuse for want of a signer."""
    gone = dropped_keys(act.root, new)
    query = select(OrderRow).where(OrderRow.state == OrderState.ACTIVE, col(OrderRow.kind) != Kind.LEASE)
    found = []
    for row in act.session.exec(query.order_by(col(OrderRow.id))):
        order = order_of(row)
        if (
            not gone
            or not is_sent_again(order)
            or meets(open_signed(row.envelope, new, ORDER_TYPE), new, KINDS[order.kind].role)
        ):
            continue
        if order.kind is not Kind.RELEASE or _waits(act, row):
            found.append(row)
    return found


def _stranded_issuers(act: Act, new: Root) -> tuple[str, ...]:
    """The issuers in force, if a meter that is made later would refuse them for want of signers."""
    sealed = issuers_in_force(act.session)
    if sealed is None or not dropped_keys(act.root, new):
        return ()
    if meets(open_signed(sealed.envelope, new, ISSUERS_TYPE), new, Role.HARM):
        return ()
    return (f"issuers/{sealed.issuers.version}",)


def _waits(act: Act, row: OrderRow) -> bool:
    waiting = select(DeliveryRow.meter).where(
        DeliveryRow.order_id == row.id, col(DeliveryRow.state).in_(_WAITING)
    )
    return act.session.exec(waiting.limit(1)).first() is not None


def _countersign(act: Act, new: Root) -> list[str]:
    """Put the stranded orders that the actor may sign on the actor's key."""
    keyid, done = act.actor.signer.keyid, []
    for row in _stranded(act, new):
        if may_countersign(act, row, new) and keyid not in keyids_in(row.envelope):
            signed = sign_too(act, row)
            done.append(f"{signed.id} {signed.object}")
    return [*done, *_countersign_issuers(act, new)]


def _countersign_issuers(act: Act, new: Root) -> list[str]:
    sealed = issuers_in_force(act.session)
    keyid = act.actor.signer.keyid
    if sealed is None or not _stranded_issuers(act, new) or keyid in keyids_in(sealed.envelope):
        return []
    if keyid not in new.roles[Role.HARM].keyids:
        return []
    keep_issuers_signed(act.session, add_signature(sealed.envelope, act.actor.signer))
    name = f"issuers/{sealed.issuers.version}"
    record(act.session, act.now_ms, act.actor.name, AuditAct.SIGN, name)
    return [name]
