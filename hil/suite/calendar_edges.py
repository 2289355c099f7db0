"""Planned cuts around the edges of calendars: each keeps its hour on a meter whose dates are sound."""

from collections.abc import Iterator
from typing import Final

from hil.capabilities import Console, Orders, SupplySensor
from hil.stories.plans import plan_cut
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story
from hil.stories.wishes import MeterWish
from hil.suite.dates import check_hour_of_cut
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, iso_from_ms, ms_from_iso

# An edge of a calendar in Brussels, and what begins there.
_EDGES: Final = {
    "leap-day": ("2020-02-29T00:00:00+01:00", "29 February begins"),
    "day-after-a-leap-day": ("2020-03-01T00:00:00+01:00", "29 February ends"),
    "summer-time": ("2020-03-29T02:00:00+01:00", "summer time begins"),
    "winter-time": ("2020-10-25T03:00:00+02:00", "summer time ends"),
    "month-of-a-low-day": ("2020-07-03T00:00:00+02:00", "a day begins that could be a month"),
    "month-of-a-high-day": ("2020-07-13T00:00:00+02:00", "a day begins that could be no month"),
    "year": ("2021-01-01T00:00:00+01:00", "a year begins"),
    "last-second-of-32-bits": ("2038-01-19T03:14:08Z", "32 bits of seconds are full"),
}
# So long from its edge a cut is planned (requirement QA-04).
_FROM_EDGE_MS: Final = {
    "a-day-before": -DAY_MS,
    "an-hour-before": -HOUR_MS,
    "a-minute-before": -MINUTE_MS,
    "a-second-before": -SECOND_MS,
    "a-second-after": SECOND_MS,
    "a-minute-after": MINUTE_MS,
    "an-hour-after": HOUR_MS,
    "a-day-after": DAY_MS,
}
# The warning of an hour is over by then, and the meter has seen a midnight on its way.
_AHEAD_MS: Final = 30 * HOUR_MS


def _stories() -> Iterator[BenchStory]:
    for edge, (instant, what) in _EDGES.items():
        for name, from_edge_ms in _FROM_EDGE_MS.items():
            yield _story(f"cut-{name}-the-{edge}", ms_from_iso(instant) + from_edge_ms, f"{name} {what}")


def _story(name: str, planned_ms: int, told: str) -> BenchStory:
    @story(
        name=name,
        title=f"A cut that is planned for {told.replace('-', ' ')} keeps its hour",
        requirements=("I7", "QA-04"),
        needs=(Console, SupplySensor, Orders),
        tags=("date", "edge"),
        real_duration="31 h",
        meter=MeterWish(iso_from_ms(planned_ms - _AHEAD_MS)),
    )
    def run(bench: StoryBench) -> None:
        plan_cut(bench, planned_ms)
        check_hour_of_cut(bench, planned_ms)

    return run


EDGES: Final = tuple(_stories())
