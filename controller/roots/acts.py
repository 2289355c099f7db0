"""The next root: one person proposes it, a second one signs it, and then it goes to every meter (design §5).

Both name what it does: whoever signs second names the people whom it drops, or, where it gives anybody more
than they had, the document itself by its code.

No root goes out while an order in force stands only on keys that it drops, or takes the role from: a meter
that joins later could not take that order any more. Whoever proposes or signs can put their own signature
under such orders (`countersign`); a release is numbered by its key, and is made anew instead. Asked for at
the proposal, it holds for everybody who signs it. A payment never comes along: whoever signs money says so of
that payment alone (`relance orders sign`).
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from msgspec import Struct, structs
from sqlmodel import col, select

from controller.database.tables import DeliveryRow, OrderRow
from controller.meters.documents_held import root_version_held
from controller.office.audit import AuditAct, record
from controller.office.issuers_store import issuers_in_force, keep_issuers_signed
from controller.office.people import Actor, operators_of
from controller.office.root_store import (
    dropped_holders,
    is_countersigning,
    keep_proposed,
    note_language,
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
from controller.roots.rules import (
    RootChange,
    change_between,
    check_follows,
    next_root,
    people_of,
    takes_signers,
)
from protocols.documents.envelope import (
    Signer,
    add_signature,
    document_digest,
    keyid_of,
    read_envelope,
    seal,
)
from protocols.documents.issuers import ISSUERS_TYPE
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE, Order, short_keyid
from protocols.documents.roles import ROOT_TYPE, Root, accept_root, meets, open_signed, read_root, write_root
from protocols.documents.statements import is_issued
from protocols.errors import DocumentError, InputError, RefusedError, quoted

# As of an issuers document: few enough to read out, too many to hit by trying.
_CODE_DIGITS: Final = 16
# Once carried out they have done what they can: while no meter waits for one it needs no signer.
_DONE_ONCE: Final = (Kind.RELEASE, Kind.PAYMENT)
_WAITING = (DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.STORED)


class RootProposal(Struct, frozen=True, kw_only=True):
    """A root after an act: its envelope, and whether it is in force now.

    `stranded`: the orders in force with too few signers under it, as `id object`, and the issuers as
    `issuers/VERSION`; while there are any it does not go out. `countersigned`: those under which this act has
    put a signature, or that it has made anew; `countersigning`: whoever signs this root does the same.
    `replaced`: what the proposal would have changed that waited before, where this one has taken its place.
    """

    root: Root
    change: RootChange
    envelope: bytes
    in_force: bool
    stranded: tuple[str, ...]
    countersigned: tuple[str, ...]
    countersigning: bool
    replaced: RootChange | None = None


def propose(
    act: Act, change: RootChange, *, countersign: bool = False, own: Signer | None = None
) -> RootProposal:
    """Make the next root and sign it first. Another proposal that waits is given up. Raises InputError.

    `own`: the new key of whoever acts, where the change brings it: both sign.

    A root says until when keys count: RefusedError while clocks differ. Keys end by any clock.
    """
    if not change.takes_away:
        act.check_clock_of("root")
    above = max(root_version_held(act.session, act.root.version), root_seen(act.session))
    root = next_root(act.root, change, act.now_ms, above, dropped_holders(act.session))
    envelope = seal(write_root(root), ROOT_TYPE, _signers(act, own))
    replaced = _waiting_change(act)
    keep_proposed(act.session, envelope, countersign=countersign)
    told = words_of(change)
    record(act.session, act.now_ms, act.actor.name, AuditAct.PROPOSE, f"root/{root.version}", **told)
    done = _step(act, root, envelope, own, countersign=countersign)
    return structs.replace(done, replaced=replaced)


def _waiting_change(act: Act) -> RootChange | None:
    """What the root that waits would change; None: none waits, or what waits is no root."""
    waiting = proposed_root(act.session)
    try:
        return (
            None if waiting is None else change_between(act.root, read_root(read_envelope(waiting).payload))
        )
    except DocumentError:
        return None


def sign(
    act: Act,
    *,
    countersign: bool = False,
    dropped: Collection[str] | None = None,
    code: str | None = None,
    own: Signer | None = None,
) -> RootProposal:
    """Sign the proposed root as a further person. With enough of them it goes into force.

    `code`: of the document, as `code_of`; without one, `dropped`: whom it drops, as this person knows.
    Another proposal may have come since. Both None: not asked. `own`: as in `propose`.

    Raises RefusedError where none waits, for another one than named, for one that no command makes, and for
    somebody who has signed it already where it takes a further person.
    """
    waiting = proposed_root(act.session)
    if waiting is None:
        raise RefusedError("no root waits for a signature; `relance root propose` makes one")
    root = read_root(read_envelope(waiting).payload)
    check_follows(act.root, root, act.now_ms, dropped_holders(act.session))
    change = change_between(act.root, root)
    if code is not None or dropped is not None:
        _check_named(change, waiting, dropped or (), code)
    asked = is_countersigning(act.session)
    countersign = countersign or asked
    envelope = waiting
    for signer in _signers(act, own):
        envelope = add_signature(envelope, signer)
    keep_proposed(act.session, envelope, countersign=countersign)
    record(act.session, act.now_ms, act.actor.name, AuditAct.SIGN, f"root/{root.version}")
    done = _step(act, root, envelope, own, countersign=countersign)
    is_new = keyids_in(envelope) != keyids_in(waiting) or done.countersigned or countersign != asked
    if not is_new and not isinstance(accept_root(envelope, act.root), Root):
        raise _signed_already(act, root, envelope, change)
    return done


def set_language(act: Act, name: str, language: str, *, comes: bool = False) -> None:
    """Say in which language a person is addressed.

    Raises InputError for one whom the root does not list, unless they only come.
    """
    people = people_of(act.root)
    if name not in people and not comes:
        raise InputError(f"root: it lists no person {quoted(name)}; allowed: {', '.join(people)}")
    note_language(act.session, name, language)
    record(act.session, act.now_ms, act.actor.name, AuditAct.LANGUAGE, f"person/{name}", language=language)


def code_of(envelope: bytes) -> str:
    """The first digits of the digest of the document in an envelope."""
    return document_digest(envelope)[:_CODE_DIGITS]


def sign_command(change: RootChange, envelope: bytes) -> str:
    """What a further person types to sign exactly this root."""
    if change.adds_power:
        return f"relance root sign --code {code_of(envelope)}"
    return "relance root sign" + "".join(f" --drop {name}" for name in sorted(change.dropped))


def words_of(change: RootChange) -> dict[str, str]:
    """What a root changes, for the audit: names, the first digits of keys, and roles."""
    told = {
        "drops": sorted(change.dropped),
        "adds": [
            f"{each.name} {_short(each.public)} {'+'.join(sorted(each.roles))}" for each in change.added
        ],
        "rotates": [f"{name} {_short(public)}" for name, public in sorted(change.rotated.items())],
        "roles": [f"{name} {'+'.join(sorted(roles))}" for name, roles in sorted(change.roles.items())],
    }
    return {name: ", ".join(each) for name, each in told.items() if each}


def _signed_already(act: Act, root: Root, envelope: bytes, change: RootChange) -> RefusedError:
    """Once two have signed, whoever signs again may lift what holds the root up; before, nothing happens."""
    signed = open_signed(envelope, act.root, ROOT_TYPE).holders(Role.ROOT)
    people = set(operators_of(act.root, Role.ROOT))
    others = " or ".join(sorted(people - signed - change.dropped)) or "nobody else there is"
    return RefusedError(
        f"{act.actor.name} has signed root {root.version} already; it takes a different person: {others}"
    )


def _signers(act: Act, own: Signer | None) -> list[Signer]:
    return [act.actor.signer] if own is None else [act.actor.signer, own]


def _short(public: str) -> str:
    return short_keyid(keyid_of(bytes.fromhex(public)))


def _check_named(change: RootChange, waiting: bytes, dropped: Collection[str], code: str | None) -> None:
    if code is not None:
        is_named = code == code_of(waiting)
    else:
        is_named = not change.adds_power and set(dropped) == change.dropped
    if not is_named:
        told = "; ".join(f"{what} {whom}" for what, whom in words_of(change).items()) or "drops nobody"
        raise RefusedError(f"the root that waits {told}; to sign that: `{sign_command(change, waiting)}`")


def _step(act: Act, root: Root, envelope: bytes, own: Signer | None, *, countersign: bool) -> RootProposal:
    done: list[str] = []
    if countersign:
        done = _countersign(act, root)
        if own is not None:
            done += _countersign(replace(act, actor=Actor(act.actor.name, own)), root)
    stranded = (*(f"{row.id} {row.object}" for row in _stranded(act, root)), *_stranded_issuers(act, root))
    ready = isinstance(accept_root(envelope, act.root), Root) and not stranded
    if ready:
        put_in_force(act.session, envelope, act.root, act.now_ms)
        record(act.session, act.now_ms, act.actor.name, AuditAct.APPROVE, f"root/{root.version}")
    return RootProposal(
        root=root,
        change=change_between(act.root, root),
        envelope=envelope,
        in_force=ready,
        stranded=stranded,
        countersigned=tuple(dict.fromkeys(done)),
        countersigning=countersign,
    )


def _stranded(act: Act, new: Root) -> list[OrderRow]:
    """The orders in force that a meter under the new root would refuse for want of a signer that it takes.

    What the old root does not carry either, such as the statement of an issuer, no person's key carries.
    """
    if not takes_signers(act.root, new):
        return []
    query = select(OrderRow).where(OrderRow.state == OrderState.ACTIVE, col(OrderRow.kind) != Kind.LEASE)
    found = []
    for row in act.session.exec(query.order_by(col(OrderRow.id))):
        order = order_of(row)
        if (
            not is_sent_again(order)
            or is_issued(order)
            or _carries(new, row, order)
            or not _carries(act.root, row, order)
        ):
            continue
        if order.kind not in _DONE_ONCE or _waits(act, row):
            found.append(row)
    return found


def _carries(root: Root, row: OrderRow, order: Order) -> bool:
    return meets(open_signed(row.envelope, root, ORDER_TYPE), root, KINDS[order.kind].role)


def _stranded_issuers(act: Act, new: Root) -> tuple[str, ...]:
    """The issuers in force, if a meter that is made later would refuse them for want of signers."""
    sealed = issuers_in_force(act.session)
    if sealed is None or not takes_signers(act.root, new):
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
    """Put the stranded orders that the actor may sign on the actor's key, but for payments."""
    keyid, done = act.actor.signer.keyid, []
    for row in _stranded(act, new):
        if row.kind == Kind.PAYMENT:
            continue
        if keyid not in act.root.keys and row.kind == Kind.RELEASE:
            continue  # it is numbered by its key, and this one counts only with the new root
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
