"""The own interval clock of a service or a kiosk: no single clock decides (design §6.1). Pure.

Voices of the service are the machine's system clock, the timeserver's answers to our own nonce, and the
reports of the fleet, which are one voice however many meters there are. A kiosk hears the service, as the
head-end, in the place of the fleet. The *crystal* is the machine's count of
milliseconds since its boot, which nobody sets. Each voice gives bounds on true time; the rule takes the
second-highest lower bound and the second-lowest upper bound. So truth lies between them whatever one voice
says. The crystal carries what was found so far: what is found later is intersected with it.

    trusted    the interval is narrow, and a voice besides the crystal, or two voices, bear it out
    doubtful   fewer than two voices, none that agree, or two that contradict the crystal

Unlike a meter's, a dispute here is no latch. It ends when two voices agree with each other and with the
crystal: at once where they agree again with what it carried, else after the crystal has borne out their new
interval for an hour.

Assumed: at most one voice lies at a time, and the crystal keeps `PPM`. Two that lie alike are outside the
promise: they are believed once the crystal has borne them out.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Final

from msgspec import Struct, structs

from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import ClockStanding, Doubt, Voice

# What a system clock may be off when NTP keeps it (as `time_service.SPREAD_MS`).
SPREAD_MS: Final = SECOND_MS
# Clocks that differ by more than this differ: harm is refused, and people are told.
DIFFERENCE_MS_MAX: Final = MINUTE_MS
# A wider interval is no ground for harm. A lease is backdated by an hour, so half of that always serves.
WIDTH_MS_MAX: Final = 30 * MINUTE_MS
# The crystal's rate against true time. Linux slews CLOCK_BOOTTIME by at most 500 ppm (adjtimex(2), MAXFREQ).
PPM: Final = 500
# How long a claim is held, aged by the crystal.
CLAIM_AGE_MS_MAX: Final = HOUR_MS
# How long the crystal must bear out two voices that contradict what it carried before.
PROBATION_MS: Final = HOUR_MS
# How far the crystal's interval may miss what two voices say, in all, in a day of ticks (design §4.1).
MISSES_MS_MAX: Final = MINUTE_MS
_MISSES_WINDOW_MS: Final = DAY_MS
_MILLION: Final = 1_000_000


# Who speaks to the service, and who to a kiosk.
SERVICE_VOICES: Final = (Voice.SYSTEM, Voice.TIMESERVER, Voice.FLEET)
KIOSK_VOICES: Final = (Voice.SYSTEM, Voice.TIMESERVER, Voice.HEADEND)


class Bounds(Struct, frozen=True):
    """An interval of true time at one tick of the crystal."""

    earliest_ms: int
    latest_ms: int

    @property
    def width_ms(self) -> int:
        return self.latest_ms - self.earliest_ms

    @property
    def middle_ms(self) -> int:
        return (self.earliest_ms + self.latest_ms) // 2


class Carried(Struct, frozen=True):
    """An interval that the crystal carries.

    At tick `lower_tick` true time was at least `lower_ms`; at `upper_tick` it was at most `upper_ms`.
    """

    lower_ms: int
    lower_tick: int
    upper_ms: int
    upper_tick: int

    def at(self, tick: int) -> Bounds:
        """The interval at a later tick."""
        since_lower, since_upper = tick - self.lower_tick, tick - self.upper_tick
        return Bounds(
            self.lower_ms + since_lower - _margin_ms(since_lower),
            self.upper_ms + since_upper + _margin_ms(since_upper),
        )


class State(Struct, frozen=True):
    """All that the rule remembers. `boot` names the count of ticks; a new one means that ticks were lost.

    `carried`: the interval in force; `trial`: what two voices say that contradict it, since `trial_tick`.
    `missed_ms`: small misses of the crystal since `missed_tick`.
    """

    boot: str
    claims: Mapping[Voice, Carried] = {}
    carried: Carried | None = None
    trial: Carried | None = None
    trial_tick: int = 0
    missed_ms: int = 0
    missed_tick: int = 0
    doubt: Doubt = Doubt.ALONE


class VoiceHeard(Struct, frozen=True, kw_only=True):
    """One voice as the judgement saw it. `offset_ms`: the middle of what it says, less the estimate."""

    voice: Voice
    earliest_ms: int
    latest_ms: int
    offset_ms: int
    agrees: bool

    @property
    def apart_ms(self) -> int:
        """How far a person should be told it is: 0 where it agrees, however wide its interval is."""
        return 0 if self.agrees else self.offset_ms


class Judgement(Struct, frozen=True, kw_only=True):
    """What the service believes at one tick.

    `estimate_ms` is what it signs and shows. `earliest_ms` and `latest_ms` are None where no interval is
    known; they bound decisions only while `standing` is trusted.
    """

    tick_ms: int
    boot: str
    standing: ClockStanding
    doubt: Doubt
    earliest_ms: int | None
    latest_ms: int | None
    estimate_ms: int
    heard: tuple[VoiceHeard, ...]
    silent: tuple[Voice, ...]

    @property
    def trusted(self) -> bool:
        return self.standing is ClockStanding.TRUSTED

    @property
    def over_ms(self) -> int | None:
        """What ends at or before this instant is over for certain; None while the clock is doubtful."""
        return self.earliest_ms if self.trusted else None


def claim(low_ms: int, heard_tick: int, high_ms: int, asked_tick: int) -> Carried:
    """Bounds by one voice: it had reached `low_ms` when heard, and was not past `high_ms` when asked."""
    return Carried(low_ms, heard_tick, high_ms, asked_tick)


def hear(state: State, voice: Voice, said: Carried) -> State:
    """The state with a voice's newest claim, which replaces its last one; nothing is judged yet."""
    return structs.replace(state, claims={**state.claims, voice: said})


