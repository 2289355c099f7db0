"""Why the supply would be opened or limited now, and since when the household has been warned.

A cause *stands* while its fact holds: an empty purse, a stored cut order, a limiter order. It stands
inside and outside windows, and only while there is supply to take. Whether it may act is the gate's
business; `warned` in the memory holds the tick at which its warning began (design §4.2, rules 5, 6).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from emulator.firmware.credit import NEVER, has_nothing_left
from emulator.firmware.guarded.clock import earliest_ms
from emulator.firmware.guarded.gate import Evidence, HoldSpan, window_at
from emulator.firmware.guarded.holds import is_protected
from emulator.firmware.guarded.identity import SPREAD_PARTS
from emulator.firmware.guarded.interval import tick_lower_reaches
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.profile import Profile
from emulator.firmware.service_point import ServicePoint
from protocols.instants import SECOND_MS
from protocols.reasons import ClockStatus, Supply, SupplyReason

CREDIT_KEY = "credit"
LIMITER_KEY = "limiter"


@dataclass(frozen=True, slots=True)
class Cause:
    """`key` names it in the memory: `credit`, `limiter`, or the cut order's object."""

    key: str
    reason: SupplyReason
    to: Supply
    evidence: Evidence


def standing(memory: Memory, point: ServicePoint) -> tuple[Cause, ...]:
    """The causes that stand and would change the supply, credit first, then orders by name.

    A protected household with a limiter gets the limiter in place of darkness, whatever the cause.
    """
    if not standing_without_limit(memory, point) or not point.is_supplied():
        return ()
    darkness = Supply.LIMITED if is_protected(memory) and point.profile.has_limiter else Supply.OFF
    found = []
    if has_nothing_left(point.credit):
        found.append(Cause(CREDIT_KEY, SupplyReason.CREDIT, darkness, Evidence(nothing_left=True)))
    for name in sorted(memory.cut_orders):
        order = memory.cut_orders[name]
        evidence = Evidence(order_from_ms=order.from_ms, order_until_ms=order.until_ms)
        found.append(Cause(name, SupplyReason.CUT_ORDER, darkness, evidence))
    if memory.limiter_ordered:
        evidence = Evidence(limiter_ordered=True)
        found.append(Cause(LIMITER_KEY, SupplyReason.LIMITER, Supply.LIMITED, evidence))
    return tuple(cause for cause in found if cause.to is not point.supply)


def standing_without_limit(memory: Memory, point: ServicePoint) -> bool:
    """Whether anything else than the limiter order keeps a limited household limited."""
    return has_nothing_left(point.credit) or bool(memory.cut_orders) or memory.limiter_ordered


def reason_shown(cause: Cause) -> SupplyReason:
    """What the change of supply is called: a limited household was limited, whatever led to it."""
    return SupplyReason.LIMITER if cause.to is Supply.LIMITED else cause.reason


def warned_at(memory: Memory, key: str, profile: Profile) -> int:
    """The tick at which the cause's warning is complete; NEVER while it has not begun."""
    began = memory.warned.get(key)
    return NEVER if began is None else began + profile.warning_s * SECOND_MS


def spread_ms(window_ms: tuple[int, int], profile: Profile, parts: int) -> int:
    """The meter's own delay after the start of a window, so that a fleet does not open at one instant."""
    start, end = window_ms
    return min(profile.spread_max_s * SECOND_MS, (end - start) // 4) * parts // SPREAD_PARTS


def has_spread(memory: Memory, windows_ms: Sequence[tuple[int, int]], profile: Profile, parts: int) -> bool:
    """Whether this meter's turn in the present window has come for certain."""
    low_ms = earliest_ms(memory.clock, memory.tick)
    window = window_at(windows_ms, low_ms)
    return window is not None and low_ms >= window[0] + spread_ms(window, profile, parts)


def next_chance_at(
    memory: Memory,
    causes: Sequence[Cause],
    windows_ms: Sequence[tuple[int, int]],
    holds: Sequence[HoldSpan],
    profile: Profile,
    parts: int,
    since: int,
) -> int:
    """First tick after `since` at which the gate could answer a standing cause otherwise than then.

    Of the gate's rules only these turn from no to yes by the passing of time: a window with its spread
    begins, a hold ends, an order's interval begins, a release's hours end. Each is judged by the earliest
    instant possible. The warning's end is the caller's.
    """
    if not causes or memory.clock.status is not ClockStatus.TRUSTED:
        return NEVER
    low_ms = earliest_ms(memory.clock, since)
    edges = [hold.until_ms for hold in holds if hold.until_ms > low_ms]
    edges += [c.evidence.order_from_ms for c in causes if c.evidence.order_from_ms > low_ms]
    edges += _window_edges_ms(windows_ms, low_ms, profile, parts)
    if memory.release_date is not None and memory.release_date.ends_ms is not None:
        edges.append(memory.release_date.ends_ms)
    due = tick_lower_reaches(memory.clock.earliest, min(edges), memory.clock.ppm) if edges else NEVER
    if memory.release_ends_at > since:
        due = min(due, memory.release_ends_at)
    return max(due, since + 1)


def _window_edges_ms(
    windows_ms: Sequence[tuple[int, int]], low_ms: int, profile: Profile, parts: int
) -> list[int]:
    """The next beginnings with this meter's spread: of the present window, if to come, and of the next."""
    place = max(bisect_right(windows_ms, low_ms, key=lambda window: window[0]) - 1, 0)
    edges = [w[0] + spread_ms(w, profile, parts) for w in windows_ms[place : place + 2]]
    return [edge for edge in edges if edge > low_ms]
