"""What a cut needs beside a window: a clock that nobody disputes, all that its lease names, no cancellation.

Each story keeps everything ready but for one thing, and puts that right at its end. Two take a cut back.
"""

from typing import Final

from emulator.scenario.model import (
    CancelCutSpec,
    CutCalendarSpec,
    HoldSpec,
    ProgrammedCutSpec,
    RebaseSpec,
    ReleaseSpec,
)
from hil.capabilities import Authorities, ClockFault, Console, Load, Orders, Person, SupplySensor
from hil.stories.drafts import EMPTY_PURSE, is_given_back, look_again
from hil.stories.plans import at, tell_time
from hil.stories.stage import StoryBench
from hil.stories.story import story
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.spans import Window

_NEEDS: Final = (Authorities, ClockFault, Console, Orders, SupplySensor)
_LIE_MS: Final = 2 * DAY_MS
_RELEASE_HOURS: Final = 24


def _permit(bench: StoryBench, names: tuple[str, ...] = ()) -> None:
    """A window whose spread is long over, and a lease of days, that names these holds."""
    windows = (Window(bench.now_ms - DAY_MS, at(bench, 6 * DAY_MS)),)
    bench.orders.bring(CutCalendarSpec("bench", "UTC", "none", at(bench, 7 * DAY_MS), windows, names))


def _check_kept(bench: StoryBench, hours: int, why: str) -> None:
    for _ in range(hours):
        bench.wait_until(at(bench, HOUR_MS))
        look_again(bench)
        bench.check_supply("on", why)


def _check_cut(bench: StoryBench, why: str) -> None:
    took_ms = bench.wait_for_supply(is_on=False, within_ms=3 * HOUR_MS, every_ms=MINUTE_MS)
    bench.check(f"cut {why}", expected=True, found=took_ms is not None)


def _dispute(bench: StoryBench) -> None:
    """Both authorities tell a time that the crystal cannot have counted."""
    tell_time(bench, offset_ms=_LIE_MS)
    bench.check("clock after two lies", "disputed", bench.word("clock", "status"))


@story(
    requirements=("I1", "QA-06"),
    needs=_NEEDS,
    tags=("window", "doubt", "lie"),
    real_duration="8 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_disputed_clock_cuts_nobody(bench: StoryBench) -> None:
    """While its clock is disputed a meter cuts nobody; after a rebase and two words of the time it does."""
    tell_time(bench)
    _permit(bench)
    bench.time.let_pass(HOUR_MS // 2)
    _dispute(bench)
    _check_kept(bench, 4, "with a disputed clock")
    bench.orders.bring(RebaseSpec())
    tell_time(bench)
    bench.check("clock after a rebase", "trusted", bench.word("clock", "status"))
    _check_cut(bench, "once the clock is trusted again")


@story(
    requirements=("I4", "QA-06"),
    needs=_NEEDS,
    tags=("window", "doubt", "lie", "recovery"),
    real_duration="4 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_cut_by_a_clock_that_is_disputed_since_is_taken_back(bench: StoryBench) -> None:
    """Whoever was cut since two authorities last agreed is back as soon as two dispute the clock."""
    tell_time(bench)
    _permit(bench)
    _check_cut(bench, "with nothing left")
    _dispute(bench)
    bench.time.let_pass(MINUTE_MS)
    bench.check_supply("on", "once the clock that cut is disputed")
    bench.check("reason", "clock", bench.word("supply", "reason"))


@story(
    requirements=("L6", "QA-09"),
    needs=_NEEDS,
    tags=("window", "moratorium"),
    real_duration="8 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_lease_that_names_a_hold_that_never_came_permits_nothing(bench: StoryBench) -> None:
    """A meter that learns from its lease of a hold that it does not have cuts nobody."""
    tell_time(bench)
    _permit(bench, names=("never",))
    _check_kept(bench, 4, "while a hold is missing")
    _permit(bench)
    _check_cut(bench, "once the lease names nothing that is missing")


@story(
    requirements=("L6", "I4"),
    needs=_NEEDS,
    tags=("window", "moratorium", "recovery"),
    real_duration="4 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_cut_inside_a_hold_that_came_late_is_taken_back(bench: StoryBench) -> None:
    """A hold that reaches a meter after the cut, and covers it, brings the household back at once."""
    tell_time(bench)
    _permit(bench)
    began_ms = bench.now_ms
    _check_cut(bench, "with nothing left")
    bench.orders.bring(HoldSpec("late", began_ms, began_ms + DAY_MS, 1))
    bench.time.let_pass(MINUTE_MS)
    bench.check_supply("on", "once a hold covers the cut")


def _order(bench: StoryBench, name: str) -> None:
    bench.orders.bring(ProgrammedCutSpec(name, None, bench.now_ms - HOUR_MS, at(bench, 5 * DAY_MS)))


@story(
    requirements=("I2", "QA-09"),
    needs=_NEEDS,
    tags=("window", "replay"),
    real_duration="8 h",
    firmware="guarded",
)
def a_cancelled_cut_order_that_comes_late_cuts_nobody(bench: StoryBench) -> None:
    """Where the cancellation comes before its order the order is never carried out; another one is."""
    tell_time(bench)
    _permit(bench)
    bench.orders.bring(CancelCutSpec("cancelled"))
    bench.time.let_pass(SECOND_MS)
    _order(bench, "cancelled")
    _check_kept(bench, 4, "by an order that was cancelled before")
    _order(bench, "other")
    _check_cut(bench, "by another order")


@story(
    requirements=("I3", "I4", "QA-09"),
    needs=(Authorities, *_NEEDS, Load, Person),
    tags=("window", "recovery"),
    real_duration="4 h",
    firmware="guarded",
)
def a_cut_whose_order_is_cancelled_is_taken_back(bench: StoryBench) -> None:
    """Whoever was cut by an order is back as soon as the meter learns that it was cancelled."""
    tell_time(bench)
    _permit(bench)
    _order(bench, "wrong")
    _check_cut(bench, "by its order")
    bench.orders.bring(CancelCutSpec("wrong"))
    bench.check("back once the order is cancelled", expected=True, found=is_given_back(bench))


@story(
    requirements=("I3", "QA-06"),
    needs=_NEEDS,
    tags=("window", "recovery", "edge"),
    real_duration="28 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_release_holds_for_all_its_hours(bench: StoryBench) -> None:
    """A release of 24 hours keeps the supply on for all of them, whatever is ready to cut, and no longer."""
    tell_time(bench)
    _permit(bench)
    _check_cut(bench, "with nothing left")
    bench.orders.bring(ReleaseSpec(_RELEASE_HOURS))
    ends_ms = at(bench, _RELEASE_HOURS * HOUR_MS)
    _check_kept(bench, _RELEASE_HOURS - 1, "while the release holds")
    bench.wait_until(ends_ms - 10 * SECOND_MS)
    look_again(bench)
    bench.check_supply("on", "seconds before the release is over")
    _check_cut(bench, "once the release is over")
