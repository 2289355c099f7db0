"""Windows that people have permitted: nobody is cut a second outside of them, nor while a hold stands."""

from decimal import Decimal
from typing import Final

from emulator.scenario.model import FlagSpec, HoldSpec, LiftHoldSpec
from hil.capabilities import Console, Orders, SupplySensor
from hil.stories.plans import at, permit, plan_cut
from hil.stories.stage import StoryBench
from hil.stories.story import story
from hil.stories.wishes import MeterWish
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import FlagName
from protocols.spans import Window

# Where a rule about dates changes: so long before its edge nothing may have happened yet.
_BEFORE_MS: Final = (DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS)
_NOTHING_LEFT: Final = MeterWish("2020-06-24T08:00:00+02:00", balance_eur=Decimal(-1), load_w=500)
_WINDOW_MS: Final = 4 * HOUR_MS
_SHORT_MS: Final = 30 * MINUTE_MS


@story(
    requirements=("L7", "QA-04", "QA-06"),
    needs=(Console, SupplySensor, Orders),
    tags=("window",),
    real_duration="30 h",
    firmware="guarded",
    meter=_NOTHING_LEFT,
)
def an_empty_purse_waits_for_the_window(bench: StoryBench) -> None:
    """With nothing left the supply stays on until the window opens, and ends within it."""
    begin_ms = at(bench, 25 * HOUR_MS)
    permit(bench, Window(begin_ms, begin_ms + _WINDOW_MS))
    for before_ms in _BEFORE_MS:
        bench.wait_until(begin_ms - before_ms)
        bench.check_supply("on", f"{before_ms // SECOND_MS} s before the window")
    took_ms = bench.wait_for_supply(
        is_on=False, within_ms=_WINDOW_MS + 2 * SECOND_MS, every_ms=10 * SECOND_MS
    )
    bench.check("cut in the window", expected=True, found=took_ms is not None)
    bench.measure("cut after the window's begin", (bench.now_ms - begin_ms) // SECOND_MS, "s", 0, 7_210, 60)


@story(
    requirements=("L7", "QA-04", "QA-06"),
    needs=(Console, SupplySensor, Orders),
    tags=("window",),
    real_duration="27 h",
    firmware="guarded",
    meter=_NOTHING_LEFT,
)
def a_window_that_is_too_short_for_its_warning_cuts_nobody(bench: StoryBench) -> None:
    """A window that ends before the hour of the warning is over cuts nobody, in it or after it."""
    begin_ms = at(bench, 10 * MINUTE_MS)
    permit(bench, Window(begin_ms, begin_ms + _SHORT_MS))
    bench.wait_until(begin_ms)
    for _ in range(24):
        bench.time.let_pass(HOUR_MS)
        bench.check_supply("on", "beside a window that is too short")


@story(
    requirements=("L6", "QA-06"),
    needs=(Console, SupplySensor, Orders),
    tags=("window", "moratorium"),
    real_duration="3 d",
    firmware="guarded",
    meter=_NOTHING_LEFT,
)
def a_moratorium_is_stronger_than_a_window(bench: StoryBench) -> None:
    """While a hold stands nobody is cut in a window; once two people have lifted it, they are."""
    bench.orders.bring(HoldSpec("bench", bench.now_ms, bench.now_ms + 30 * DAY_MS, 1))
    begin_ms = at(bench, HOUR_MS)
    permit(bench, Window(begin_ms, begin_ms + 2 * DAY_MS))
    for _ in range(24):
        bench.time.let_pass(HOUR_MS)
        bench.check_supply("on", "under a hold, in the window")
    bench.orders.bring(LiftHoldSpec("bench", 2))
    took_ms = bench.wait_for_supply(is_on=False, within_ms=4 * HOUR_MS, every_ms=MINUTE_MS)
    bench.check("cut once the hold is lifted", expected=True, found=took_ms is not None)


@story(
    requirements=("L6",),
    needs=(Console, SupplySensor, Orders),
    tags=("window", "moratorium"),
    real_duration="31 h",
    firmware="guarded",
)
def a_hold_that_comes_late_stops_a_planned_cut(bench: StoryBench) -> None:
    """A hold that reaches the meter a minute before the planned hour keeps the supply on."""
    planned_ms = at(bench, 26 * HOUR_MS)
    plan_cut(bench, planned_ms)
    bench.wait_until(planned_ms - MINUTE_MS)
    bench.orders.bring(HoldSpec("late", bench.now_ms, bench.now_ms + DAY_MS, 1))
    bench.time.let_pass(5 * HOUR_MS)
    bench.check_supply("on", "hours after the planned one, under a hold")


@story(
    requirements=("QA-06", "L6"),
    needs=(Console, SupplySensor, Orders),
    tags=("window", "moratorium"),
    real_duration="1 d",
    firmware="guarded",
    meter=_NOTHING_LEFT,
)
def who_needs_the_supply_to_live_is_not_cut(bench: StoryBench) -> None:
    """A household with the medical flag keeps its supply in every window."""
    bench.orders.bring(FlagSpec(FlagName.MEDICAL, value=True))
    permit(bench, Window(bench.now_ms, at(bench, DAY_MS)))
    for _ in range(23):
        bench.time.let_pass(HOUR_MS)
        bench.check_supply("on", "with the medical flag, in the window")
