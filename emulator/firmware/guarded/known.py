"""What the stored documents say together: worked out when one has come, looked at until the next.

Derived from the memory and never part of the image. `GuardedMeter` lets go of it in `_receive`, the
only way by which documents come and go; all else that changes is asked where it stands.
"""

from functools import lru_cache

from msgspec import Struct

from emulator.firmware.guarded.holds import is_protected, spans
from emulator.firmware.guarded.memory import Calendar, Lease, Memory
from emulator.firmware.guarded.permission import leased_calendar, permitted_by
from protocols.documents.merging import Protection
from protocols.link.question import HoldSpan, Permission


class Known(Struct, frozen=True, gc=False):
    """What permits a cut, what forbids one, and whether the household is limited in its place."""

    permission: Permission
    holds: tuple[HoldSpan, ...]
    is_protected: bool


def known_of(memory: Memory) -> Known:
    """By the documents as they are stored now; one object for all meters that store the same."""
    return _known(leased_calendar(memory), memory.lease, tuple(memory.protections.items()))


# As many as a process may hold of fleets, regions, and households with a hold of their own in hand.
@lru_cache(maxsize=1024)
def _known(
    calendar: Calendar | None, lease: Lease | None, entries: tuple[tuple[str, Protection], ...]
) -> Known:
    protections = dict(entries)
    return Known(permitted_by(calendar, lease, protections), spans(protections), is_protected(protections))
