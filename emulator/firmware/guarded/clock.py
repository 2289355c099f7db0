"""The interval clock: the crystal judges, dates are only witnesses (design §4.1).

Duty: keep an interval `[earliest, latest]` that contains true time, under any claims of one lying
source, and say plainly when it cannot. States:

    trusted    the interval is bounded and the witnesses held do not contradict it
    disputed   two witnesses contradict the crystal or each other; nothing narrows any more until a
               new epoch begins (a rebase by two people, or lost ticks); `nonce` names the dispute
    lost       a new tick epoch began; `latest` is unbounded until two witnesses bound it again

A *claim* counts for its source, the key that signed it. Of each source the last fresh answer and
the highest-numbered one-way time are held for 40 days, whether they agree or not. The rule takes
the second-highest lower bound and the second-lowest upper bound over sources: whatever one source
says, at least one honest bound stands on either side.

Assumed: at most one source lies among the claims held; the counter neither slips nor freezes
unnoticed. Functions work on a `Clock`; ticks, keys' verdicts and nonces come from the caller.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec import Struct, field
from msgspec.msgpack import Decoder

from emulator.firmware.guarded.interval import Point, lower_ms, tick_lower_reaches, upper_ms
from emulator.firmware.guarded.sharing import NO_ENTRIES, no_entries, without
from emulator.firmware.packed import PackedTable
from emulator.firmware.ticks import FIRST_TICK, Tick
from protocols.instants import UtcMs
from protocols.limits import ASKS_MAX, CLAIM_AGE_MS_MAX, HULL_MS_MAX, HULL_WINDOW_MS
from protocols.reasons import ClaimVerdict, ClockStatus, Source

# How much more than the ticks between two readings the estimate may grow: both margins are rounded.
_ESTIMATE_ROUNDED_MS: Final = 1


class Fresh(Struct, frozen=True, gc=False):
    """A fresh answer: bounds on either side, right for any delay of the answer."""

    lower: Point
    upper: Point


class OneWay(Struct, frozen=True, gc=False):
    """A numbered time heard: a lower bound, right for any delay and any replay."""

    number: int
    lower: Point


class Asked(Struct, frozen=True, gc=False):
    source: Source
    tick: Tick


class Mark(Struct, frozen=True, gc=False, array_like=True):
    """A tick, in the tick epoch that it counts in."""

    epoch: int
    tick: Tick


class Hull(NamedTuple):
    """A small miss: at `tick` the interval was widened by `added_ms`."""

    tick: Tick
    added_ms: int


class Clock(Struct, gc=False):
    """Everything the clock knows. `agreed`: when each source last agreed."""

    ppm: int
    earliest: Point
    latest: Point | None
    vouched_ms: UtcMs
    status: ClockStatus = ClockStatus.TRUSTED
    epoch: int = 0
    nonce: str = ""
    fresh: Mapping[Source, Fresh] = field(default_factory=no_entries)
    one_way: Mapping[Source, OneWay] = field(default_factory=no_entries)
    asks: Mapping[str, Asked] = field(default_factory=no_entries)
    hulls: tuple[Hull, ...] = ()
    agreed: Mapping[Source, Mark] = field(default_factory=no_entries)


class _Answers(PackedTable[Source, Fresh]):
    __slots__ = ()

    decoder = Decoder(dict[Source, Fresh])


class _Times(PackedTable[Source, OneWay]):
    __slots__ = ()

    decoder = Decoder(dict[Source, OneWay])


class _Marks(PackedTable[Source, Mark]):
    __slots__ = ()

    decoder = Decoder(dict[Source, Mark])


def set_at_commissioning(time_ms: UtcMs, spread_ms: int, tick: Tick, ppm: int) -> Clock:
    """A clock that was just set by the people who installed the meter."""
    low_ms, high_ms = UtcMs(time_ms - spread_ms), UtcMs(time_ms + spread_ms)
    return Clock(ppm, Point(low_ms, tick), Point(high_ms, tick), low_ms)


def earliest_ms(clock: Clock, tick: Tick) -> UtcMs:
    """True time is not earlier than this at `tick`."""
    return lower_ms(clock.earliest, tick, clock.ppm)


def latest_ms(clock: Clock, tick: Tick) -> UtcMs | None:
    """None while the interval is unbounded."""
    return None if clock.latest is None else upper_ms(clock.latest, tick, clock.ppm)


def estimate_ms(clock: Clock, tick: Tick) -> UtcMs:
    """What screens and timestamps show: the middle of the interval, or its lower end if unbounded."""
    low, high = earliest_ms(clock, tick), latest_ms(clock, tick)
    return low if high is None else UtcMs((low + high) // 2)


def tick_near_estimate(clock: Clock, instant_ms: UtcMs, since_tick: Tick) -> Tick:
    """A tick, from `since_tick` on, a few ms before the estimate reaches an instant; never a later one."""
    if clock.latest is None:
        return max(since_tick, tick_lower_reaches(clock.earliest, instant_ms, clock.ppm))
    # The margins of both bounds grow alike, up to their rounding: the estimate goes on as the ticks do.
    ahead_ms = instant_ms - estimate_ms(clock, since_tick) - _ESTIMATE_ROUNDED_MS
    return Tick(since_tick + max(ahead_ms, 0))


def shown_interval_ms(clock: Clock, tick: Tick) -> tuple[UtcMs, UtcMs | None]:
    """The interval; in a dispute the hull of both opinions."""
    low, high = earliest_ms(clock, tick), latest_ms(clock, tick)
    if clock.status is not ClockStatus.DISPUTED:
        return low, high
    edges = [read for read in _witness_edges_ms(clock, tick) if read is not None]
    return min(low, *edges), None if high is None else max(high, *edges)


def ask(clock: Clock, source: Source, nonce: str, tick: Tick) -> None:
    """Remember that `source` was asked; beyond the limit the oldest ask is forgotten."""
    while len(clock.asks) >= ASKS_MAX:
        clock.asks = without(clock.asks, min(clock.asks, key=lambda key: clock.asks[key].tick))
    clock.asks = {**clock.asks, nonce: Asked(source, tick)}


def hear_fresh(
    clock: Clock, source: Source, nonce: str, time_ms: UtcMs, spread_ms: int, tick: Tick, dispute_nonce: str
) -> ClaimVerdict:
    """A source's answer to this meter's own nonce. An unknown or answered nonce is refused."""
    asked = clock.asks.get(nonce)
    if asked is None or asked.source is not source:
        return ClaimVerdict.UNKNOWN_NONCE
    clock.asks = without(clock.asks, nonce)
    low_ms, high_ms = UtcMs(time_ms - spread_ms), UtcMs(time_ms + spread_ms)
    heard = Fresh(Point(low_ms, tick), Point(high_ms, asked.tick))
    clock.fresh = _Answers.pack({**clock.fresh, source: heard})
    return _judge(clock, source, heard.lower, heard.upper, tick, dispute_nonce)


def hear_one_way(
    clock: Clock, source: Source, number: int, time_ms: UtcMs, spread_ms: int, tick: Tick, dispute_nonce: str
) -> ClaimVerdict:
    """A numbered one-way time. A number at or below the highest held is refused."""
    held = clock.one_way.get(source)
    if held is not None and number <= held.number:
        return ClaimVerdict.STALE_NUMBER
    lower = Point(UtcMs(time_ms - spread_ms), tick)
    clock.one_way = _Times.pack({**clock.one_way, source: OneWay(number, lower)})
    return _judge(clock, source, lower, None, tick, dispute_nonce)


def begin_epoch(clock: Clock, tick: Tick) -> None:
    """Ticks were lost or are doubted, or a dispute is rebased: nothing learnt before counts after.

    What stays is the vouched time, which true time had reached for certain; it is not aged over the gap.
    """
    clock.epoch += 1
    clock.status = ClockStatus.LOST
    clock.nonce = ""
    clock.fresh = NO_ENTRIES
    clock.one_way = NO_ENTRIES
    clock.asks = NO_ENTRIES
    clock.hulls = ()
    clock.earliest = Point(clock.vouched_ms, tick)
    clock.latest = None


def last_agreed(clock: Clock) -> tuple[int, Tick]:
    """(epoch, tick) at which two witnesses last agreed with the crystal; (-1, 0) for never."""
    marks = sorted(((mark.epoch, mark.tick) for mark in clock.agreed.values()), reverse=True)
    return marks[1] if len(marks) > 1 else (-1, FIRST_TICK)


def _judge(
    clock: Clock, source: Source, lower: Point, upper: Point | None, tick: Tick, dispute_nonce: str
) -> ClaimVerdict:
    """Apply the rule to the claims held, the newest included; the verdict says what that one changed."""
    low, high = earliest_ms(clock, tick), latest_ms(clock, tick)
    _forget_old_claims(clock, tick)
    if clock.status is ClockStatus.DISPUTED:
        return ClaimVerdict.HELD
    excludes = (high is not None and lower_ms(lower, tick, clock.ppm) > high) or (
        upper is not None and upper_ms(upper, tick, clock.ppm) < low
    )
    moved = _apply_rule(clock, tick, dispute_nonce)
    if moved in (ClaimVerdict.DISPUTED, ClaimVerdict.CRYSTAL_RATE):
        return moved
    if excludes:
        return ClaimVerdict.DISAGREES
    if upper is not None:
        # A lower bound alone cannot say that the crystal is not ahead, which is what cuts too early.
        clock.agreed = _Marks.pack({**clock.agreed, source: Mark(clock.epoch, tick)})
    return moved


def _apply_rule(clock: Clock, tick: Tick, dispute_nonce: str) -> ClaimVerdict:
    """Intersect the interval with `[L, U]`; where they contradict each other, a hull or a dispute."""
    second_lower, second_upper = _second_lower(clock, tick), _second_upper(clock, tick)
    low, high = earliest_ms(clock, tick), latest_ms(clock, tick)
    floor = None if second_lower is None else lower_ms(second_lower, tick, clock.ppm)
    roof = None if second_upper is None else upper_ms(second_upper, tick, clock.ppm)
    # Two witnesses say that it is later than the crystal can have counted (the crystal is slow), that it is
    # earlier (the crystal is fast), or they exclude each other: then no interval holds true time.
    above = floor is not None and high is not None and floor > high
    below = roof is not None and roof < low
    crossed = floor is not None and roof is not None and floor > roof
    if above or below or crossed:
        if not crossed and _widen_by_hull(clock, second_lower, second_upper, tick):
            return ClaimVerdict.CRYSTAL_RATE
        clock.status, clock.nonce = ClockStatus.DISPUTED, dispute_nonce
        return ClaimVerdict.DISPUTED
    if second_lower is not None and floor is not None:
        # Only what the rule accepted vouches: after a dispute its witnesses must not bind the next epoch.
        clock.vouched_ms = max(clock.vouched_ms, min(second_lower.value_ms, floor))
    return _narrow(clock, second_lower, second_upper, tick)


def _narrow(clock: Clock, second_lower: Point | None, second_upper: Point | None, tick: Tick) -> ClaimVerdict:
    moved = False
    if second_lower is not None and lower_ms(second_lower, tick, clock.ppm) > earliest_ms(clock, tick):
        clock.earliest, moved = second_lower, True
    high = latest_ms(clock, tick)
    if second_upper is not None and (high is None or upper_ms(second_upper, tick, clock.ppm) < high):
        clock.latest, moved = second_upper, True
    if clock.status is ClockStatus.LOST and clock.latest is not None:
        clock.status = ClockStatus.TRUSTED
        return ClaimVerdict.REGAINED
    return ClaimVerdict.NARROWED if moved else ClaimVerdict.AGREES


def _widen_by_hull(clock: Clock, second_lower: Point | None, second_upper: Point | None, tick: Tick) -> bool:
    """The small miss: a crystal slightly out of its rate bound. At most 60 s of hull in 24 h of ticks."""
    low, high = earliest_ms(clock, tick), latest_ms(clock, tick)
    floor = None if second_lower is None else lower_ms(second_lower, tick, clock.ppm)
    roof = None if second_upper is None else upper_ms(second_upper, tick, clock.ppm)
    if floor is None or roof is None:
        return False
    added_ms = roof - high if high is not None and floor > high else low - floor
    recent = tuple(hull for hull in clock.hulls if hull.tick > tick - HULL_WINDOW_MS)
    if sum(hull.added_ms for hull in recent) + added_ms > HULL_MS_MAX:
        return False
    clock.hulls = (*recent, Hull(tick, added_ms))
    if high is not None and floor > high:
        clock.latest = second_upper
    elif second_lower is not None:
        clock.earliest = second_lower
    return True


def _second_lower(clock: Clock, tick: Tick) -> Point | None:
    """The second-highest lower bound over sources; a source's own is the higher of its two."""
    best: dict[Source, Point] = {source: claim.lower for source, claim in clock.fresh.items()}
    for source, heard in clock.one_way.items():
        other = best.get(source)
        if other is None or lower_ms(heard.lower, tick, clock.ppm) > lower_ms(other, tick, clock.ppm):
            best[source] = heard.lower
    ordered = sorted(best.values(), key=lambda point: lower_ms(point, tick, clock.ppm), reverse=True)
    return ordered[1] if len(ordered) > 1 else None


