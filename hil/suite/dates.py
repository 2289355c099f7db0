"""Wrong dates: none of them, by itself, may cut anybody off, and none may keep a cut from its hour."""

from collections.abc import Callable, Iterator
from typing import Final

from emulator.scenario.model import ReleaseSpec
from hil.capabilities import ClockFault, Console, Orders, SupplySensor
from hil.stories.plans import at, bring_date, plan_cut
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story
from hil.stories.strategy import BenchState, reach
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, UtcMs, iso_from_ms
from protocols.reasons import Energy

_STEPS_MS: Final = {
    "a-second": SECOND_MS,
    "a-minute": MINUTE_MS,
    "an-hour": HOUR_MS,
    "a-day": DAY_MS,
    "a-month": 30 * DAY_MS,
    "sixty-days": 60 * DAY_MS,
    "a-year": 366 * DAY_MS,
}
# Requirement I7: a planned cut comes at its date, or up to five minutes later.
LATE_S_MAX: Final = 300


def check_hour_of_cut(bench: StoryBench, planned_ms: int) -> None:
    """Supplied until a second before the planned hour, and cut soon after it."""
    bench.wait_until(planned_ms - SECOND_MS)
    bench.check_supply("on", "a second before the planned hour")
    planned = iso_from_ms(planned_ms)
    bench.expect_supply(
        f"the cut that was planned for {planned}", is_on=False, within_ms=2 * HOUR_MS, every_ms=5 * SECOND_MS
    )
    # No margin: the nearer to its lower limit, the better it kept its hour.
    late_s = (bench.now_ms - planned_ms) // SECOND_MS
    bench.measure("cut after the planned hour", late_s, "s", 0, LATE_S_MAX)


def keep_hour_through(bench: StoryBench, date_of: Callable[[], UtcMs]) -> None:
    """Plan a cut, bring the meter a date an hour later, and see the cut keep its hour."""
    planned_ms = at(bench, 26 * HOUR_MS)
    plan_cut(bench, planned_ms)
    bench.time.let_pass(HOUR_MS)
    bench.check_supply("on", "an hour after the cut was planned, before the wrong date")
    bring_date(bench, date_of())
    bench.check_supply("on", "right after the wrong date")
    bench.time.let_pass(2 * MINUTE_MS)
    bench.check_supply("on", "two minutes after the wrong date")
    check_hour_of_cut(bench, planned_ms)


def _unsigned_steps() -> Iterator[BenchStory]:
    for how_far, step_ms in _STEPS_MS.items():
        for sign, way in ((1, "ahead"), (-1, "back")):
            yield _unsigned_step(
                f"date-{how_far}-{way}", sign * step_ms, f"{how_far.replace('-', ' ')} {way}"
            )


def _unsigned_step(name: str, step_ms: int, told: str) -> BenchStory:
    @story(
        name=name,
        title=f"A date {told} that nobody has signed brings no cut before its hour, and keeps none from it",
        requirements=("I5", "I7", "QA-04"),
        needs=(Console, SupplySensor, ClockFault, Orders),
        tags=("date",),
        real_duration="27 h",
    )
    def run(bench: StoryBench) -> None:
        keep_hour_through(bench, lambda: at(bench, step_ms))

    return run


UNSIGNED_STEPS: Final = tuple(_unsigned_steps())


@story(
    requirements=("I2", "I5", "I7"),
    needs=(Console, SupplySensor, ClockFault, Orders),
    tags=("date", "once"),
    real_duration="4 d",
    energy=Energy.ELECTRICITY,
)
def a_planned_cut_happens_once(bench: StoryBench) -> None:
    """A cut that was carried out comes no second time: not by its date that comes again, not by a restart."""
    planned_ms = at(bench, 26 * HOUR_MS)
    plan_cut(bench, planned_ms)
    check_hour_of_cut(bench, planned_ms)
    bench.orders.bring(ReleaseSpec(24))
    reach(bench, BenchState.SUPPLIED)
    for behind_ms in (-MINUTE_MS, -HOUR_MS, -DAY_MS):
        bring_date(bench, planned_ms + behind_ms)
        bench.time.let_pass(-behind_ms + MINUTE_MS)
        bench.check_supply("on", f"its date has come again, {-behind_ms // SECOND_MS} s after it was brought")
    bench.time.let_pass(DAY_MS)
    bench.check_supply("on", "long after the release has ended")