def begin(state: State, boot: str) -> State:
    """The same state in the same boot; an empty one after ticks were lost."""
    return state if state.boot == boot else State(boot)


def judge(state: State, tick: int) -> State:
    """Apply the rule to the claims held."""
    claims = {
        voice: said for voice, said in state.claims.items() if tick - said.lower_tick <= CLAIM_AGE_MS_MAX
    }
    state = structs.replace(state, claims=claims)
    spans = [said.at(tick) for said in claims.values()]
    bounds = _second(spans)
    if state.carried is None:
        return _start(state, spans, bounds, tick)
    carried = state.carried.at(tick)
    if bounds is not None and _gap_ms(carried, bounds) > 0:
        return _contradicted(state, spans, bounds, tick)
    found = carried if bounds is None else _common(carried, bounds)
    supported = any(_agree(found, span) for span in spans)
    doubt = Doubt.NONE if supported else Doubt.UNSUPPORTED
    if supported and found.width_ms > WIDTH_MS_MAX:
        doubt = Doubt.WIDE
    return structs.replace(state, carried=_narrowed(state.carried, found, tick), trial=None, doubt=doubt)


def judgement(
    state: State, tick: int, system_ms: int, voices: tuple[Voice, ...] = SERVICE_VOICES
) -> Judgement:
    """What the service believes now. `system_ms`: the system clock, which is the estimate where it fits.

    `voices`: those that could be heard.
    """
    span = None if state.carried is None else state.carried.at(tick)
    inside = span is None or span.earliest_ms <= system_ms <= span.latest_ms
    estimate_ms = system_ms if inside or span is None else span.middle_ms
    spans = {voice: said.at(tick) for voice, said in sorted(state.claims.items())}
    near = Bounds(estimate_ms, estimate_ms) if span is None else span
    return Judgement(
        tick_ms=tick,
        boot=state.boot,
        standing=ClockStanding.DOUBTFUL if state.doubt else ClockStanding.TRUSTED,
        doubt=state.doubt,
        earliest_ms=None if span is None else span.earliest_ms,
        latest_ms=None if span is None else span.latest_ms,
        estimate_ms=estimate_ms,
        heard=tuple(
            VoiceHeard(
                voice=voice,
                earliest_ms=said.earliest_ms,
                latest_ms=said.latest_ms,
                offset_ms=said.middle_ms - estimate_ms,
                agrees=_agree(said, near),
            )
            for voice, said in spans.items()
        ),
        silent=tuple(voice for voice in voices if voice not in spans),
    )


def fleet_claim(reports: list[Carried], tick: int) -> Carried | None:
    """The one voice of all meters: what half of them say at least, on either side. None without reports."""
    if not reports:
        return None
    spans = [report.at(tick) for report in reports]
    middle = (len(spans) - 1) // 2
    low_ms = sorted(span.earliest_ms for span in spans)[middle]
    high_ms = sorted((span.latest_ms for span in spans), reverse=True)[middle]
    return Carried(low_ms, tick, max(low_ms, high_ms), tick)


