"""A cut calendar for people: its rule, its hours, and its months; and for programs."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from controller.calendars.views import CalendarView
from controller.faces.cli.months import month_lines, months_between
from controller.faces.cli.showing import instants
from protocols.cutting.linting import lint_calendar
from protocols.cutting.planning import windows_of
from protocols.cutting.public_holidays import NO_HOLIDAYS, holiday_name
from protocols.cutting.zones import load_zone, local_date, wall_clock
from protocols.errors import InputError
from protocols.instants import HOUR_MS, MINUTE_MS
from protocols.spans import Window
from protocols.words.en.plans import findings_in_words
from protocols.words.en.times import short_local

_CUT: Final = "#"
_HOLIDAY: Final = "h"
_LEGEND: Final = "# a cut is possible    h public holiday    else: no cut that day"
# How many kinds of day are told; a calendar with more has its windows in `--json`.
_HOURS_TOLD: Final = 6


def calendar_fields(view: CalendarView) -> dict[str, Any]:
    """The fields of a calendar for `--json`."""
    return {
        "id": view.order_id,
        "object": view.object,
        "rev": view.rev,
        "state": view.state,
        "rule": view.said.rule,
        "zone": view.said.zone,
        "holidays": view.said.holidays,
        "windows": [instants(start=each.start_ms, end=each.end_ms) for each in view.windows],
        "length_ms": length_ms(view.windows),
        "warnings": list(findings_in_words(lint_calendar(view.windows))),
        "progress": msgspec.to_builtins(view.progress),
    }


def calendar_lines(view: CalendarView, zone: ZoneInfo, width: int) -> Iterator[str]:
    """The lines that show a calendar, in the zone of its rule (`zone` where it names none that is known)."""
    there = _zone_of(view, zone)
    holidays = (
        "" if view.said.holidays == NO_HOLIDAYS else f", not on the public holidays of {view.said.holidays}"
    )
    named = f"{view.object} rev {view.rev} ({view.order_id}, {view.state})"
    yield f"{named}: {view.said.rule}, {there.key}{holidays}"
    first, last = view.windows[0], view.windows[-1]
    span = f"{short_local(first.start_ms, there)} to {short_local(last.end_ms, there)}"
    windows = "1 window" if len(view.windows) == 1 else f"{len(view.windows)} windows"
    yield f"{windows}, {hours_in_words(length_ms(view.windows))} in all, from {span}."
    yield from _left_out(view)
    yield f"Each day: {_hours_in_words(view.windows, there)}."
    yield f"At {view.progress.stored} of {view.progress.total} meters."
    yield from findings_in_words(lint_calendar(view.windows))
    yield ""
    months = months_between(local_date(first.start_ms, there), local_date(last.end_ms - 1, there))
    yield from month_lines(months, _signs(view, there), width)
    yield _LEGEND


def length_ms(windows: tuple[Window, ...]) -> int:
    """How long these windows are together."""
    return sum(each.end_ms - each.start_ms for each in windows)


def hours_in_words(span_ms: int) -> str:
    """`365 h`, `6 h 30 min`: never days, since a window is part of one."""
    hours, rest_ms = divmod(span_ms, HOUR_MS)
    return f"{hours} h {rest_ms // MINUTE_MS} min" if rest_ms >= MINUTE_MS else f"{hours} h"


def _zone_of(view: CalendarView, zone: ZoneInfo) -> ZoneInfo:
    try:
        return load_zone(view.said.zone)
    except InputError:
        return zone


def _left_out(view: CalendarView) -> Iterator[str]:
    """What the rule would give within the same span, and the calendar has not."""
    span_ms = (view.windows[0].start_ms, view.windows[-1].end_ms)
    try:
        missing_ms = length_ms(windows_of(view.said, span_ms)) - length_ms(view.windows)
    except InputError:
        return
    if missing_ms > 0:
        yield f"Of the rule, {hours_in_words(missing_ms)} are left out."


def _hours_in_words(windows: tuple[Window, ...], zone: ZoneInfo) -> str:
    """`08:00-15:00 on 12 days, 08:00-12:00 on 3 days`, the most frequent first."""
    counts = Counter(
        f"{wall_clock(each.start_ms, zone):%H:%M}-{wall_clock(each.end_ms, zone):%H:%M}" for each in windows
    )
    told = [f"{hours} on {'1 day' if days == 1 else f'{days} days'}" for hours, days in counts.most_common()]
    more = len(told) - _HOURS_TOLD
    return ", ".join(told[:_HOURS_TOLD]) + (f", and {more} more" if more > 0 else "")


def _signs(view: CalendarView, zone: ZoneInfo) -> Mapping[date, str]:
    """The sign of each local day: of all that a window touches, and of public holidays between them."""
    signs: dict[date, str] = {}
    first = local_date(view.windows[0].start_ms, zone).replace(day=1)
    last = local_date(view.windows[-1].end_ms - 1, zone)
    for number in range((last - first).days + 31):
        day = first + timedelta(days=number)
        if holiday_name(view.said.holidays, day) is not None:
            signs[day] = _HOLIDAY
    for window in view.windows:
        day, end = local_date(window.start_ms, zone), local_date(window.end_ms - 1, zone)
        while day <= end:
            signs[day] = _CUT
            day += timedelta(days=1)
    return signs
