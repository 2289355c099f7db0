"""The interval clock under one liar: truth stays inside, and with two who answer it stays narrow.

The true world here is exact: true time in ms, ticks by a crystal of a fixed rate within the bound.
Honest sources are off by at most the spread they state; the liar says anything, at any time, and
anybody's one-way messages may be delayed, repeated or reordered.
"""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from emulator.firmware.guarded import clock as clocks
from emulator.firmware.guarded.clock import Clock
from emulator.firmware.guarded.interval import Point, lower_ms, margin_ms, tick_lower_reaches, upper_ms
from emulator.firmware.ticks import Tick
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, UtcMs
from protocols.reasons import ClaimVerdict, ClockStatus, Source

PPM = 50
START_MS = UtcMs(1_593_640_000_000)
SPREAD_MS = 1000
SOURCES = list(Source)

spans_ms = st.one_of(
    st.sampled_from([0, 1, 999, 1000, 19_999, 20_000, 20_001, MINUTE_MS, HOUR_MS, DAY_MS, 41 * DAY_MS]),
    st.integers(0, 3 * DAY_MS),
)
lies_ms = st.one_of(
    st.sampled_from([0, 1, -1, 2000, -2000, HOUR_MS, -HOUR_MS, DAY_MS, -DAY_MS, 400 * DAY_MS, -400 * DAY_MS]),
    st.integers(-(10**12), 10**12),
)
errors_ms = st.sampled_from([-SPREAD_MS, -1, 0, 1, SPREAD_MS])


