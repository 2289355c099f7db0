"""Time that is signed and wrong, late or lost: one authority cannot cut alone, and doubt cuts nobody."""

from collections.abc import Iterator
from typing import Final

from emulator.scenario.model import RebaseSpec
from hil.capabilities import Authorities, ClockFault, Console, Orders, Power, SupplySensor
from hil.stories.plans import AUTHORITIES, LONG_PLAN_MS, PLAN_MS, at, plan_cut, tell_time
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story
from hil.suite.dates import check_hour_of_cut
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, UtcMs
from protocols.reasons import Source

_LIES_MS: Final = {
    "an-hour": HOUR_MS,
    "a-day": DAY_MS,
    "sixty-days": 60 * DAY_MS,
}
_STEP_MS: Final = 10 * MINUTE_MS
# Three lies and an hour of warning before the hour of the cut, as a meter that believes them counts.
_BEFORE_MS: Final = HOUR_MS + 5 * _STEP_MS
# The warning begins anew once the time is known again, or the mains are back; then comes the spread.
_WARNED_MS: Final = 2 * HOUR_MS + 5 * MINUTE_MS
_SETTLED: Final = "cut once two have told the time"


def _lies() -> Iterator[BenchStory]:
    for source in AUTHORITIES:
        for how_far, lie_ms in _LIES_MS.items():
            for sign, way in ((1, "ahead"), (-1, "back")):
                yield _lie_of(source, f"{source}-{how_far}-{way}", sign * lie_ms)


def _plan_and_lie(bench: StoryBench, lie_ms: int, *sources: Source, lasts_ms: int = PLAN_MS) -> UtcMs:
    """Plan a cut, and have these authorities lie about the time, thrice; when it is planned for.

    Whoever believes them is, by a lie ahead, warned for an hour and at the planned hour soon.
    """
    planned_ms = at(bench, 26 * HOUR_MS)
    plan_cut(bench, planned_ms, lasts_ms=lasts_ms)
    bench.wait_until(max(at(bench, _STEP_MS), planned_ms - abs(lie_ms) - _BEFORE_MS))
    for _ in range(3):
        bench.time.let_pass(_STEP_MS)
        tell_time(bench, *sources, offset_ms=lie_ms)
        bench.check_supply("on", "right after the lie")
    return planned_ms


def _lie_of(source: Source, told: str, lie_ms: int) -> BenchStory:
    @story(
        name=f"lie-of-the-{told}",
        title=f"A signed lie of the {told.replace('-', ' ')} moves no cut from its hour",
        requirements=("I2", "I5", "I7", "QA-06"),
        needs=(Console, SupplySensor, Orders, Authorities),
        tags=("date", "lie"),
        real_duration="27 h",
        firmware="guarded",
    )
    def run(bench: StoryBench) -> None:
        check_hour_of_cut(bench, _plan_and_lie(bench, lie_ms, source))

    return run


LIES: Final = tuple(_lies())


@story(
    name="lie-of-the-two-authorities-together-a-day-ahead",
    requirements=("I1", "I2", "I5", "QA-06"),
    needs=(Console, SupplySensor, Orders, Authorities),
    tags=("date", "lie"),
    real_duration="30 h",
    firmware="guarded",
)
def lie_of_both(bench: StoryBench) -> None:
    """Two authorities that lie together cut nobody; once people have settled the dispute, the cut comes."""
    planned_ms = _plan_and_lie(bench, DAY_MS, *AUTHORITIES, lasts_ms=LONG_PLAN_MS)
    bench.check("status of the clock", "disputed", bench.word("clock", "status"))
    bench.wait_until(planned_ms + HOUR_MS)
    bench.check_supply("on", "an hour after the planned one, in a dispute")
    bench.orders.bring(RebaseSpec())
    tell_time(bench)
    bench.check("status of the clock", "trusted", bench.word("clock", "status"))
    bench.expect_supply(_SETTLED, is_on=False, within_ms=_WARNED_MS, every_ms=MINUTE_MS)


@story(
    requirements=("I7", "QA-09"),
    needs=(Console, SupplySensor, Orders, Authorities),
    tags=("date", "lie"),
    real_duration="27 h",
    firmware="guarded",
)
def late_words_bring_no_cut_before_its_hour(bench: StoryBench) -> None:
    """Words about the time that come an hour late, and in the wrong order, move no cut from its hour."""
    planned_ms = at(bench, 26 * HOUR_MS)
    plan_cut(bench, planned_ms)
    for late_ms in (HOUR_MS, SECOND_MS, 2 * HOUR_MS, 0):
        bench.time.let_pass(HOUR_MS)
        tell_time(bench, offset_ms=-late_ms, fresh=False)
        bench.check_supply("on", f"after words that are {late_ms // SECOND_MS} s late")
    check_hour_of_cut(bench, planned_ms)


@story(
    requirements=("I1", "I2", "QA-06"),
    needs=(Console, ClockFault, SupplySensor, Orders, Authorities),
    tags=("date", "battery"),
    real_duration="29 h",
    firmware="guarded",
)
def a_lost_cell_cuts_nobody_until_two_tell_the_time(bench: StoryBench) -> None:
    """A meter that has lost its count of time lets the hour of a cut pass, until two authorities tell it."""
    planned_ms = at(bench, 26 * HOUR_MS)
    plan_cut(bench, planned_ms, lasts_ms=LONG_PLAN_MS)
    bench.time.let_pass(HOUR_MS)
    bench.clock_fault.lose_ticks()
    bench.check("status without its cell", "lost", bench.word("clock", "status"))
    bench.wait_until(planned_ms + HOUR_MS)
    bench.check_supply("on", "an hour after the planned one, without the time")
    tell_time(bench, Source.HEADEND)
    bench.time.let_pass(_STEP_MS)
    bench.check_supply("on", "after the word of one authority")
    tell_time(bench, Source.TIMESERVER)
    bench.expect_supply(_SETTLED, is_on=False, within_ms=_WARNED_MS, every_ms=MINUTE_MS)


@story(
    requirements=("I5", "QA-07"),
    needs=(Console, Power, SupplySensor, Orders),
    tags=("date", "battery", "mains"),
    real_duration="30 h",
)
def mains_lost_across_the_hour_of_a_cut(bench: StoryBench) -> None:
    """The hour of a cut that passes without mains cuts nobody in the second in which they return."""
    planned_ms = at(bench, 26 * HOUR_MS)
    plan_cut(bench, planned_ms, lasts_ms=LONG_PLAN_MS)
    bench.wait_until(planned_ms - HOUR_MS // 2)
    bench.power.switch(on=False)
    bench.wait_until(planned_ms + HOUR_MS // 2)
    bench.power.switch(on=True)
    bench.check_supply("on", "right after the mains are back")
    bench.expect_supply("cut in its interval", is_on=False, within_ms=_WARNED_MS, every_ms=MINUTE_MS)
