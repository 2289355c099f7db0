"""Instants, dates and durations, in English, with the weekday, so that a wrong day is noticed."""

from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from protocols.cutting.zones import local_date
from protocols.instants import (
    DAY_MS,
    EARLIEST_MS,
    HOUR_MS,
    LATEST_MS,
    MINUTE_MS,
    SECOND_MS,
    datetime_from_ms,
)

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_UNKNOWN: Final = "unknown"
_TENTH_MS: Final = SECOND_MS // 10


def weekday_in_words(day: date) -> str:
    """`Friday`, in English whatever the machine's language."""
    return _WEEKDAYS[day.weekday()]


def date_in_words(day: date) -> str:
    """`Friday 3 July 2020`."""
    return f"{weekday_in_words(day)} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def local_in_words(instant_ms: int, zone: ZoneInfo) -> str:
    """`Friday 3 July 2020 23:01 (Europe/Brussels)`, with seconds if they are not 0.

    For a time that clocks show twice that night the text says which is meant: `(Europe/Brussels, CET)`. An
    instant that no calendar has is `unknown (9007199254740991 ms)`.
    """
    if not _has_a_date(instant_ms):
        return _without_date(instant_ms)
    return f"{date_in_words(local_date(instant_ms, zone))} {_clock_in_words(instant_ms, zone)}"


def span_in_words(start_ms: int, end_ms: int, zone: ZoneInfo) -> str:
    """`Friday 3 July 2020 12:00 and 15:00 (Europe/Brussels)`; over midnight both sides are written out."""
    if not (_has_a_date(start_ms) and _has_a_date(end_ms)):
        return f"{local_in_words(start_ms, zone)} and {local_in_words(end_ms, zone)}"
    start = local_in_words(start_ms, zone)
    if local_date(start_ms, zone) != local_date(end_ms, zone):
        return f"{start} and {local_in_words(end_ms, zone)}"
    return f"{start.removesuffix(f' ({zone.key})')} and {_clock_in_words(end_ms, zone)}"


def _clock_in_words(instant_ms: int, zone: ZoneInfo) -> str:
    moment = datetime_from_ms(instant_ms, zone)
    precision = "seconds" if moment.second else "minutes"
    clock = moment.time().isoformat(timespec=precision)
    shown_twice = moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset()
    return f"{clock} ({zone.key}, {moment.tzname()})" if shown_twice else f"{clock} ({zone.key})"


def local(instant_ms: int | None, zone: ZoneInfo) -> str:
    """`Fri 2020-07-03 23:01 CEST (21:01 UTC)`; with its date where UTC has another; `unknown` for None.

    An instant that no calendar has is `unknown (9007199254740991 ms)`.
    """
    if instant_ms is None:
        return _UNKNOWN
    if not _has_a_date(instant_ms):
        return _without_date(instant_ms)
    there = datetime_from_ms(instant_ms, zone)
    utc = datetime_from_ms(instant_ms)
    precision = "seconds" if instant_ms % (60 * SECOND_MS) else "minutes"
    clock = there.time().isoformat(timespec=precision).partition(".")[0]
    utc_clock = utc.time().isoformat(timespec=precision).partition(".")[0]
    utc_day = "" if utc.date() == there.date() else f"{utc.date()} "
    weekday = weekday_in_words(there.date())[:3]
    return f"{weekday} {there.date()} {clock} {there.tzname()} ({utc_day}{utc_clock} UTC)"


def short_local(instant_ms: int | None, zone: ZoneInfo) -> str:
    """`Fri 2020-07-03 23:01`, for tables; with `CEST` where clocks show it twice; `unknown` for None."""
    if instant_ms is None:
        return _UNKNOWN
    if not _has_a_date(instant_ms):
        return _without_date(instant_ms)
    there = datetime_from_ms(instant_ms, zone)
    shown_twice = there.replace(fold=0).utcoffset() != there.replace(fold=1).utcoffset()
    which = f" {there.tzname()}" if shown_twice else ""
    return f"{weekday_in_words(there.date())[:3]} {there.date()} {there:%H:%M}{which}"


def age(length_ms: int) -> str:
    """`45 s`, `18 min`, `3 h`, `12 d`: the greatest unit, for a narrow column."""
    for unit_ms, name in ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min")):
        if length_ms >= unit_ms:
            return f"{length_ms // unit_ms} {name}"
    return f"{max(length_ms, 0) // SECOND_MS} s"


def _has_a_date(instant_ms: int) -> bool:
    return EARLIEST_MS <= instant_ms <= LATEST_MS


def _without_date(instant_ms: int) -> str:
    return f"{_UNKNOWN} ({instant_ms} ms)"


def duration(length_ms: int) -> str:
    """`1 d 2 h`, `3 min 20 s`, `2.5 s`: the two greatest units."""
    if length_ms < MINUTE_MS:
        whole, rest = divmod(length_ms, SECOND_MS)
        return f"{whole}.{rest // 100} s" if rest >= _TENTH_MS else f"{whole} s"
    units = ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min"), (SECOND_MS, "s"))
    parts: list[str] = []
    for unit_ms, name in units:
        count, length_ms = divmod(length_ms, unit_ms)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])
