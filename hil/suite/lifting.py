"""How protection ends before its time: by two people, never by one, and to the second that they name."""

from typing import Final

from emulator.scenario.model import FlagSpec, HoldSpec, LiftHoldSpec, ShortenHoldSpec
from hil.capabilities import Authorities, ClockFault, Console, Orders, SupplySensor
from hil.stories.drafts import EMPTY_PURSE, look_again, permit_until
from hil.stories.plans import at, tell_time
from hil.stories.stage import StoryBench
from hil.stories.story import story
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import FlagName
from protocols.spans import Window

_NEEDS: Final = (Authorities, ClockFault, Console, Orders, SupplySensor)


def _be_held(bench: StoryBench) -> None:
    """A hold of a month, and after it everything for a cut."""
    tell_time(bench)
    bench.orders.bring(HoldSpec("month", bench.now_ms, at(bench, 30 * DAY_MS), 1))
    _permit(bench)


def _permit(bench: StoryBench) -> None:
    permit_until(bench, at(bench, 7 * DAY_MS), Window(bench.now_ms - DAY_MS, at(bench, 6 * DAY_MS)))


def _check_kept(bench: StoryBench, hours: int, why: str) -> None:
    for _ in range(hours):
        bench.wait_until(at(bench, HOUR_MS))
        look_again(bench)
        bench.check_supply("on", why)


def _check_cut(bench: StoryBench, within_ms: int, why: str) -> None:
    took_ms = bench.wait_for_supply(is_on=False, within_ms=within_ms)
    bench.check(f"cut {why}", expected=True, found=took_ms is not None)


@story(
    requirements=("L6", "QA-06"),
    needs=_NEEDS,
    tags=("window", "moratorium"),
    real_duration="8 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_hold_is_lifted_by_two_people_and_not_by_one(bench: StoryBench) -> None:
    """A hold that one person lifts stands; lifted by two it is over."""
    _be_held(bench)
    bench.orders.bring(LiftHoldSpec("month", 1))
    _check_kept(bench, 4, "under a hold that one person has lifted")
    tell_time(bench)
    bench.orders.bring(LiftHoldSpec("month", 2))
    _permit(bench)
    _check_cut(bench, MINUTE_MS, "once two people have lifted the hold")


@story(
    requirements=("L6", "QA-04"),
    needs=_NEEDS,
    tags=("window", "moratorium", "edge"),
    real_duration="1 d",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_shortened_hold_lasts_to_its_new_last_second(bench: StoryBench) -> None:
    """A hold that two people shorten lasts to the second that they name; one person shortens nothing."""
    _be_held(bench)
    until_ms = at(bench, 8 * HOUR_MS)
    bench.orders.bring(ShortenHoldSpec("month", at(bench, 2 * HOUR_MS), 1))
    bench.orders.bring(ShortenHoldSpec("month", until_ms, 2))
    _permit(bench)
    while bench.now_ms < until_ms - 2 * HOUR_MS:
        _check_kept(bench, 1, "under a shortened hold")
    tell_time(bench)
    bench.wait_until(until_ms - 3 * SECOND_MS)
    look_again(bench)
    bench.check_supply("on", "a second before the shortened hold's end")
    _check_cut(bench, MINUTE_MS, "after the shortened hold's end")


@story(
    requirements=("L6", "QA-06"),
    needs=_NEEDS,
    tags=("window", "moratorium"),
    real_duration="8 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_flag_holds_until_two_people_clear_it(bench: StoryBench) -> None:
    """A household with the medical flag is cut in no window, and is once two people have cleared the flag."""
    tell_time(bench)
    bench.orders.bring(FlagSpec(FlagName.MEDICAL, value=True))
    _permit(bench)
    _check_kept(bench, 4, "with the medical flag")
    tell_time(bench)
    bench.orders.bring(FlagSpec(FlagName.MEDICAL, value=False))
    _permit(bench)
    _check_cut(bench, MINUTE_MS, "once the flag is cleared")