@dataclass
class World:
    """True time, the crystal, and what is under way."""

    rate_ppm: int
    true_ms: int = START_MS
    ask_points: dict[str, tuple[Source, int]] = field(default_factory=dict)
    told: list[tuple[Source, int, int]] = field(default_factory=list)
    number: int = 0

    @property
    def tick(self) -> Tick:
        return Tick((self.true_ms - START_MS) * (1_000_000 + self.rate_ppm) // 1_000_000)


class ClockUnderOneLiar(RuleBasedStateMachine):
    """Truth is inside the envelope, and one liar alone can neither move it nor start a dispute."""

    @initialize(
        rate_ppm=st.sampled_from([-PPM, -1, 0, 1, PPM]),
        liar=st.sampled_from(SOURCES),
        at_ms=st.sampled_from([-SPREAD_MS, 0, SPREAD_MS]),
    )
    def begin(self, rate_ppm: int, liar: Source, at_ms: int) -> None:
        self.world = World(rate_ppm)
        self.liar = liar
        self.clock = clocks.set_at_commissioning(UtcMs(START_MS + at_ms), SPREAD_MS, Tick(0), PPM)

    @rule(ms=spans_ms)
    def pass_time(self, ms: int) -> None:
        self.world.true_ms += ms

    @rule(source=st.sampled_from(SOURCES))
    def ask(self, source: Source) -> None:
        self.world.number += 1
        nonce = f"nonce-{self.world.number}"
        clocks.ask(self.clock, source, nonce, self.world.tick)
        self.world.ask_points[nonce] = (source, self.world.true_ms)

    @precondition(lambda self: bool(self.world.ask_points))
    @rule(data=st.data(), delay_part=st.integers(0, 10), error_ms=errors_ms, lie_ms=lies_ms)
    def answer(self, data: st.DataObject, delay_part: int, error_ms: int, lie_ms: int) -> None:
        nonce = data.draw(st.sampled_from(sorted(self.world.ask_points)))
        self._answer(nonce, delay_part, error_ms, lie_ms)

    def _answer(self, nonce: str, delay_part: int, error_ms: int, lie_ms: int) -> None:
        source, asked_ms = self.world.ask_points[nonce]
        # The answer was made at some instant between the question and now.
        made_ms = asked_ms + (self.world.true_ms - asked_ms) * delay_part // 10
        time_ms = made_ms + (lie_ms if source is self.liar else error_ms)
        clocks.hear_fresh(self.clock, source, nonce, UtcMs(time_ms), SPREAD_MS, self.world.tick, "d")

    @rule(source=st.sampled_from(SOURCES), error_ms=errors_ms, lie_ms=lies_ms)
    def make_one_way(self, source: Source, error_ms: int, lie_ms: int) -> None:
        self.world.number += 1
        time_ms = self.world.true_ms + (lie_ms if source is self.liar else error_ms)
        self.world.told.append((source, self.world.number, time_ms))

    @precondition(lambda self: bool(self.world.told))
    @rule(data=st.data())
    def hear_one_way(self, data: st.DataObject) -> None:
        source, number, time_ms = data.draw(st.sampled_from(self.world.told))
        clocks.hear_one_way(self.clock, source, number, UtcMs(time_ms), SPREAD_MS, self.world.tick, "d")

    @rule(
        source=st.sampled_from(SOURCES),
        delay_ms=st.sampled_from([0, 0, 1, SPREAD_MS, 5 * SPREAD_MS, HOUR_MS]),
        delay_part=st.integers(0, 10),
        error_ms=errors_ms,
        lie_ms=lies_ms,
    )
    def ask_and_answer(
        self, source: Source, delay_ms: int, delay_part: int, error_ms: int, lie_ms: int
    ) -> None:
        """As most answers come: with nothing but its own delay between question and answer."""
        self.ask(source)
        self.world.true_ms += delay_ms
        self._answer(f"nonce-{self.world.number}", delay_part, error_ms, lie_ms)

    @rule(source=st.sampled_from(SOURCES), error_ms=errors_ms, lie_ms=lies_ms)
    def tell_at_once(self, source: Source, error_ms: int, lie_ms: int) -> None:
        self.make_one_way(source, error_ms, lie_ms)
        _, number, time_ms = self.world.told[-1]
        clocks.hear_one_way(self.clock, source, number, UtcMs(time_ms), SPREAD_MS, self.world.tick, "d")

    @rule()
    def lose_ticks(self) -> None:
        clocks.begin_epoch(self.clock, self.world.tick)
        assert not self.clock.fresh, "nothing learnt before lost ticks counts after"
        assert not self.clock.one_way
        assert not self.clock.asks
        assert self.clock.latest is None

    @invariant()
    def truth_is_inside(self) -> None:
        tick = self.world.tick
        low, high = clocks.earliest_ms(self.clock, Tick(tick)), clocks.latest_ms(self.clock, Tick(tick))
        assert low <= self.world.true_ms
        assert high is None or self.world.true_ms <= high

    @invariant()
    def one_liar_starts_no_dispute(self) -> None:
        assert self.clock.status is not ClockStatus.DISPUTED
        assert not self.clock.hulls

    @invariant()
    def vouched_time_has_passed(self) -> None:
        assert self.clock.vouched_ms <= self.world.true_ms


TestClockUnderOneLiar = ClockUnderOneLiar.TestCase
TestClockUnderOneLiar.settings = settings(max_examples=200)


@given(elapsed=st.integers(0, 10**12), ppm=st.sampled_from([0, 1, 50, 500]))
def test_a_point_ages_by_its_margin_and_the_inverse_is_the_first_tick(elapsed: int, ppm: int) -> None:
    point = Point(START_MS, Tick(0))
    reached = tick_lower_reaches(point, UtcMs(START_MS + elapsed), ppm)
    assert lower_ms(point, reached, ppm) >= START_MS + elapsed
    # From the first tick on the reading never falls, so the tick before it is enough to look at.
    assert reached <= 1 or lower_ms(point, Tick(reached - 1), ppm) < START_MS + elapsed
    assert upper_ms(point, Tick(elapsed), ppm) - START_MS - elapsed == margin_ms(elapsed, ppm)


@given(
    rate_ppm=st.sampled_from([-PPM, 0, PPM]),
    delays=st.lists(st.integers(0, 5000), min_size=20, max_size=40),
)
def test_with_two_sources_that_answer_the_width_stays_bounded(rate_ppm: int, delays: list[int]) -> None:
    world = World(rate_ppm)
    clock = clocks.set_at_commissioning(START_MS, SPREAD_MS, Tick(0), PPM)
    every_ms = 6 * HOUR_MS
    for number, delay_ms in enumerate(delays):
        source = SOURCES[number % 2]
        clocks.ask(clock, source, str(number), world.tick)
        world.true_ms += delay_ms
        clocks.hear_fresh(clock, source, str(number), UtcMs(world.true_ms), SPREAD_MS, world.tick, "d")
        high = clocks.latest_ms(clock, world.tick)
        assert high is not None
        # The older of the two answers may be two rounds old: its spread, its delay, its drift.
        bound_ms = 2 * (SPREAD_MS + 5000 + margin_ms(2 * (every_ms + 5000), PPM)) + SPREAD_MS
        assert high - clocks.earliest_ms(clock, world.tick) <= bound_ms
        world.true_ms += every_ms


def _set(*, ppm: int = PPM) -> Clock:
    return clocks.set_at_commissioning(START_MS, SPREAD_MS, Tick(0), ppm)


def _fresh(clock: Clock, source: Source, offset_ms: int, tick: int = 0) -> ClaimVerdict:
    nonce = f"{source}/{len(clock.asks)}/{tick}/{offset_ms}"
    clocks.ask(clock, source, nonce, Tick(tick))
    return clocks.hear_fresh(
        clock, source, nonce, UtcMs(START_MS + tick + offset_ms), SPREAD_MS, Tick(tick), "d"
    )


# What two sources say (s), and what becomes of the clock: last finding, status, width added in ms.
MISSES = """
 headend  timeserver  third      | finding        status
 0        0           -          | agrees         trusted
 86400    -           -          | disagrees      trusted
 86400    0           -          | agrees         trusted
 86400    86400       -          | disputed       disputed
 -86400   -86400      -          | disputed       disputed
 30       30          -          | crystal_rate   trusted
 -30      -30         -          | crystal_rate   trusted
 60       60          -          | crystal_rate   trusted
 61       61          -          | disputed       disputed
 86400    -86400      0          | agrees         trusted
 86400    86400       0          | disputed       disputed
"""


@pytest.mark.parametrize("line", MISSES.strip().splitlines()[1:])
def test_what_witnesses_say_and_what_becomes_of_the_clock(line: str) -> None:
    said, wanted = line.split("|")
    clock = _set()
    findings = [
        _fresh(clock, source, int(offset_s) * 1000)
        for source, offset_s in zip(SOURCES, said.split(), strict=False)
        if offset_s != "-"
    ]
    finding, status = wanted.split()
    assert (findings[-1 if "disputed" not in findings else 1], clock.status) == (finding, status)


@pytest.mark.parametrize(
    ("offset_ms", "finding"),
    [(-2002, "disagrees"), (-2001, "agrees"), (0, "agrees"), (2001, "agrees"), (2002, "disagrees")],
)
def test_a_claim_agrees_as_long_as_it_has_one_instant_in_common_with_the_envelope(
    offset_ms: int, finding: str
) -> None:
    """Both are a second wide on either side, and an upper bound is read a millisecond later."""
    assert _fresh(_set(), Source.HEADEND, offset_ms) == finding


def test_small_misses_add_up_to_sixty_seconds_a_day_and_no_more() -> None:
    clock = _set()
    for step in range(1, 4):
        tick = step * HOUR_MS
        offset_ms = step * 21_000
        found = [_fresh(clock, source, offset_ms, tick) for source in SOURCES[:2]]
        assert (ClaimVerdict.CRYSTAL_RATE in found) == (step < 3)
    assert clock.status is ClockStatus.DISPUTED


def test_while_disputed_nothing_narrows_and_only_a_new_epoch_ends_it() -> None:
    clock = _set()
    for source in SOURCES[:2]:
        _fresh(clock, source, DAY_MS)
    before = (clock.earliest, clock.latest)
    assert [_fresh(clock, source, 0) for source in SOURCES] == [ClaimVerdict.HELD] * 4
    assert (clock.earliest, clock.latest, clock.status) == (*before, ClockStatus.DISPUTED)
    clocks.begin_epoch(clock, Tick(HOUR_MS))
    assert clock.status is ClockStatus.LOST
    _fresh(clock, Source.HEADEND, 0, HOUR_MS)
    assert clock.status is ClockStatus.LOST, "one source bounds nothing"
    assert _fresh(clock, Source.TIMESERVER, 0, HOUR_MS) is ClaimVerdict.REGAINED


def test_the_hull_of_both_opinions_is_shown_in_a_dispute() -> None:
    clock = _set()
    for source in SOURCES[:2]:
        _fresh(clock, source, DAY_MS)
    low, high = clocks.shown_interval_ms(clock, Tick(0))
    assert low <= START_MS
    assert high is not None
    assert high >= START_MS + DAY_MS


def test_an_answer_counts_once_from_whom_it_was_asked_and_within_forty_days() -> None:
    clock = _set()
    clocks.ask(clock, Source.HEADEND, "n", Tick(0))
    other = clocks.hear_fresh(clock, Source.TIMESERVER, "n", START_MS, SPREAD_MS, Tick(0), "d")
    assert other is ClaimVerdict.UNKNOWN_NONCE
    assert (
        clocks.hear_fresh(clock, Source.HEADEND, "n", START_MS, SPREAD_MS, Tick(0), "d")
        is ClaimVerdict.AGREES
    )
    assert (
        clocks.hear_fresh(clock, Source.HEADEND, "n", START_MS, SPREAD_MS, Tick(0), "d")
        is ClaimVerdict.UNKNOWN_NONCE
    )
    _fresh(clock, Source.TIMESERVER, 0, 41 * DAY_MS)
    assert set(clock.fresh) == {Source.TIMESERVER}


def test_a_one_way_time_is_taken_in_rising_numbers_only() -> None:
    clock = _set()
    assert (
        clocks.hear_one_way(clock, Source.CARD, 5, START_MS, SPREAD_MS, Tick(0), "d") is ClaimVerdict.AGREES
    )
    assert (
        clocks.hear_one_way(clock, Source.CARD, 5, START_MS, SPREAD_MS, Tick(0), "d")
        is ClaimVerdict.STALE_NUMBER
    )
    assert (
        clocks.hear_one_way(clock, Source.CARD, 4, START_MS, SPREAD_MS, Tick(0), "d")
        is ClaimVerdict.STALE_NUMBER
    )
