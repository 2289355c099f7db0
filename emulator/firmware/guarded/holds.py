"""What forbids a cut: holds, flags that hold, and the hours of a release (design §4.2, rules 3 and 5).

Holds and flags are `Protection` values joined by `protocols.documents.merging`. A release counts ticks, so
that a wrong date cannot shorten it; only when ticks were lost meanwhile does it wait for a date.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from emulator.firmware.guarded.clock import earliest_ms, latest_ms
from emulator.firmware.guarded.interval import margin_ms, tick_lower_reaches
from emulator.firmware.guarded.memory import NO_RELEASE, Memory, ReleaseDate
from emulator.firmware.ticks import NEVER, Tick
from protocols.documents.merging import Protection, in_force
from protocols.instants import UtcMs
from protocols.link.question import HoldSpan
from protocols.reasons import ClockStatus

FLAG_PROTECTED = "flag/protected"
_HOLDING_PREFIXES = ("hold/", "flag/")


def spans(protections: Mapping[str, Protection]) -> tuple[HoldSpan, ...]:
    """All holds in force, sorted by name. The flag `protected` is none: it limits in place of a cut."""
    found = []
    for name in sorted(protections):
        if name == FLAG_PROTECTED or not name.startswith(_HOLDING_PREFIXES):
            continue
        force = in_force(protections[name])
        if force is not None:
            found.append(HoldSpan(name, *force))
    return tuple(found)


def is_protected(protections: Mapping[str, Protection]) -> bool:
    """Whether the household's flag `protected` is set."""
    protection = protections.get(FLAG_PROTECTED)
    return protection is not None and in_force(protection) is not None


def hold_for(memory: Memory, hours_ms: int, tick: Tick) -> None:
    """A release was carried out now: hold for its hours; a longer hold that runs already stays."""
    memory.release_ends_at = max(memory.release_ends_at, Tick(tick + hours_ms))


def release_holds(memory: Memory) -> bool:
    """Whether the hours of a release run, in ticks or until a date that has not surely passed."""
    return memory.release_ends_at > NO_RELEASE or memory.release_date is not None


def survive_lost_ticks(memory: Memory, tick: Tick) -> None:
    """Before ticks are given up: turn the ticks that are left into a date that is surely late enough."""
    left_ms = memory.release_ends_at - tick
    memory.release_ends_at = NO_RELEASE
    if left_ms <= 0:
        return
    left_ms += margin_ms(left_ms, memory.clock.ppm)
    high_ms = latest_ms(memory.clock, tick)
    ends_ms = None if high_ms is None else UtcMs(high_ms + left_ms)
    before = memory.release_date
    if before is not None:
        left_ms = max(left_ms, before.left_ms)
        ends_ms = None if ends_ms is None or before.ends_ms is None else max(ends_ms, before.ends_ms)
    memory.release_date = ReleaseDate(ends_ms, left_ms)


def update_release(memory: Memory, tick: Tick) -> None:
    """Drop a release's hold that is over; date one whose end was not known, once the clock is trusted."""
    if NO_RELEASE < memory.release_ends_at <= tick:
        memory.release_ends_at = NO_RELEASE
    held, clock = memory.release_date, memory.clock
    if held is None or clock.status is not ClockStatus.TRUSTED:
        return
    high_ms = latest_ms(clock, tick)
    if held.ends_ms is None and high_ms is not None:
        memory.release_date = replace(held, ends_ms=UtcMs(high_ms + held.left_ms))
    elif held.ends_ms is not None and earliest_ms(clock, tick) >= held.ends_ms:
        memory.release_date = None


def release_due_tick(memory: Memory) -> Tick:
    """The next tick at which `update_release` has something to do; NEVER without a release."""
    due = memory.release_ends_at or NEVER
    held = memory.release_date
    if held is None or held.ends_ms is None or memory.clock.status is not ClockStatus.TRUSTED:
        return due
    return min(due, tick_lower_reaches(memory.clock.earliest, held.ends_ms, memory.clock.ppm))
