"""Turns at known instants, told as seasons, weeks and days of the legal local calendar. Pure.

A meter is given instants (UTC), since it knows no zone, weekday or holiday. A reader of an activity calendar
asks for days and weeks. Both say the same of every instant that clocks on the wall show once:

- turns that are more than a week apart begin a new stretch; in a stretch each weekday has the day that it
  mostly has, and every other day is a special day;
- of an hour that clocks show twice a day says what holds the second time.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from operator import attrgetter
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from protocols.cutting.zones import instants_of_wall, local_date, wall_clock
from protocols.instants import SECOND_MS
from protocols.spans import Window

# A day is named by one byte, and 0 names none.
DAYS_MAX: Final = 255
_DAY: Final = timedelta(days=1)
_STRETCH: Final = timedelta(days=7)
_DAY_S: Final = 86_400
_at_ms: Final = attrgetter("at_ms")


class StateTurn(NamedTuple):
    """From `at_ms` on (ms, UTC) `state` holds."""

    at_ms: int
    state: int


class DayTurn(NamedTuple):
    """From this second of the day on the wall `state` holds."""

    second: int
    state: int


Day = tuple[DayTurn, ...]


class Season(NamedTuple):
    """From `begins` on `week` holds: the number of a day for each weekday, Monday first."""

    begins: date
    week: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timetable:
    """`days` are numbered from 1, and each begins at second 0. `specials`: days unlike their weekday.

    `seasons`: in their order; before the first one the first state holds. `left_out`: how many days have
    found no number, and are shown as if the first state held.
    """

    days: tuple[Day, ...]
    seasons: tuple[Season, ...]
    specials: tuple[tuple[date, int], ...]
    left_out: int


def turns_of(windows: Iterable[Window], inside: int, outside: int) -> tuple[StateTurn, ...]:
    """When sorted windows begin and end, in whole seconds: smaller by what is less than one, never larger."""
    turns: list[StateTurn] = []
    for window in windows:
        start_ms = -(-window.start_ms // SECOND_MS) * SECOND_MS
        end_ms = window.end_ms // SECOND_MS * SECOND_MS
        if start_ms < end_ms:
            turns += (StateTurn(start_ms, inside), StateTurn(end_ms, outside))
    return tuple(turns)


def timetable_of(turns: Sequence[StateTurn], first_state: int, zone: ZoneInfo) -> Timetable:
    """The timetable of turns, sorted and of whole seconds; `first_state` holds before the first one."""
    numbers = _Numbers(first_state)
    seasons: list[Season] = []
    specials: list[tuple[date, int]] = []
    for first, last in _stretches([local_date(turn.at_ms, zone) for turn in turns]):
        days = [first + offset * _DAY for offset in range((last - first).days + 1)]
        found = {day: numbers.of(_day_of(day, turns, first_state, zone)) for day in days}
        week = _usual_week(found, numbers.idle)
        specials += [(day, number) for day, number in found.items() if number != week[day.weekday()]]
        after = numbers.of(
            (DayTurn(0, _state_at(turns, instants_of_wall(last, _DAY_S, zone)[1], first_state)),)
        )
        seasons += (Season(first, week), Season(last + _DAY, (after,) * 7))
    return Timetable(tuple(numbers.days), tuple(seasons), tuple(specials), numbers.left_out)


@dataclass(slots=True)
class _Numbers:
    """Gives every different day a number; the first one is that of a day on which nothing ever turned."""

    first_state: int
    days: list[Day] = field(default_factory=list)
    left_out: int = 0

    def __post_init__(self) -> None:
        self.days.append((DayTurn(0, self.first_state),))

    @property
    def idle(self) -> int:
        """The number of the first day."""
        return 1

    def of(self, day: Day) -> int:
        """The number of a day; the first one's where there is none left."""
        if day in self.days:
            return self.days.index(day) + 1
        if len(self.days) == DAYS_MAX:
            self.left_out += 1
            return self.idle
        self.days.append(day)
        return len(self.days)


def _stretches(dates: Iterable[date]) -> list[tuple[date, date]]:
    """The dates from the first to the last of each stretch."""
    known = sorted(set(dates))
    if not known:
        return []
    cuts = [(before, after) for before, after in pairwise(known) if after - before > _STRETCH]
    firsts = [known[0], *(after for _, after in cuts)]
    lasts = [*(before for before, _ in cuts), known[-1]]
    return list(zip(firsts, lasts, strict=True))


def _usual_week(found: dict[date, int], idle: int) -> tuple[int, ...]:
    """For each weekday the day that it mostly has, of several the one that comes first."""
    by_weekday = [
        Counter(number for day, number in found.items() if day.weekday() == each) for each in range(7)
    ]
    return tuple(seen.most_common(1)[0][0] if seen else idle for seen in by_weekday)


def _day_of(day: date, turns: Sequence[StateTurn], first_state: int, zone: ZoneInfo) -> Day:
    """What holds from when on, as clocks on the wall show that day."""
    begin_ms, end_ms = (instants_of_wall(day, second, zone)[0] for second in (0, _DAY_S))
    inside = turns[bisect_right(turns, begin_ms, key=_at_ms) : bisect_right(turns, end_ms, key=_at_ms)]
    seconds = {0, *_repeated(day, begin_ms, end_ms, zone)}
    for turn in inside:
        wall = wall_clock(turn.at_ms, zone)
        if wall.date() == day:
            seconds.add(wall.hour * 3_600 + wall.minute * 60 + wall.second)
    found: list[DayTurn] = []
    for second in sorted(seconds):
        state = _state_at(turns, instants_of_wall(day, second, zone)[1], first_state)
        if not found or found[-1].state != state:
            found.append(DayTurn(second, state))
    return tuple(found)


def _repeated(day: date, begin_ms: int, end_ms: int, zone: ZoneInfo) -> tuple[int, ...]:
    """The first second that clocks show twice on a day, and the one after the last; nothing on most days."""
    extra_s = (end_ms - begin_ms) // SECOND_MS - _DAY_S
    if extra_s <= 0:
        return ()
    # The first second at which the two instants of a wall differ.
    low, high = 0, _DAY_S
    while low < high:
        middle = (low + high) // 2
        if instants_of_wall(day, middle, zone)[1] - begin_ms > middle * SECOND_MS:
            high = middle
        else:
            low = middle + 1
    return (low, min(low + extra_s, _DAY_S - 1))


def _state_at(turns: Sequence[StateTurn], instant_ms: int, first_state: int) -> int:
    begun = bisect_right(turns, instant_ms, key=_at_ms)
    return turns[begun - 1].state if begun else first_state
