"""Voided keys in the store: which they are, and which orders still stand on another key (design §5, void).

A key is voided from the approval of its void on, for good. What it has signed for protection counts no more,
at the meters and here: an order that stands on voided keys alone is superseded by the void, is not revived,
and none is approved anew.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import Final

from sqlmodel import Session, col, select

from controller.database.tables import OrderRow, SettingRow
from controller.orders.life import OrderState
from protocols.documents.envelope import read_envelope
from protocols.documents.kind_rule import Role
from protocols.documents.orders import short_keyid
from protocols.documents.protecting import PROTECTING
from protocols.documents.roles import Root, SignedBy, signers_of

_VOIDED: Final = "voided/"
_ENVELOPES_REMEMBERED: Final = 4_096


def note_voided(session: Session, keyid: str, order_id: str) -> None:
    """Keep that this order has voided a key; the first one stays noted."""
    if session.get(SettingRow, _VOIDED + keyid) is None:
        session.add(SettingRow(name=_VOIDED + keyid, value=order_id))
        session.flush()


def voided_by(session: Session) -> dict[str, str]:
    """The order that voided each key, by keyid."""
    rows = session.exec(select(SettingRow).where(col(SettingRow.name).startswith(_VOIDED)))
    return {row.name.removeprefix(_VOIDED): row.value for row in rows}


def voided_keys(session: Session) -> frozenset[str]:
    """The short keyids of all voided keys."""
    return frozenset(map(short_keyid, voided_by(session)))


@lru_cache(maxsize=_ENVELOPES_REMEMBERED)
def keyids_in(envelope: bytes) -> tuple[str, ...]:
    """The keyids that an envelope of the store names, the first signer first; checked at approval."""
    return tuple(each.keyid for each in read_envelope(envelope).signatures)


def protectors_of(row: OrderRow, root: Root, voided: Collection[str]) -> tuple[SignedBy, ...]:
    """The keys on which a protecting order stands; whoever made it, where the root lists none of them."""
    counted = [keyid for keyid in keyids_in(row.envelope) if short_keyid(keyid) not in voided]
    return signers_of(counted, root, Role.PROTECT) or (SignedBy(row.created_by, ""),)


def standing_on(session: Session, root: Root, keyid: str) -> list[OrderRow]:
    """The active orders that protect by this key's signature alone, in the sequence of their making."""
    query = select(OrderRow).where(OrderRow.state == OrderState.ACTIVE, col(OrderRow.kind).in_(PROTECTING))
    others = voided_keys(session) | {short_keyid(keyid)}
    return [
        row
        for row in session.exec(query.order_by(col(OrderRow.created_ms), col(OrderRow.id)))
        if keyid in keyids_in(row.envelope) and not _stands(row, root, others)
    ]


def ended_by_void(session: Session, rows: Collection[OrderRow]) -> dict[str, str]:
    """Of superseded orders, those that every signer's void has ended: the id of such a void, by order."""
    voided = voided_by(session)
    found = {}
    for row in rows:
        keyids = keyids_in(row.envelope)
        if row.kind in PROTECTING and all(keyid in voided for keyid in keyids):
            found[row.id] = max(voided[keyid] for keyid in keyids)
    return found


def _stands(row: OrderRow, root: Root, voided: Collection[str]) -> bool:
    counted = [keyid for keyid in keyids_in(row.envelope) if short_keyid(keyid) not in voided]
    return bool(signers_of(counted, root, Role.PROTECT))
