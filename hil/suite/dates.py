"""Wrong dates: none of them, by itself, may cut anybody off, and none may keep a cut from its hour."""

from collections.abc import Iterator
from typing import Final

from hil.capabilities import ClockFault, Console, Orders, SupplySensor
from hil.stories.plans import at, plan_cut
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

_STEPS_MS: Final = {
    "a-second": SECOND_MS,
    "a-minute": MINUTE_MS,
    "an-hour": HOUR_MS,
    "a-day": DAY_MS,
    "a-month": 30 * DAY_MS,
    "sixty-days": 60 * DAY_MS,
    "a-year": 366 * DAY_MS,
}
# Spread and main loop: how late a cut may come, and how near to that it may be before it is told.
_LATE_S_MAX: Final = 3_660
_LATE_S_MARGIN: Final = 30


def check_hour_of_cut(bench: StoryBench, planned_ms: int) -> None:
    """Supplied until a second before the planned hour, and cut soon after it."""
    bench.wait_until(planned_ms - SECOND_MS)
    bench.check_supply("on", "a second before the planned hour")
    late_ms = bench.wait_for_supply(is_on=False, within_ms=2 * HOUR_MS, every_ms=10 * SECOND_MS)
    bench.check("cut within two hours of the planned one", expected=True, found=late_ms is not None)
    late_s = (bench.now_ms - planned_ms) // SECOND_MS
    bench.measure("cut after the planned hour", late_s, "s", 0, _LATE_S_MAX, _LATE_S_MARGIN)


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
        requirements=("I1", "I5", "L6", "QA-04"),
        needs=(Console, SupplySensor, ClockFault, Orders),
        tags=("date",),
        real_duration="27 h",
    )
    def run(bench: StoryBench) -> None:
        planned_ms = at(bench, 26 * HOUR_MS)
        plan_cut(bench, planned_ms)
        bench.time.let_pass(HOUR_MS)
        bench.clock_fault.set_date(at(bench, step_ms))
        bench.check_supply("on", "right after the wrong date")
        bench.time.let_pass(2 * MINUTE_MS)
        bench.check_supply("on", "two minutes after it")
        check_hour_of_cut(bench, planned_ms)

    return run


UNSIGNED_STEPS: Final = tuple(_unsigned_steps())