def _start(state: State, spans: list[Bounds], bounds: Bounds | None, tick: int) -> State:
    """Nothing is carried yet: two voices that agree are enough."""
    doubt = _doubt_of(spans, bounds)
    if doubt or bounds is None:
        return structs.replace(state, doubt=doubt)
    return structs.replace(state, carried=_carry(bounds, tick), trial=None, doubt=Doubt.NONE)


def _contradicted(state: State, spans: list[Bounds], bounds: Bounds, tick: int) -> State:
    """Two voices exclude what the crystal carries: a small miss, or a doubt that a trial may end."""
    assert state.carried is not None
    carried = state.carried.at(tick)
    agreed = not _doubt_of(spans, bounds)
    recent = tick - state.missed_tick <= _MISSES_WINDOW_MS
    missed_ms = _gap_ms(carried, bounds) + (state.missed_ms if recent else 0)
    if agreed and missed_ms <= MISSES_MS_MAX:
        hull = Bounds(min(carried.earliest_ms, bounds.earliest_ms), max(carried.latest_ms, bounds.latest_ms))
        return structs.replace(
            state,
            carried=_carry(hull, tick),
            trial=None,
            missed_ms=missed_ms,
            missed_tick=state.missed_tick if recent and state.missed_ms else tick,
            doubt=Doubt.NONE,
        )
    if not agreed:
        return structs.replace(state, trial=None, doubt=Doubt.CRYSTAL)
    if state.trial is None or _gap_ms(state.trial.at(tick), bounds) > 0:
        return structs.replace(state, trial=_carry(bounds, tick), trial_tick=tick, doubt=Doubt.CRYSTAL)
    trial = _narrowed(state.trial, _common(state.trial.at(tick), bounds), tick)
    if tick - state.trial_tick < PROBATION_MS:
        return structs.replace(state, trial=trial, doubt=Doubt.CRYSTAL)
    return structs.replace(state, carried=trial, trial=None, missed_ms=0, doubt=Doubt.NONE)


def _doubt_of(spans: list[Bounds], bounds: Bounds | None) -> Doubt:
    """Why the voices alone are no ground for an interval."""
    if bounds is None:
        return Doubt.ALONE
    if not any(_agree(one, other) for one, other in combinations(spans, 2)):
        return Doubt.APART
    return Doubt.WIDE if bounds.width_ms > WIDTH_MS_MAX else Doubt.NONE


def _second(spans: list[Bounds]) -> Bounds | None:
    """The second-highest lower bound and the second-lowest upper bound; None below two voices.

    Where they cross, the bounds are those of no two voices: both edges are kept, sorted.
    """
    if len(spans) < 2:  # noqa: PLR2004 # one voice may lie
        return None
    low_ms = sorted(span.earliest_ms for span in spans)[-2]
    high_ms = sorted(span.latest_ms for span in spans)[1]
    return Bounds(min(low_ms, high_ms), max(low_ms, high_ms))


def _agree(one: Bounds, other: Bounds) -> bool:
    return _gap_ms(one, other) <= DIFFERENCE_MS_MAX


def _gap_ms(one: Bounds, other: Bounds) -> int:
    """How far two intervals are apart; at most 0 where they have an instant in common."""
    return max(one.earliest_ms, other.earliest_ms) - min(one.latest_ms, other.latest_ms)


def _common(one: Bounds, other: Bounds) -> Bounds:
    return Bounds(max(one.earliest_ms, other.earliest_ms), min(one.latest_ms, other.latest_ms))


def _carry(span: Bounds, tick: int) -> Carried:
    return Carried(span.earliest_ms, tick, span.latest_ms, tick)


def _narrowed(carried: Carried, found: Bounds, tick: int) -> Carried:
    """What is carried from now on: a bound that was not narrowed keeps its tick, so that it ages once."""
    old = carried.at(tick)
    lower = (
        (found.earliest_ms, tick)
        if found.earliest_ms > old.earliest_ms
        else (carried.lower_ms, carried.lower_tick)
    )
    upper = (
        (found.latest_ms, tick) if found.latest_ms < old.latest_ms else (carried.upper_ms, carried.upper_tick)
    )
    return Carried(*lower, *upper)


def _margin_ms(elapsed_ticks: int) -> int:
    """What true time may differ from so many ticks, rounded up."""
    return -(-elapsed_ticks * PPM // (_MILLION - PPM)) + 1 if elapsed_ticks else 0
