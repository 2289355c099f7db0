"""Windows that people have permitted: nobody is cut a second outside of them, nor while a hold stands."""

from decimal import Decimal
from typing import Final

from emulator.scenario.model import FlagSpec, HoldSpec, LiftHoldSpec
from hil.capabilities import ClockFault, Console, Orders, SupplySensor
from hil.stories.plans import LONG_PLAN_MS, at, bring_date, permit, plan_cut
from hil.stories.stage import StoryBench
from hil.stories.story import story
from hil.stories.wishes import MeterWish
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import FlagName
from protocols.spans import Window

# Where a rule about dates changes: so long before its edge, or behind it, nothing may happen.
_FROM_EDGE_MS: Final = (SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS)
# Emergency credit that a person has to start: with nothing left a window cuts at once.
_NOTHING_LEFT: Final = MeterWish(balance_eur=Decimal(-1), load_w=500, profile="wallonia-card-2020")
_HOLD_MS: Final = 30 * DAY_MS
# What is lifted or cleared was the only thing in the way of a cut: an hour of warning, an hour of spread.
_LIFTED_MS: Final = 2 * HOUR_MS + 5 * MINUTE_MS
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
    for before_ms in reversed(_FROM_EDGE_MS):
        bench.wait_until(begin_ms - before_ms)
        bench.check_supply("on", f"{before_ms // SECOND_MS} s before the window")
    bench.expect_supply("cut in the window", is_on=False, within_ms=_WINDOW_MS, every_ms=10 * SECOND_MS)
    # The warning is long over: what is left is the spread, an hour of so long a window at most.
    bench.measure("cut after the window's begin", (bench.now_ms - begin_ms) // SECOND_MS, "s", 0, 3_610)


@story(
    requirements=("L7", "QA-04", "QA-06"),
    needs=(Console, SupplySensor, Orders),
    tags=("window",),
    real_duration="3 d",
    firmware="guarded",
    meter=_NOTHING_LEFT,
)
def an_empty_purse_is_safe_behind_the_window(bench: StoryBench) -> None:
    """A window that is over cuts nobody any more, a second, a minute, an hour and a day behind its end."""
    begin_ms = at(bench, HOUR_MS)
    end_ms = begin_ms + _WINDOW_MS
    next_ms = end_ms + 2 * DAY_MS
    bench.orders.bring(HoldSpec("bench", bench.now_ms, end_ms, 1))
    permit(bench, Window(begin_ms, end_ms), Window(next_ms, next_ms + _WINDOW_MS))
    for behind_ms in _FROM_EDGE_MS:
        bench.wait_until(end_ms + behind_ms)
        bench.check_supply("on", f"{behind_ms // SECOND_MS} s behind the window's end")
    bench.wait_until(next_ms)
    bench.expect_supply("cut in the next window", is_on=False, within_ms=_WINDOW_MS, every_ms=MINUTE_MS)


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
    permit(bench, Window(bench.now_ms, at(bench, _WINDOW_MS)))
    bench.expect_supply(
        "cut in a window that is long enough", is_on=False, within_ms=_LIFTED_MS, every_ms=MINUTE_MS
    )


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
    bench.orders.bring(HoldSpec("bench", bench.now_ms, at(bench, _HOLD_MS), 1))
    begin_ms = at(bench, HOUR_MS)
    permit(bench, Window(begin_ms, begin_ms + 2 * DAY_MS))
    for _ in range(24):
        bench.time.let_pass(HOUR_MS)
        bench.check_supply("on", "under a hold, in the window")
    bench.orders.bring(LiftHoldSpec("bench", 2))
    bench.expect_supply("cut once the hold is lifted", is_on=False, within_ms=_LIFTED_MS, every_ms=MINUTE_MS)


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
    plan_cut(bench, planned_ms, lasts_ms=LONG_PLAN_MS)
    bench.wait_until(planned_ms - MINUTE_MS)
    bench.orders.bring(HoldSpec("late", bench.now_ms, at(bench, DAY_MS), 1))
    bench.wait_until(planned_ms + HOUR_MS + MINUTE_MS)
    bench.check_supply("on", "an hour after the planned one, under a hold")
    bench.orders.bring(LiftHoldSpec("late", 2))
    bench.expect_supply("cut once the hold is lifted", is_on=False, within_ms=_LIFTED_MS, every_ms=MINUTE_MS)


@story(
    requirements=("L6", "I5", "QA-06"),
    needs=(Console, SupplySensor, ClockFault, Orders),
    tags=("window", "moratorium", "date"),
    real_duration="30 h",
    firmware="guarded",
)
def a_moratorium_holds_whatever_the_date(bench: StoryBench) -> None:
    """Under a hold no date, right or wrong, brings the cut that was planned; once it is lifted, it comes."""
    planned_ms = at(bench, 26 * HOUR_MS)
    plan_cut(bench, planned_ms, lasts_ms=LONG_PLAN_MS)
    bench.orders.bring(HoldSpec("season", bench.now_ms, at(bench, _HOLD_MS), 1))
    for step_ms in (DAY_MS, -DAY_MS, 31 * DAY_MS, 366 * DAY_MS, -366 * DAY_MS):
        bench.time.let_pass(HOUR_MS)
        bring_date(bench, at(bench, step_ms))
        bench.check_supply("on", f"under a hold, with a date {step_ms // DAY_MS} days off")
    bench.wait_until(planned_ms + HOUR_MS + MINUTE_MS)
    bench.check_supply("on", "an hour after the planned one, under a hold")
    bench.orders.bring(LiftHoldSpec("season", 2))
    bench.expect_supply("cut once the hold is lifted", is_on=False, within_ms=_LIFTED_MS, every_ms=MINUTE_MS)


@story(
    requirements=("QA-06",),
    needs=(Console, SupplySensor, Orders),
    tags=("window", "flag"),
    real_duration="27 h",
    firmware="guarded",
    meter=_NOTHING_LEFT,
)
def who_needs_the_supply_to_live_is_not_cut(bench: StoryBench) -> None:
    """A household with the medical flag keeps its supply in every window, until two people clear it."""
    bench.orders.bring(FlagSpec(FlagName.MEDICAL, value=True))
    permit(bench, Window(bench.now_ms, at(bench, 2 * DAY_MS)))
    for _ in range(23):
        bench.time.let_pass(HOUR_MS)
        bench.check_supply("on", "with the medical flag, in the window")
    bench.orders.bring(FlagSpec(FlagName.MEDICAL, value=False))
    bench.expect_supply("cut once the flag is cleared", is_on=False, within_ms=_LIFTED_MS, every_ms=MINUTE_MS)
