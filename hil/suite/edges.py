"""Where a permission begins and ends: holds, windows, leases and cut orders, each at its own edge.

An empty purse, or an order, stands ready to cut all the time, its warning long over; a hold keeps the supply
on until the instant that a story asks about. So what happens then is the doing of one edge alone.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum, unique
from typing import Final

from emulator.scenario.model import HoldSpec, ProgrammedCutSpec
from hil.capabilities import Authorities, ClockFault, Console, JournalReader, Orders, SupplySensor
from hil.stories.drafts import DOUBT_MS, EMPTY_PURSE, LOOK_MS, look_again, permit_until, put_clock_in_doubt
from hil.stories.plans import at, tell_time
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.link.records import GateJudged
from protocols.spans import Window

_NEEDS: Final = (Authorities, Console, SupplySensor, ClockFault, Orders)
_BEFORE_MS: Final = (DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS)
_AFTER_MS: Final = {"a-second": SECOND_MS, "a-minute": MINUTE_MS, "an-hour": HOUR_MS, "a-day": DAY_MS}
# The clock is a second or two wide, and the main loop takes one: how late a cut may come, and what is near.
_LATE_S_MAX: Final = 30
_LATE_S_MARGIN: Final = 5
# An empty purse is warned of for an hour, and a meter's turn in a window comes within one: long over by then.
_READY_MS: Final = 26 * HOUR_MS
_LONG_MS: Final = 6 * DAY_MS


def _check_kept(bench: StoryBench, edge_ms: int, what: str) -> None:
    """On a day, an hour, a minute and a second before an edge, whatever the meter is made to look at."""
    for before_ms in _BEFORE_MS:
        bench.wait_until(edge_ms - before_ms - LOOK_MS)
        look_again(bench)
        bench.check_supply("on", f"{before_ms // SECOND_MS} s before {what}")
        if before_ms == HOUR_MS:
            tell_time(bench)


def _check_cut_at(bench: StoryBench, edge_ms: int, what: str, doubt_ms: int = 0) -> None:
    """Cut soon after an edge: without that nothing was asked of the edge at all."""
    within_ms = doubt_ms + 2 * MINUTE_MS
    late_ms = bench.wait_for_supply(is_on=False, within_ms=edge_ms - bench.now_ms + within_ms)
    bench.check(f"cut after {what}", expected=True, found=late_ms is not None)
    late_s, doubt_s = (bench.now_ms - edge_ms) // SECOND_MS, doubt_ms // SECOND_MS
    bench.measure(f"cut after {what}", late_s, "s", doubt_s, doubt_s + _LATE_S_MAX, 0)


def _hold(bench: StoryBench, name: str, from_ms: int, until_ms: int) -> None:
    bench.orders.bring(HoldSpec(name, from_ms, until_ms, 1))


@story(
    requirements=("L6", "QA-04"),
    needs=_NEEDS,
    tags=("window", "moratorium", "edge"),
    real_duration="27 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_hold_lasts_to_its_last_second(bench: StoryBench) -> None:
    """A hold forbids a cut to its last second, and no longer."""
    until_ms = at(bench, _READY_MS)
    tell_time(bench)
    _hold(bench, "edge", bench.now_ms, until_ms)
    permit_until(bench, until_ms + DAY_MS, Window(bench.now_ms, until_ms + DAY_MS))
    _check_kept(bench, until_ms, "the hold's end")
    _check_cut_at(bench, until_ms, "the hold's end")


@story(
    requirements=("L6", "QA-04"),
    needs=_NEEDS,
    tags=("window", "moratorium", "edge"),
    real_duration="3 d",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_hold_holds_from_its_first_second(bench: StoryBench) -> None:
    """Where one hold ends and the next one begins there is no second for a cut."""
    meet_ms = at(bench, _READY_MS)
    until_ms = meet_ms + 25 * HOUR_MS
    tell_time(bench)
    _hold(bench, "first", bench.now_ms, meet_ms)
    _hold(bench, "second", meet_ms, until_ms)
    permit_until(bench, until_ms + DAY_MS, Window(bench.now_ms, until_ms + DAY_MS))
    _check_kept(bench, meet_ms, "one hold ends and another begins")
    for after_ms in _AFTER_MS.values():
        bench.wait_until(meet_ms + after_ms)
        look_again(bench)
        bench.check_supply("on", f"{after_ms // SECOND_MS} s after the second hold began")
    bench.wait_until(until_ms - MINUTE_MS)
    tell_time(bench)
    _check_cut_at(bench, until_ms, "the second hold's end")


@story(
    requirements=("L6", "QA-01", "QA-06"),
    needs=_NEEDS,
    tags=("window", "moratorium", "edge", "doubt"),
    real_duration="5 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_hold_that_may_still_stand_cuts_nobody(bench: StoryBench) -> None:
    """A clock that is ten minutes in doubt counts a hold until its last doubt is over."""
    put_clock_in_doubt(bench)
    until_ms = at(bench, 3 * HOUR_MS)
    _hold(bench, "edge", bench.now_ms, until_ms)
    permit_until(bench, until_ms + DAY_MS, Window(bench.now_ms - DAY_MS, until_ms + DAY_MS))
    for beside_ms in (-9 * MINUTE_MS, -MINUTE_MS, 0, MINUTE_MS, 9 * MINUTE_MS):
        bench.wait_until(until_ms + beside_ms)
        look_again(bench)
        bench.check_supply("on", f"{beside_ms // SECOND_MS} s beside the hold's end, ten minutes in doubt")
    _check_cut_at(bench, until_ms, "the hold's end", DOUBT_MS)


@story(
    requirements=("L6", "QA-01", "QA-06"),
    needs=_NEEDS,
    tags=("window", "moratorium", "edge", "doubt"),
    real_duration="7 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_hold_that_may_have_begun_cuts_nobody(bench: StoryBench) -> None:
    """Between two holds five minutes apart a clock that is ten minutes in doubt finds no instant to cut."""
    put_clock_in_doubt(bench)
    gap_ms = at(bench, 3 * HOUR_MS)
    until_ms = gap_ms + 2 * HOUR_MS
    _hold(bench, "first", bench.now_ms, gap_ms)
    _hold(bench, "second", gap_ms + DOUBT_MS // 2, until_ms)
    permit_until(bench, until_ms + DAY_MS, Window(bench.now_ms - DAY_MS, until_ms + DAY_MS))
    bench.wait_until(gap_ms - DOUBT_MS)
    while bench.now_ms < gap_ms + 2 * DOUBT_MS:
        bench.time.let_pass(MINUTE_MS)
        look_again(bench)
        bench.check_supply("on", "about the gap between two holds, ten minutes in doubt")
    bench.wait_until(until_ms)
    bench.check_supply("on", "at the second hold's end, ten minutes in doubt")
    _check_cut_at(bench, until_ms, "the second hold's end", DOUBT_MS)


# ---------------------------------------------------------------- what ends: a window, a lease, a cut order


@unique
class _Ending(StrEnum):
    WINDOW = "window"
    LEASE = "lease"
    CUT_ORDER = "cut-order"


def _permit_to(bench: StoryBench, ending: _Ending, name: str, end_ms: int) -> None:
    """Everything that a cut needs, of which one thing ends at an instant and the rest days later."""
    later_ms = end_ms + _LONG_MS
    window_ms, lease_ms, order_ms = (
        end_ms if ending is each else later_ms for each in (_Ending.WINDOW, _Ending.LEASE, _Ending.CUT_ORDER)
    )
    permit_until(bench, lease_ms, Window(bench.now_ms - DAY_MS, window_ms))
    bench.orders.bring(ProgrammedCutSpec(name, None, bench.now_ms - HOUR_MS, order_ms))


def _check_renewed(bench: StoryBench, ending: _Ending) -> None:
    """Permitted anew the meter cuts: it was the end alone that had kept the supply on."""
    _permit_to(bench, ending, "renewed", at(bench, DAY_MS))
    took_ms = bench.wait_for_supply(is_on=False, within_ms=4 * HOUR_MS, every_ms=10 * SECOND_MS)
    bench.check(f"cut once a {ending} counts again", expected=True, found=took_ms is not None)


def _ends() -> Iterator[BenchStory]:
    for ending in _Ending:
        yield _end_that_counts(ending)
        yield _end_in_doubt(ending)
        for how_long, after_ms in _AFTER_MS.items():
            yield _end_that_is_over(ending, how_long, after_ms)


def _told(ending: _Ending) -> str:
    return ending.replace("-", " ")


def _edge_story(
    name: str, title: str, real_duration: str, *requirements: str
) -> Callable[[Callable[[StoryBench], None]], BenchStory]:
    return story(
        name=name,
        title=title,
        requirements=requirements,
        needs=_NEEDS,
        tags=("window", "edge"),
        real_duration=real_duration,
        firmware="guarded",
    )


def _end_that_counts(ending: _Ending) -> BenchStory:
    @_edge_story(
        f"{ending}-counts-until-its-last-minute",
        f"A {_told(ending)} counts until its last minute",
        "27 h",
        "L7",
        "QA-04",
    )
    def run(bench: StoryBench) -> None:
        end_ms = at(bench, _READY_MS)
        tell_time(bench)
        _hold(bench, "edge", bench.now_ms, end_ms - MINUTE_MS)
        _permit_to(bench, ending, "edge", end_ms)
        _check_kept(bench, end_ms - MINUTE_MS, "the hold's end")
        _check_cut_at(bench, end_ms - MINUTE_MS, f"the hold's end, in the {_told(ending)}'s last minute")

    return run


def _end_that_is_over(ending: _Ending, how_long: str, after_ms: int) -> BenchStory:
    @_edge_story(
        f"{ending}-that-ended-{how_long}-before-cuts-nobody",
        f"A {_told(ending)} that ended {how_long.replace('-', ' ')} before cuts nobody",
        "4 d",
        "L7",
        "I2",
        "QA-04",
    )
    def run(bench: StoryBench) -> None:
        end_ms = at(bench, _READY_MS)
        tell_time(bench)
        _hold(bench, "edge", bench.now_ms, end_ms + after_ms)
        _permit_to(bench, ending, "edge", end_ms)
        bench.wait_until(end_ms - HOUR_MS)
        tell_time(bench)
        bench.wait_until(end_ms + after_ms)
        for _ in range(10):
            bench.time.let_pass(SECOND_MS)
            bench.check_supply("on", f"seconds after the hold, {after_ms // SECOND_MS} s after the end")
        look_again(bench)
        bench.time.let_pass(2 * HOUR_MS)
        bench.check_supply("on", "two hours after the hold")
        _check_renewed(bench, ending)

    return run


def _end_in_doubt(ending: _Ending) -> BenchStory:
    @_edge_story(
        f"{ending}-that-may-be-over-cuts-nobody",
        f"A {_told(ending)} that may be over, by a clock ten minutes in doubt, cuts nobody",
        "8 h",
        "L7",
        "QA-01",
        "QA-06",
    )
    def run(bench: StoryBench) -> None:
        put_clock_in_doubt(bench)
        end_ms = at(bench, 3 * HOUR_MS)
        _hold(bench, "edge", bench.now_ms, end_ms - DOUBT_MS // 2)
        _permit_to(bench, ending, "edge", end_ms)
        bench.wait_until(end_ms - 2 * DOUBT_MS)
        while bench.now_ms < end_ms + 2 * DOUBT_MS:
            bench.time.let_pass(MINUTE_MS)
            look_again(bench)
            bench.check_supply("on", f"about the {_told(ending)}'s end, ten minutes in doubt")
        _check_renewed(bench, ending)

    return run


ENDS: Final = tuple(_ends())


@story(
    requirements=("L7", "I2", "QA-04"),
    needs=_NEEDS,
    tags=("window", "edge"),
    real_duration="27 h",
    firmware="guarded",
)
def a_cut_order_waits_for_its_own_hour(bench: StoryBench) -> None:
    """In a window that has long begun a cut order waits for the hour that it names."""
    from_ms = at(bench, _READY_MS)
    tell_time(bench)
    permit_until(bench, from_ms + DAY_MS, Window(bench.now_ms, from_ms + DAY_MS))
    bench.orders.bring(ProgrammedCutSpec("edge", None, from_ms, from_ms + DAY_MS))
    _check_kept(bench, from_ms, "the order's hour")
    _check_cut_at(bench, from_ms, "the order's hour")


@story(
    requirements=("L7",),
    needs=(Authorities, Console, SupplySensor, Orders),
    tags=("window", "edge"),
    real_duration="10 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_lease_of_more_than_31_days_permits_nothing(bench: StoryBench) -> None:
    """A lease that is signed for more than 31 days permits no cut; one for 31 days does."""
    tell_time(bench)
    permit_until(bench, at(bench, 31 * DAY_MS + SECOND_MS), Window(bench.now_ms, at(bench, DAY_MS)))
    for _ in range(5):
        bench.time.let_pass(HOUR_MS)
        bench.check_supply("on", "by a lease of more than 31 days")
    permit_until(bench, at(bench, 31 * DAY_MS), Window(bench.now_ms, at(bench, DAY_MS)))
    took_ms = bench.wait_for_supply(is_on=False, within_ms=3 * HOUR_MS, every_ms=MINUTE_MS)
    bench.check("cut by a lease of 31 days", expected=True, found=took_ms is not None)


def _early_windows() -> Iterator[BenchStory]:
    # From the end of the warning to the window: some seconds, and a little less than an hour and a day.
    yield _early_window("seconds", 5 * SECOND_MS)
    yield _early_window("an-hour", 59 * MINUTE_MS)
    yield _early_window("a-day", 23 * HOUR_MS + 59 * MINUTE_MS)


def _early_window(how_long: str, early_ms: int) -> BenchStory:
    @story(
        name=f"gate-is-shut-{how_long}-before-its-window",
        title=f"Asked {how_long.replace('-', ' ')} before its window, the gate writes down that it is shut",
        requirements=("L7", "L10", "QA-04"),
        needs=(Authorities, Console, SupplySensor, Orders, JournalReader),
        tags=("window", "edge"),
        real_duration="28 h",
        firmware="guarded",
        meter=EMPTY_PURSE,
    )
    def run(bench: StoryBench) -> None:
        begin_ms = at(bench, HOUR_MS + early_ms)
        tell_time(bench)
        permit_until(bench, begin_ms + DAY_MS, Window(begin_ms, begin_ms + DAY_MS))
        bench.wait_until(begin_ms - SECOND_MS)
        bench.check_supply("on", "a second before the window")
        judged = [each for _, each in bench.journal.records() if isinstance(each, GateJudged)]
        bench.check(
            "verdicts before the window",
            ["no_window"],
            ["open" if each.open else each.reason for each in judged],
        )
        took_ms = bench.wait_for_supply(is_on=False, within_ms=2 * HOUR_MS, every_ms=MINUTE_MS)
        bench.check("cut in the window", expected=True, found=took_ms is not None)

    return run


EARLY_WINDOWS: Final = tuple(_early_windows())
