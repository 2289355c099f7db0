"""Permission to cut is a lease: a calendar signed by two, kept alive from day to day (design §1.3, §4.2)."""

from emulator.firmware.guarded.gate import Permission
from emulator.firmware.guarded.memory import Calendar, Lease, Memory
from protocols.merging import knows


def permission(memory: Memory) -> Permission:
    """What calendar and lease permit; nothing where the lease does not name exactly this calendar."""
    calendar = leased_calendar(memory)
    if calendar is None or memory.lease is None:
        return Permission()
    return Permission(calendar.windows_ms, memory.lease.ends_ms, stores_all_named(memory, memory.lease))


def leased_calendar(memory: Memory) -> Calendar | None:
    """The calendar that the lease keeps alive: by name, rev and digest."""
    lease = memory.lease
    if lease is None:
        return None
    calendar = memory.calendars.get(lease.calendar)
    if calendar is None or (calendar.rev, calendar.digest) != (lease.calendar_rev, lease.calendar_digest):
        return None
    return calendar


def stores_all_named(memory: Memory, lease: Lease) -> bool:
    """Whether every revision the lease names is stored here, or lies at or below a floor."""
    return all(knows(memory.protections.get(named.object), named) for named in lease.names)
