"""Time that is signed and wrong, late or lost: one authority cannot cut alone, and doubt cuts nobody."""

from collections.abc import Iterator
from typing import Final

from hil.capabilities import ClockFault, Console, Orders, Power, SupplySensor
from hil.stories.plans import AUTHORITIES, at, plan_cut, tell_time
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import Source

_LIES_MS: Final = {
    "an-hour": HOUR_MS,
    "a-day": DAY_MS,
    "sixty-days": 60 * DAY_MS,
}
_STEP_MS: Final = 10 * MINUTE_MS


def _lies() -> Iterator[BenchStory]:
    for source in AUTHORITIES:
        for how_far, lie_ms in _LIES_MS.items():
            for sign, way in ((1, "ahead"), (-1, "back")):
                yield _lie_of((source,), f"{source}-{how_far}-{way}", sign * lie_ms)
    yield _lie_of(AUTHORITIES, "two-authorities-together-a-day-ahead", DAY_MS)


def _lie_of(sources: tuple[Source, ...], told: str, lie_ms: int) -> BenchStory:
    @story(
        name=f"lie-of-the-{told}",
        title=f"A signed lie of the {told.replace('-', ' ')} brings no cut before its hour",
        requirements=("I1", "I2", "I5", "QA-06"),
        needs=(Console, SupplySensor, Orders),
        tags=("date", "lie"),
        real_duration="30 h",
        firmware="guarded",
    )
    def run(bench: StoryBench) -> None:
        planned_ms = at(bench, 26 * HOUR_MS)
        plan_cut(bench, planned_ms)
        for _ in range(3):
            bench.time.let_pass(HOUR_MS)
            tell_time(bench, *sources, offset_ms=lie_ms)
            bench.check_supply("on", "right after the lie")
        bench.wait_until(planned_ms - SECOND_MS)
        bench.check_supply("on", "a second before the planned hour")

    return run


LIES: Final = tuple(_lies())


@story(
    requirements=("I1", "QA-09"),
    needs=(Console, SupplySensor, Orders),
    tags=("date", "lie"),
    real_duration="30 h",
    firmware="guarded",
)
def late_words_bring_no_cut_before_its_hour(bench: StoryBench) -> None:
    """Words about the time that come an hour late, and in the wrong order, bring no cut before its hour."""
    planned_ms = at(bench, 26 * HOUR_MS)
    plan_cut(bench, planned_ms)
    for late_ms in (HOUR_MS, SECOND_MS, 2 * HOUR_MS, 0):
        bench.time.let_pass(HOUR_MS)
        tell_time(bench, offset_ms=-late_ms, fresh=False)
        bench.check_supply("on", f"after words that are {late_ms // SECOND_MS} s late")
    bench.wait_until(planned_ms - SECOND_MS)
    bench.check_supply("on", "a second before the planned hour")


@story(
    requirements=("I1", "I2", "QA-06"),
    needs=(Console, ClockFault, SupplySensor, Orders),
    tags=("date", "battery"),
    real_duration="29 h",
    firmware="guarded",
)
def a_lost_cell_cuts_nobody_until_two_tell_the_time(bench: StoryBench) -> None:
    """A meter that has lost its count of time lets the hour of a cut pass, until two authorities tell it."""
    planned_ms = at(bench, 26 * HOUR_MS)
    plan_cut(bench, planned_ms)
    bench.time.let_pass(HOUR_MS)
    bench.clock_fault.lose_ticks()
    bench.check("status without its cell", "lost", bench.word("clock", "status"))
    bench.wait_until(planned_ms + HOUR_MS)
    bench.check_supply("on", "an hour after the planned one, without the time")
    tell_time(bench, Source.HEADEND)
    bench.time.let_pass(_STEP_MS)
    bench.check_supply("on", "after the word of one authority")
    tell_time(bench, Source.TIMESERVER)
    late_ms = bench.wait_for_supply(is_on=False, within_ms=2 * HOUR_MS, every_ms=MINUTE_MS)
    bench.check("cut once two have told the time", expected=True, found=late_ms is not None)


@story(
    requirements=("I1", "I5", "QA-07"),
    needs=(Console, Power, SupplySensor, Orders),
    tags=("date", "battery", "mains"),
    real_duration="30 h",
)
def mains_lost_across_the_hour_of_a_cut(bench: StoryBench) -> None:
    """The hour of a cut that passes without mains cuts nobody in the second in which they return."""
    planned_ms = at(bench, 26 * HOUR_MS)
    plan_cut(bench, planned_ms)
    bench.wait_until(planned_ms - HOUR_MS // 2)
    bench.power.switch(on=False)
    bench.wait_until(planned_ms + HOUR_MS // 2)
    bench.power.switch(on=True)
    bench.check_supply("on", "right after the mains are back")
    took_ms = bench.wait_for_supply(is_on=False, within_ms=3 * HOUR_MS, every_ms=MINUTE_MS)
    bench.check("cut in its interval", expected=True, found=took_ms is not None)