def _second_upper(clock: Clock, tick: Tick) -> Point | None:
    """The second-lowest upper bound over sources."""
    uppers = [claim.upper for claim in clock.fresh.values()]
    ordered = sorted(uppers, key=lambda point: upper_ms(point, tick, clock.ppm))
    return ordered[1] if len(ordered) > 1 else None


def _witness_edges_ms(clock: Clock, tick: Tick) -> tuple[UtcMs | None, UtcMs | None]:
    lower, upper = _second_lower(clock, tick), _second_upper(clock, tick)
    return (
        None if lower is None else lower_ms(lower, tick, clock.ppm),
        None if upper is None else upper_ms(upper, tick, clock.ppm),
    )


def _forget_old_claims(clock: Clock, tick: Tick) -> None:
    """Claims are held for 40 days of ticks. One-way numbers stay known as long as their claim does."""
    oldest = tick - CLAIM_AGE_MS_MAX
    answers = [source for source, claim in clock.fresh.items() if claim.lower.tick < oldest]
    times = [source for source, heard in clock.one_way.items() if heard.lower.tick < oldest]
    if answers:
        clock.fresh = _Answers.pack(without(clock.fresh, *answers))
    if times:
        clock.one_way = _Times.pack(without(clock.one_way, *times))


def pack_tables(clock: Clock) -> None:
    """Hold the tables of a clock that was read from an image as this process holds them."""
    clock.fresh, clock.one_way = _Answers.pack(clock.fresh), _Times.pack(clock.one_way)
    clock.agreed = _Marks.pack(clock.agreed)
