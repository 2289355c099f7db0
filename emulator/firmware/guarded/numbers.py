"""Which number the meter holds of an object: a refusal names it, so that the next one is signed above it.

A store that was restored from a backup gives numbers that it has given before. It cannot know that, but for
what the meters say (design §5, Numbers).
"""

from typing import Final

from emulator.firmware.guarded.memory import Memory
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import NOTHING, highest_number
from protocols.documents.orders import Order
from protocols.reasons import Refusal

# Refusals that a higher number mends.
_BY_NUMBER: Final = (Refusal.STALE_NUMBER, Refusal.STALE_REV, Refusal.BELOW_FLOOR)


def known_number(order: Order, refusal: Refusal, memory: Memory) -> int | None:
    """The number above which a refused order must be signed; None where no other number would help."""
    if refusal not in _BY_NUMBER:
        return None
    held = memory.protections.get(order.object, NOTHING)
    match order.kind:
        case Kind.RELEASE if refusal is Refusal.STALE_NUMBER:
            return highest_number(held)
        case Kind.LEASE:
            return 0 if memory.lease is None else memory.lease.rev
        case Kind.CUT_ORDER:
            seen = memory.cuts_seen.get(order.object)
            return 0 if seen is None else seen.rev
        case _ if order.object in memory.harm_revs:
            return memory.harm_revs[order.object]
        case _:
            return held.floor_rev
