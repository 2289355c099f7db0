"""Permission to cut is a lease: a calendar signed by two, kept alive from day to day (design §1.3, §4.2)."""

from collections.abc import Mapping

from emulator.firmware.guarded.memory import Calendar, Lease, Memory
from protocols.documents.merging import Protection, knows
from protocols.link.question import Permission


def permission(memory: Memory) -> Permission:
    """What the documents of a meter permit; nothing where the lease does not name exactly its calendar."""
    return permitted_by(leased_calendar(memory), memory.lease, memory.protections)


def permitted_by(
    calendar: Calendar | None, lease: Lease | None, protections: Mapping[str, Protection]
) -> Permission:
    """What a lease and the calendar that it keeps alive permit; nothing where either is missing."""
    if calendar is None or lease is None:
        return Permission()
    return Permission(calendar.windows_ms, lease.ends_ms, stores_all_named(protections, lease))


def leased_calendar(memory: Memory) -> Calendar | None:
    """The calendar that the lease keeps alive: by name, rev and digest."""
    lease = memory.lease
    if lease is None:
        return None
    calendar = memory.calendars.get(lease.calendar)
    if calendar is None or (calendar.rev, calendar.digest) != (lease.calendar_rev, lease.calendar_digest):
        return None
    return calendar


def stores_all_named(protections: Mapping[str, Protection], lease: Lease) -> bool:
    """Whether every revision the lease names is stored here, or lies at or below a floor."""
    return all(knows(protections.get(named.object), named) for named in lease.names)
