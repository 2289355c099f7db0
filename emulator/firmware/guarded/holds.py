"""What forbids a cut: holds, flags that hold, and the hours of a release (design §4.2, rules 3 and 5).

Holds and flags are `Protection` values joined by `protocols.documents.merging`. A release counts ticks, so
that a wrong date cannot shorten it; only when ticks were lost meanwhile does it wait for a date. The hours
are kept per key, so that those of a stolen one can be taken away.
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from emulator.firmware.guarded.clock import Clock, earliest_ms, latest_ms
from emulator.firmware.guarded.interval import margin_ms, tick_lower_reaches
from emulator.firmware.guarded.memory import NO_RELEASE, KeyHours, Memory, ReleaseDate
from emulator.firmware.guarded.sharing import NO_ENTRIES
from emulator.firmware.ticks import NEVER, Tick
from protocols.documents.merging import Protection, in_force
from protocols.instants import UtcMs
from protocols.link.question import HoldSpan
from protocols.reasons import ClockStatus

FLAG_PROTECTED = "flag/protected"
_HOLDING_PREFIXES = ("hold/", "flag/")
_NO_HOURS: Final = KeyHours()


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


def hold_for(memory: Memory, hours_ms: int, tick: Tick, key: str = "") -> None:
    """A release by `key` was carried out now: hold for its hours; a longer hold that runs already stays."""
    by_key = _by_key(memory)
    held = by_key.get(key, _NO_HOURS)
    by_key[key] = replace(held, ends_at=max(held.ends_at, Tick(tick + hours_ms)))
    _keep_hours(memory, by_key)


def forget_hours(memory: Memory, key: str) -> None:
    """End the hours of this key's releases; those of all others go on."""
    by_key = _by_key(memory)
    if by_key.pop(key, None) is not None:
        _keep_hours(memory, by_key)


def release_holds(memory: Memory) -> bool:
    """Whether the hours of a release run, in ticks or until a date that has not surely passed."""
    return memory.release_ends_at > NO_RELEASE or memory.release_date is not None


def survive_lost_ticks(memory: Memory, tick: Tick) -> None:
    """Before ticks are given up: turn the ticks that are left into dates that are surely late enough."""
    if release_holds(memory):
        high_ms = latest_ms(memory.clock, tick)
        dated = {
            key: _dated(held, Tick(held.ends_at - tick), high_ms, memory.clock.ppm)
            for key, held in _by_key(memory).items()
        }
        _keep_hours(memory, dated)


def update_release(memory: Memory, tick: Tick) -> None:
    """Drop hours that are over; date those whose end was not known, once the clock is trusted."""
    if not release_holds(memory):
        return
    before = _by_key(memory)
    after = {key: _updated(held, memory.clock, tick) for key, held in before.items()}
    if after != before:
        _keep_hours(memory, after)


def release_due_tick(memory: Memory) -> Tick:
    """The next tick at which `update_release` has something to do; NEVER without a release."""
    return min((_due_tick(held, memory.clock) for held in _by_key(memory).values()), default=NEVER)


def _by_key(memory: Memory) -> dict[str, KeyHours]:
    """The hours of each key. What an older firmware stored stands under no key."""
    if memory.released_by or not release_holds(memory):
        return dict(memory.released_by)
    return {"": KeyHours(memory.release_ends_at, memory.release_date)}


def _keep_hours(memory: Memory, by_key: Mapping[str, KeyHours]) -> None:
    """Store the hours that are left of each key, and what they make together."""
    kept = {key: held for key, held in by_key.items() if held != _NO_HOURS}
    memory.released_by = kept or NO_ENTRIES
    memory.release_ends_at = max((held.ends_at for held in kept.values()), default=NO_RELEASE)
    memory.release_date = None
    for date in (held.date for held in kept.values() if held.date is not None):
        memory.release_date = _longer(memory.release_date, date)


def _longer(held: ReleaseDate | None, new: ReleaseDate) -> ReleaseDate:
    """The date of both; not known where one of them is not."""
    if held is None:
        return new
    unknown = held.ends_ms is None or new.ends_ms is None
    ends_ms = None if unknown else max(held.ends_ms or UtcMs(0), new.ends_ms or UtcMs(0))
    return ReleaseDate(ends_ms, max(held.left_ms, new.left_ms))


def _dated(held: KeyHours, left: Tick, high_ms: UtcMs | None, ppm: int) -> KeyHours:
    if left <= 0:
        return KeyHours(NO_RELEASE, held.date)
    left_ms = left + margin_ms(left, ppm)
    ends_ms = None if high_ms is None else UtcMs(high_ms + left_ms)
    return KeyHours(NO_RELEASE, _longer(held.date, ReleaseDate(ends_ms, left_ms)))


def _updated(held: KeyHours, clock: Clock, tick: Tick) -> KeyHours:
    if NO_RELEASE < held.ends_at <= tick:
        held = replace(held, ends_at=NO_RELEASE)
    date = held.date
    if date is None or clock.status is not ClockStatus.TRUSTED:
        return held
    high_ms = latest_ms(clock, tick)
    if date.ends_ms is None and high_ms is not None:
        return replace(held, date=replace(date, ends_ms=UtcMs(high_ms + date.left_ms)))
    if date.ends_ms is not None and earliest_ms(clock, tick) >= date.ends_ms:
        return replace(held, date=None)
    return held


def _due_tick(held: KeyHours, clock: Clock) -> Tick:
    due = held.ends_at or NEVER
    date = held.date
    if date is None or date.ends_ms is None or clock.status is not ClockStatus.TRUSTED:
        return due
    return min(due, tick_lower_reaches(clock.earliest, date.ends_ms, clock.ppm))
