"""Why the supply would be opened or limited now, and since when the household has been warned.

A cause *stands* while its fact holds: an empty purse, a stored cut order, a limiter order. It stands
inside and outside windows, and only while there is supply to take. Whether it may act is the gate's
business; `warned` in the memory holds the tick at which its warning began (design §4.2, rules 5, 6).
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from emulator.firmware.credit import has_nothing_left
from emulator.firmware.guarded.clock import earliest_ms
from emulator.firmware.guarded.gate import begun, next_possible_ms, window_at
from emulator.firmware.guarded.holds import release_holds
from emulator.firmware.guarded.identity import SPREAD_WHOLE
from emulator.firmware.guarded.interval import tick_lower_reaches
from emulator.firmware.guarded.known import Known
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.guarded.sharing import without
from emulator.firmware.profile import Profile
from emulator.firmware.service_point import ServicePoint
from emulator.firmware.ticks import NEVER, Tick
from protocols.instants import SECOND_MS, UtcMs
from protocols.link.question import Evidence
from protocols.reasons import ClockStatus, Supply, SupplyReason
from protocols.spans import Window

CREDIT_KEY = "credit"
LIMITER_KEY = "limiter"


class Cause(Struct, frozen=True):
    """`key` names it in the memory: `credit`, `limiter`, or the cut order's object."""

    key: str
    reason: SupplyReason
    to: Supply
    evidence: Evidence


_OFF: Final = Supply.OFF
_LIMITED: Final = Supply.LIMITED
_BY_CREDIT: Final = {
    to: Cause(CREDIT_KEY, SupplyReason.CREDIT, to, Evidence(nothing_left=True)) for to in (_OFF, _LIMITED)
}
_BY_LIMITER: Final = Cause(LIMITER_KEY, SupplyReason.LIMITER, _LIMITED, Evidence(limiter_ordered=True))


def standing(memory: Memory, point: ServicePoint, known: Known) -> tuple[Cause, ...]:
    """The causes that stand and would change the supply, credit first, then orders by name.

    A protected household with a limiter gets the limiter in place of darkness, whatever the cause.
    """
    if not point.is_supplied():
        return ()
    darkness = _LIMITED if known.is_protected and point.profile.has_limiter else _OFF
    found = []
    if has_nothing_left(point.credit):
        found.append(_BY_CREDIT[darkness])
    for name in sorted(memory.cut_orders):
        order = memory.cut_orders[name]
        evidence = Evidence(order_from_ms=order.from_ms, order_until_ms=order.until_ms)
        found.append(Cause(name, SupplyReason.CUT_ORDER, darkness, evidence))
    if memory.limiter_ordered:
        found.append(_BY_LIMITER)
    return tuple(cause for cause in found if cause.to is not point.supply)


def forget_over(memory: Memory) -> bool:
    """Forget every cut order whose interval the envelope has left behind; True if there was one.

    The clock's status is no matter: to forget a cut is protection, so that doubt needs no second look.
    """
    if not memory.cut_orders:
        return False
    low_ms = earliest_ms(memory.clock, memory.tick)
    over = [name for name, order in memory.cut_orders.items() if order.until_ms <= low_ms]
    if over:
        memory.cut_orders = without(memory.cut_orders, *over)
    return bool(over)


def over_due_tick(memory: Memory) -> Tick:
    """The next tick at which `forget_over` has something to do; NEVER without an order."""
    if not memory.cut_orders:
        return NEVER
    first_ms = min(order.until_ms for order in memory.cut_orders.values())
    return tick_lower_reaches(memory.clock.earliest, UtcMs(first_ms), memory.clock.ppm)


def may_stand(memory: Memory, point: ServicePoint) -> bool:
    """Whether there is any cause at all, whatever the supply is."""
    return has_nothing_left(point.credit) or bool(memory.cut_orders) or memory.limiter_ordered


def reason_shown(cause: Cause) -> SupplyReason:
    """What the change of supply is called: a limited household was limited, whatever led to it."""
    return SupplyReason.LIMITER if cause.to is Supply.LIMITED else cause.reason


