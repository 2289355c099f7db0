"""The compiler of cut calendars: a rule in legal local time becomes windows of UTC instants (design §6).

A meter's decision to cut uses no time zone, weekday or holiday: it is given windows. All of that
is settled here, once, by the code that controller, kiosk and scenarios share.

Where local time is not one line, the windows come out smaller, never larger:

- a start in the hour that a change to summer time skips moves to the end of the gap;
- a time that the change to winter time shows twice is taken as the later one where it is a start,
  and as the earlier one where it is an end, so `02:15-02:45` in that night gives no window at all;
- a holiday takes out its whole local day, from midnight to midnight, and nothing of the days beside it:
  of `22:00-06:00` it takes out the morning and the evening of the holiday.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from protocols.cutting.public_holidays import check_holidays, holiday_name
from protocols.cutting.rules import Rule
from protocols.cutting.zones import instants_of_wall, load_zone, local_date
from protocols.errors import InputError
from protocols.instants import iso_from_ms
from protocols.limits import INSTANT_MS_MAX, INSTANT_MS_MIN
from protocols.spans import Window, merge_windows

_DAY = timedelta(days=1)


def compile_windows(rule: Rule, zone: str, holidays: str, from_ms: int, until_ms: int) -> tuple[Window, ...]:
    """The windows of a rule within `[from_ms, until_ms)`: sorted, apart from each other, none empty.

    `zone` is an IANA name; `holidays` is `"none"` or the country whose public holidays are taken out.
    Raises InputError for an unknown zone or country, and for a span that ends before it begins or
    leaves the years 2000 to 2199 that documents may speak of (`limits`).
    """
    zone_info = load_zone(zone)
    check_holidays(holidays)
    if not INSTANT_MS_MIN <= from_ms <= until_ms <= INSTANT_MS_MAX:
        raise InputError(
            f"calendar from {from_ms} to {until_ms} ms; allowed: an end not before the start, both "
            f"from {iso_from_ms(INSTANT_MS_MIN)} to {iso_from_ms(INSTANT_MS_MAX)}"
        )
    found: list[Window] = []
    for day in _local_days(local_date(from_ms, zone_info), local_date(until_ms, zone_info)):
        if holiday_name(holidays, day) is not None:
            continue
        for hours in rule.hours:
            if day.weekday() in hours.days:
                _, start_ms = instants_of_wall(day, hours.start_s, zone_info)
                end_ms, _ = instants_of_wall(day, hours.end_s, zone_info)
                found.append(Window(max(start_ms, from_ms), min(end_ms, until_ms)))
    return merge_windows(found)


def complement(windows: Iterable[Window], from_ms: int, until_ms: int) -> tuple[Window, ...]:
    """The instants of `[from_ms, until_ms)` that no window holds: friendly time, for a cut calendar."""
    gaps: list[Window] = []
    start_ms = from_ms
    for window in merge_windows(windows):
        gaps.append(Window(start_ms, min(window.start_ms, until_ms)))
        start_ms = max(start_ms, window.end_ms)
    gaps.append(Window(start_ms, until_ms))
    return merge_windows(gaps)


def _local_days(first: date, last: date) -> Iterator[date]:
    """The dates from `first` to `last`.

    No other date can add hours. A clock that is set back over midnight shows the old date once more, but an
    end is read as the earlier of two instants, so that no hours lie in the repetition.
    """
    day = first
    while day <= last:
        yield day
        day += _DAY
