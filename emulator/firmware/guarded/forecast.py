"""The forecast: when the gate could next say yes to a cause, if nothing new arrives (design §4.2).

Everything but the cause is taken into account as the gate would take it then: the clock's status and its
interval, which ages; a release, whose hours are ticks; holds and flags; windows; the lease's end; what the
lease names. A cause is taken for granted, because a household may empty its purse at any time. So no opening
comes earlier, whatever its cause: an order's interval, the warning and the spread only delay it.
"""

from emulator.firmware.guarded.clock import earliest_ms, latest_ms
from emulator.firmware.guarded.gate import begun, window_at
from emulator.firmware.guarded.interval import lower_ms, tick_lower_reaches
from emulator.firmware.guarded.known import Known
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.ticks import NEVER, Tick
from protocols.instants import UtcMs
from protocols.link.question import HoldSpan, Permission
from protocols.reasons import ClockStatus


def forecast_ms(memory: Memory, known: Known, tick: Tick) -> UtcMs | None:
    """The first `earliest` of the clock, from `tick` on, at which the gate would open to a cause.

    None: at no instant, as things stand. True time has reached it by then, since the interval contains it.
    """
    permission, clock = known.permission, memory.clock
    if clock.status is not ClockStatus.TRUSTED or permission.lease_ends_ms is None or not permission.complete:
        return None
    # A lower bound that was heard at this very tick reads a millisecond less at the next one.
    low_ms = min(earliest_ms(clock, tick), earliest_ms(clock, Tick(tick + 1)))
    at_ms: UtcMs | None = max(low_ms, _release_ends_ms(memory, tick))
    while at_ms is not None:
        high_ms = _latest_when(memory, at_ms, low_ms, tick)
        if high_ms is None or high_ms >= permission.lease_ends_ms:
            return None
        later_ms = _after_what_forbids(at_ms, high_ms, known.holds, permission)
        if later_ms == at_ms:
            return at_ms
        at_ms = later_ms
    return None


def _release_ends_ms(memory: Memory, tick: Tick) -> UtcMs:
    """What the clock's `earliest` will be when no release holds any more; long ago where none does."""
    clock, held = memory.clock, memory.release_date
    ends_ms = UtcMs(0)
    if memory.release_ends_at > tick:
        ends_ms = lower_ms(clock.earliest, memory.release_ends_at, clock.ppm)
    if held is None:
        return ends_ms
    # A release whose end is not known yet is dated by the next second of a trusted clock.
    dated_ms = (latest_ms(clock, tick) or 0) + held.left_ms if held.ends_ms is None else held.ends_ms
    return UtcMs(max(ends_ms, dated_ms))


def _latest_when(memory: Memory, at_ms: UtcMs, low_ms: UtcMs, tick: Tick) -> UtcMs | None:
    """The clock's `latest` when its `earliest` has reached `at_ms`; None for never."""
    clock = memory.clock
    if at_ms == low_ms:
        return latest_ms(clock, tick)
    then_tick = tick_lower_reaches(clock.earliest, at_ms, clock.ppm)
    return None if then_tick == NEVER else latest_ms(clock, Tick(max(then_tick, tick)))


def _after_what_forbids(
    at_ms: UtcMs, high_ms: UtcMs, holds: tuple[HoldSpan, ...], permission: Permission
) -> UtcMs | None:
    """`at_ms` itself where nothing forbids it; else where what forbids it ends, or None where it does not."""
    ends_ms = [hold.until_ms for hold in holds if hold.from_ms <= high_ms and at_ms < hold.until_ms]
    if ends_ms:
        return UtcMs(max(ends_ms))
    windows = permission.windows_ms
    window = window_at(windows, at_ms)
    if window is not None and high_ms < window.end_ms:
        return at_ms
    index = begun(windows, at_ms)
    return UtcMs(windows[index].start_ms) if index < len(windows) else None
