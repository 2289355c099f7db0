"""Dates on which clocks have failed before: none that nobody has signed may move a cut from its hour."""

from collections.abc import Iterator
from typing import Final

from hil.capabilities import ClockFault, Console, Orders, Power, SupplySensor
from hil.stories.plans import at, bring_date, plan_cut
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story
from hil.suite.dates import check_hour_of_cut, keep_hour_through
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS, UtcMs, ms_from_iso

# What is wrong with a date, and the date, around a meter of the summer of 2020 in Brussels.
_TABLE: Final = {
    "epoch-of-unix": ("1970-01-01T00:00:00Z", "the first second of Unix"),
    "century-begins": (
        "2000-01-01T00:00:00Z",
        "the first second of the century, as a clock starts without a cell",
    ),
    "two-digits-lost": ("2000-06-24T08:00:00Z", "two digits of its year lost"),
    "year-read-as-hex": ("2032-06-24T08:00:00Z", "its year's BCD read as binary"),
    "day-read-as-hex": ("2020-07-06T08:00:00Z", "its day's BCD read as binary"),
    "day-and-month": ("2020-02-07T23:01:00+01:00", "day and month changed about"),
    "leap-day": ("2020-02-29T23:59:59Z", "the last second of a leap day"),
    "no-leap-year": (
        "2100-02-28T23:59:59Z",
        "the last second of a February that some take for a leap year's",
    ),
    "hour-that-is-not": ("2020-03-29T01:00:00Z", "the second in which summer time begins"),
    "hour-that-is-twice": ("2020-10-25T00:30:00Z", "the hour that comes twice when summer time ends"),
    "utc-as-local": ("2020-06-24T06:00:00Z", "UTC taken for local time"),
    "year-ends": ("2020-12-31T22:59:59Z", "the last second of a year"),
    "year-of-the-week": ("2021-01-03T23:00:00Z", "a week that belongs to the year before"),
    "satellites-roll-over": ("2019-04-06T23:59:42Z", "the week in which satellites count from nought"),
    "network-time-rolls-over": (
        "2036-02-07T06:28:16Z",
        "the second in which network time counts from nought",
    ),
    "32-bits-are-full": ("2038-01-19T03:14:08Z", "the second after 32 bits are full"),
    "night-of-2020": ("2020-07-03T23:01:00+02:00", "the end of the suspension of 2020"),
}


def _stories() -> Iterator[BenchStory]:
    for name, (date, what) in _TABLE.items():
        yield _story(name, ms_from_iso(date), what)


def _story(name: str, date_ms: int, what: str) -> BenchStory:
    @story(
        name=f"date-{name}",
        title=f"A date that nobody has signed moves no cut: {what}",
        requirements=("I5", "I7", "QA-04"),
        needs=(Console, SupplySensor, ClockFault, Orders),
        tags=("date", "table"),
        real_duration="27 h",
    )
    def run(bench: StoryBench) -> None:
        keep_hour_through(bench, lambda: UtcMs(date_ms))

    return run


def _without_orders(name: str, date_ms: int, what: str) -> BenchStory:
    """For a bench that has nobody's signature: a meter of metal is asked at least this."""

    @story(
        name=f"supply-through-{name}",
        title=f"A date that nobody has signed leaves supply and certainty as they were: {what}",
        requirements=("I5", "QA-04"),
        needs=(Console, SupplySensor, ClockFault),
        tags=("date", "table", "unsigned"),
        real_duration="3 min",
    )
    def run(bench: StoryBench) -> None:
        supply, status = bench.word("supply", "supply"), bench.word("clock", "status")
        bring_date(bench, date_ms)
        bench.check_supply(supply, "right after the wrong date")
        bench.time.let_pass(2 * MINUTE_MS)
        bench.check_supply(supply, "two minutes after the wrong date")
        bench.check("status of the clock", status, bench.word("clock", "status"))

    return run


TABLE: Final = tuple(_stories())
UNSIGNED: Final = tuple(
    _without_orders(name, ms_from_iso(date), what) for name, (date, what) in _TABLE.items()
)


@story(
    requirements=("I5", "I7", "QA-04"),
    needs=(Console, SupplySensor, ClockFault, Orders, Power),
    tags=("date", "mains"),
    real_duration="29 h",
)
def date_set_while_the_mains_fail_across_the_hour(bench: StoryBench) -> None:
    """A date that is set between two losses of the mains moves no cut, and the mains' return brings none."""
    planned_ms = at(bench, 26 * HOUR_MS)
    plan_cut(bench, planned_ms)
    bench.time.let_pass(HOUR_MS)
    bench.power.switch(on=False)
    bench.time.let_pass(HOUR_MS)
    bench.power.switch(on=True)
    bring_date(bench, at(bench, 30 * HOUR_MS))
    bench.time.let_pass(MINUTE_MS)
    bench.check_supply("on", "with mains, a minute after the wrong date")
    bench.power.switch(on=False)
    bench.time.let_pass(HOUR_MS)
    bench.power.switch(on=True)
    bench.time.let_pass(SECOND_MS)
    bench.check_supply("on", "right after the mains are back")
    check_hour_of_cut(bench, planned_ms)
