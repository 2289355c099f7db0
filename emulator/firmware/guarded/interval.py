"""Bounds on true time, aged by the crystal's own rate bound (design §4.1).

A *point* says: at tick `tick`, true time was at least (lower) or at most (upper) `value_ms`. It is
never rewritten as time passes; a reading at a later tick adds the ticks between and a margin for
what the crystal may have gained or lost. `ppm` bounds ticks against true time: with `dt` ticks
between, true time has advanced by `dt ± margin(dt)`; 1 ms covers the counting of whole ticks.
"""

from msgspec import Struct

from emulator.firmware.ticks import NEVER, Tick
from protocols.instants import UtcMs

_MILLION = 1_000_000


class Point(Struct, frozen=True, gc=False):
    value_ms: UtcMs
    tick: Tick


def margin_ms(elapsed_ticks: int, ppm: int) -> int:
    """What true time may differ from `elapsed_ticks` ticks, in ms, rounded up."""
    return -(-elapsed_ticks * ppm // (_MILLION - ppm)) + 1


def lower_ms(point: Point, tick: Tick, ppm: int) -> UtcMs:
    """True time is not earlier than this at `tick`."""
    elapsed_ticks = tick - point.tick
    if elapsed_ticks == 0:
        return point.value_ms
    return UtcMs(point.value_ms + elapsed_ticks - margin_ms(elapsed_ticks, ppm))


def upper_ms(point: Point, tick: Tick, ppm: int) -> UtcMs:
    """True time is not later than this at `tick`."""
    elapsed_ticks = tick - point.tick
    return UtcMs(point.value_ms + elapsed_ticks + margin_ms(elapsed_ticks, ppm))


def tick_lower_reaches(point: Point, instant_ms: UtcMs, ppm: int) -> Tick:
    """First tick, not before the point's own, at which the lower bound has reached `instant_ms`.

    An instant so far ahead that no meter lives to see it gives NEVER.
    """
    wanted = instant_ms - point.value_ms
    if wanted <= 0:
        return point.tick
    if wanted > NEVER // _MILLION:
        return NEVER
    # The margin without its rounding and its 1 ms gives an answer that is a few ticks too low at most.
    elapsed_ticks = wanted * (_MILLION - ppm) // (_MILLION - 2 * ppm)
    while elapsed_ticks - margin_ms(elapsed_ticks, ppm) < wanted:
        elapsed_ticks += 1
    return Tick(point.tick + elapsed_ticks)
