"""Which sources gave the meter a time last, as people and the head-end read it (design §6: two witnesses).

The clock keeps claims as points on its counter; here they become instants and offsets against the meter's
own estimate. Nothing is decided here: the rule over witnesses is `clock`'s alone.
"""

from collections.abc import Iterator
from typing import NamedTuple

from emulator.firmware.guarded.clock import Clock, earliest_ms, estimate_ms, latest_ms
from emulator.firmware.guarded.interval import Point, lower_ms, upper_ms
from emulator.firmware.ticks import Tick
from protocols.limits import CLAIM_AGE_MS_MAX
from protocols.link.messages import Witness
from protocols.reasons import Source


class _Claim(NamedTuple):
    """The last claim of a source. `upper` None: a one-way time."""

    source: Source
    lower: Point
    upper: Point | None


def witnesses(clock: Clock, tick: Tick) -> tuple[Witness, ...]:
    """Of each source the claim heard last, the latest first; those of the last 40 days (design §4.1)."""
    oldest = tick - CLAIM_AGE_MS_MAX
    claims = [claim for claim in _last_claims(clock) if claim.lower.tick >= oldest]
    claims.sort(key=lambda claim: claim.lower.tick, reverse=True)
    return tuple(_read(clock, claim, tick) for claim in claims)


def _last_claims(clock: Clock) -> Iterator[_Claim]:
    for source in Source:
        fresh, one_way = clock.fresh.get(source), clock.one_way.get(source)
        if fresh is not None and (one_way is None or one_way.lower.tick <= fresh.lower.tick):
            yield _Claim(source, fresh.lower, fresh.upper)
        elif one_way is not None:
            yield _Claim(source, one_way.lower, None)


def _read(clock: Clock, claim: _Claim, tick: Tick) -> Witness:
    """The claim as it stands now: what the crystal has counted since is added, its margin is not shown."""
    now_ms = estimate_ms(clock, tick)
    lower, upper = claim.lower, claim.lower if claim.upper is None else claim.upper
    # Where both ends are given, the middle: as far from either as what the claim leaves open.
    told_ms = tick + (lower.value_ms - lower.tick + upper.value_ms - upper.tick) // 2
    return Witness(
        source=claim.source,
        fresh=claim.upper is not None,
        agrees=_agrees(clock, claim, tick),
        heard_ms=now_ms - (tick - lower.tick),
        offset_ms=told_ms - now_ms,
    )


def _agrees(clock: Clock, claim: _Claim, tick: Tick) -> bool:
    """Whether claim and envelope have an instant in common."""
    low_ms, high_ms = earliest_ms(clock, tick), latest_ms(clock, tick)
    too_late = high_ms is not None and lower_ms(claim.lower, tick, clock.ppm) > high_ms
    too_early = claim.upper is not None and upper_ms(claim.upper, tick, clock.ppm) < low_ms
    return not too_late and not too_early
