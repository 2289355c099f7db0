"""What a void does to the protection of a meter: one key's part goes, whatever it was (design §5, void).

A void takes away every revision that the key has signed, and every catch-all of it, and declares again what
it keeps, in the room of one of its own signers. What the key signs later is refused (`counting`), so that the
result is the same whether its documents came before the void or after it. What any other key has signed, of
the same person too, and every floor of two people stay as they are. Pure.
"""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec.structs import replace

from protocols.documents.bodies import HoldBody, Kept, VoidBody
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.merging import NOTHING, Protection, Revision
from protocols.documents.orders import Order, make_body, short_keyid
from protocols.documents.protecting import PROTECTING

_RELEASE: Final = f"{KINDS[Kind.RELEASE].prefix}/"
_HOLD: Final = f"{KINDS[Kind.HOLD].prefix}/"


def counting(order: Order, keyids: frozenset[str], voided: Collection[str]) -> frozenset[str]:
    """The keys whose signatures count for this order, where those of `voided` (short keyids) are.

    Only for protection a void changes this. Money stays money, and harm needs a second person anyway: what a
    voided key may still do ends with the root that drops it.
    """
    if order.kind not in PROTECTING:
        return keyids
    return frozenset(keyid for keyid in keyids if short_keyid(keyid) not in voided)


def is_well_formed(order: Order, body: VoidBody, keyids: Collection[str]) -> bool:
    """Whether the void is named after its key, and keeps only holds, for one of its own signers."""
    return (
        order.object == f"{KINDS[order.kind].prefix}/{body.key}"
        and (not body.keeps or body.keeper in keyids)
        and body.keeper != body.key
        and all(kept.object.startswith(_HOLD) and kept.from_ms <= kept.until_ms for kept in body.keeps)
    )


def take_away(table: Mapping[str, Protection], keyid: str, holder: str) -> Mapping[str, Protection]:
    """The table without anything that this key has signed; the same table if there is nothing.

    The numbers of its releases go too: no further document of the key is taken, so that none can be repeated.
    """
    left = {
        name: _without(protection, short_keyid(keyid), holder)
        for name, protection in table.items()
        if name != f"{_RELEASE}{keyid}"
    }
    left = {name: protection for name, protection in left.items() if protection != NOTHING}
    return table if left == table else left


def as_hold(void: Order, kept: Kept) -> Order:
    """What a void keeps, as the order of a hold that its keeper has signed."""
    body = make_body(HoldBody(kept.from_ms, kept.until_ms))
    return replace(void, kind=Kind.HOLD, object=kept.object, rev=kept.rev, body=body)


def _without(protection: Protection, key: str, holder: str) -> Protection:
    above = tuple(each for each in protection.above if not _is_voided(each, key, holder))
    return protection if len(above) == len(protection.above) else replace(protection, above=above)


def _is_voided(revision: Revision, key: str, holder: str) -> bool:
    return revision.key == key if revision.key else revision.holder == holder