def warning_ends_tick(memory: Memory, key: str, profile: Profile) -> Tick:
    """The tick at which the cause's warning is complete; NEVER while it has not begun."""
    began = memory.warned.get(key)
    return NEVER if began is None else Tick(began + profile.warning_s * SECOND_MS)


def spread_ms(window: Window, profile: Profile, spread_share: int) -> int:
    """The meter's own delay after the start of a window, so that a fleet does not open at one instant."""
    quarter_ms = (window.end_ms - window.start_ms) // 4
    return min(profile.spread_max_s * SECOND_MS, quarter_ms) * spread_share // SPREAD_WHOLE


def has_spread(memory: Memory, windows: Sequence[Window], profile: Profile, spread_share: int) -> bool:
    """Whether this meter's turn in the present window has come for certain."""
    low_ms = earliest_ms(memory.clock, memory.tick)
    window = window_at(windows, low_ms)
    return window is not None and low_ms >= window.start_ms + spread_ms(window, profile, spread_share)


def due_tick(
    memory: Memory,
    causes: Sequence[Cause],
    known: Known,
    profile: Profile,
    spread_share: int,
    since_tick: Tick,
) -> Tick:
    """When the causes that stand must be judged next; `since_tick` is the step that judged them last."""
    if not causes and not memory.warned:
        return NEVER
    if any(cause.key not in memory.warned for cause in causes) or len(memory.warned) > len(causes):
        return memory.tick
    ends = [warning_ends_tick(memory, cause.key, profile) for cause in causes]
    ready = [cause for cause, end in zip(causes, ends, strict=True) if end <= since_tick]
    chance_tick = _next_chance_tick(memory, ready, known, profile, spread_share, since_tick)
    return min([chance_tick, *(end for end in ends if end > since_tick)])


def _next_chance_tick(
    memory: Memory,
    causes: Sequence[Cause],
    known: Known,
    profile: Profile,
    spread_share: int,
    since_tick: Tick,
) -> Tick:
    """First tick after `since_tick` at which the gate could say yes to a standing cause.

    Instants outside the windows and their spread, or inside a hold, are skipped: the gate refuses
    them in any case. Each is judged by the earliest instant possible. The warning's end and a
    release's are the caller's.
    """
    if not causes or memory.clock.status is not ClockStatus.TRUSTED or release_holds(memory):
        return NEVER
    low_ms = earliest_ms(memory.clock, since_tick)
    chance_ms = _possible_from_ms(low_ms, known, profile, spread_share)
    if chance_ms == low_ms:
        # A cut is possible now, and the step at `since_tick` has judged it: go on to the next change.
        turn_ms = _next_turn_ms(causes, known, low_ms)
        chance_ms = None if turn_ms is None else _possible_from_ms(turn_ms, known, profile, spread_share)
    if chance_ms is None:
        return NEVER
    return max(tick_lower_reaches(memory.clock.earliest, chance_ms, memory.clock.ppm), Tick(since_tick + 1))


def _possible_from_ms(from_ms: UtcMs, known: Known, profile: Profile, spread_share: int) -> UtcMs | None:
    """The first instant from `from_ms` on in this meter's turn of a window, and outside every hold."""
    while True:
        possible_ms = next_possible_ms(from_ms, known.permission, known.holds)
        window = None if possible_ms is None else window_at(known.permission.windows_ms, possible_ms)
        if possible_ms is None or window is None:
            return None
        turn_ms = window.start_ms + spread_ms(window, profile, spread_share)
        if possible_ms >= turn_ms:
            return UtcMs(possible_ms)
        from_ms = UtcMs(turn_ms)


def _next_turn_ms(causes: Sequence[Cause], known: Known, low_ms: UtcMs) -> UtcMs | None:
    """The next instant after `low_ms` at which one of the gate's rules may turn from no to yes.

    A hold ends, whether it has begun or not; an order's interval begins; the next window does.
    """
    windows = known.permission.windows_ms
    turns = [hold.until_ms for hold in known.holds if hold.until_ms > low_ms]
    turns += [c.evidence.order_from_ms for c in causes if c.evidence.order_from_ms > low_ms]
    index = begun(windows, low_ms)
    turns += [window.start_ms for window in windows[index : index + 1]]
    return UtcMs(min(turns)) if turns else None
