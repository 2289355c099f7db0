"""What the stored documents permit and forbid together: a cache, computed anew after each document.

Permission to cut is a lease: a calendar signed by two, kept alive from day to day (design §1.3, §4.2).

It is derived from the memory and not stored in the image. `GuardedMeter._receive` drops it, and documents
change nowhere else; what changes otherwise (clock, purse, release) is not cached here.
"""

from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from emulator.firmware.guarded.holds import is_protected, spans
from emulator.firmware.guarded.memory import Calendar, Lease, Memory
from protocols.documents.merging import ROOT_NAMED, Protection, knows
from protocols.link.question import HoldSpan, Permission


class Known(Struct, frozen=True, gc=False):
    """What permits a cut, what forbids one, and whether the household is limited in its place."""

    permission: Permission
    holds: tuple[HoldSpan, ...]
    is_protected: bool


def known_of(memory: Memory, root_version: int = 1) -> Known:
    """By the documents as they are stored now; one object for all meters that store the same."""
    return _known(_leased_calendar(memory), memory.lease, tuple(memory.protections.items()), root_version)


# As many as a process may hold of fleets, regions, and households with a hold of their own in hand.
@lru_cache(maxsize=1024)
def _known(
    calendar: Calendar | None,
    lease: Lease | None,
    entries: tuple[tuple[str, Protection], ...],
    root_version: int,
) -> Known:
    protections = dict(entries)
    permission = _permitted_by(calendar, lease, protections, root_version)
    return Known(permission, spans(protections), is_protected(protections))


def _permitted_by(
    calendar: Calendar | None,
    lease: Lease | None,
    protections: Mapping[str, Protection],
    root_version: int,
) -> Permission:
    """What a lease and the calendar that it keeps alive permit; nothing where either is missing."""
    if calendar is None or lease is None:
        return Permission()
    return Permission(calendar.windows_ms, lease.ends_ms, _stores_all_named(protections, lease, root_version))


def _leased_calendar(memory: Memory) -> Calendar | None:
    """The calendar that the lease keeps alive: by name, rev and digest."""
    lease = memory.lease
    if lease is None:
        return None
    calendar = memory.calendars.get(lease.calendar)
    if calendar is None or (calendar.rev, calendar.digest) != (lease.calendar_rev, lease.calendar_digest):
        return None
    return calendar


def _stores_all_named(protections: Mapping[str, Protection], lease: Lease, root_version: int) -> bool:
    """Whether every revision the lease names is stored here, or lies at or below a floor; and its root."""
    return all(
        named.floor <= root_version
        if named.object == ROOT_NAMED
        else knows(protections.get(named.object), named)
        for named in lease.names
    )
