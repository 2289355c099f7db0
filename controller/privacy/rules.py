"""For how long personal data is kept, and which of it is over. Pure.

Duty: say which rows a purge takes. A row is over only when every date that stands beside it says so: when
we received it, when the meter dated it, and when the rows before it were received. So a clock that was wrong
when a row was written, ours or the meter's, never makes it older than it is. One that was ahead keeps no
other row: of when we received a row, a date that is to come says nothing.

Readings are rolled up by taking all but the last of a day, later all but the last of a month. A register
counts on, so that the last one of each day says what a day has used. Whatever is taken in steps, or again,
ends in the same rows.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from protocols.errors import InputError, quoted
from protocols.instants import DAY_MS, datetime_from_ms
from protocols.limits import INSTANT_MS_MIN

_TABLE: Final = "keep_days"
DAYS_MAX: Final = 36_500
# One purge goes at most so far beyond the last one: a clock that is years ahead takes no years at once.
STEP_MS_MAX: Final = 31 * DAY_MS
# A meter may be away for months, and then tell all its readings.
_FAR_MS: Final = 366 * DAY_MS
# Less would take what people still ask about: `meters why`, and who looked at whom.
_DAYS_MIN: Final = {
    "readings": 7,
    "readings_by_day": 31,
    "readings_by_month": 31,
    "events": 31,
    "accesses": 31,
    "left": 31,
    "contacts": 31,
    "reminders": 31,
}


class Limits(Struct, frozen=True, kw_only=True):
    """For how many days each kind of data is kept.

    `readings`: every one; then the last of each day, until `readings_by_day`; then the last of each month,
    until `readings_by_month`. `events`: entries of black boxes, and the dates that meters heard. `accesses`:
    who looked at a household. `left`: category, language and flags of a household that has left.

    `contacts`: how a household is written to, since a file last said so. `reminders`: where one was sent to,
    why it came back, and what was noted as proof of a step, after the deadline.
    """

    readings: int = 62
    readings_by_day: int = 400
    readings_by_month: int = 1_826
    events: int = 1_096
    accesses: int = 1_096
    left: int = 730
    contacts: int = 730
    reminders: int = 1_096


class Stamp(NamedTuple):
    """A reading by its number in a meter's life, and its dates: by the meter, and when we received it."""

    number: int
    time_ms: int
    received_ms: int


class Cutoffs(NamedTuple):
    """The instants before which readings are rolled up by day, by month, and taken."""

    by_day_ms: int
    by_month_ms: int
    all_ms: int


def read_limits(text: str, where: str) -> Limits:
    """The limits of a file in TOML; what it leaves out is as in `Limits`. Raises InputError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: {error}") from None
    for name in table:
        if name != _TABLE:
            raise InputError(f"{where}: {quoted(name)}; allowed: [{_TABLE}]")
    days = table.get(_TABLE, {})
    if not isinstance(days, dict):
        raise InputError(f"{where}: {_TABLE}; allowed: a table [{_TABLE}]")
    return _checked(days, where)


def _checked(days: Mapping[str, object], where: str) -> Limits:
    for name, value in days.items():
        if name not in _DAYS_MIN:
            near = get_close_matches(name, _DAYS_MIN, 1)
            hint = f"; near: {near[0]}" if near else ""
            raise InputError(f"{where}: {_TABLE}.{name}{hint}; allowed: {', '.join(_DAYS_MIN)}")
        # `True` is an int to Python.
        if type(value) is not int or not _DAYS_MIN[name] <= value <= DAYS_MAX:
            shown = quoted(str(value))
            raise InputError(
                f"{where}: {_TABLE}.{name}: {shown}; allowed: {_DAYS_MIN[name]} to {DAYS_MAX} days"
            )
    limits = Limits(**days)  # type: ignore[arg-type] # each is an int, as checked above
    if not limits.readings <= limits.readings_by_day <= limits.readings_by_month:
        raise InputError(
            f"{where}: {_TABLE}: readings {limits.readings}, by_day {limits.readings_by_day}, by_month "
            f"{limits.readings_by_month}; allowed: each at least as long as the one before"
        )
    return limits


def stepped_ms(now_ms: int, reached_ms: int | None, first_over_ms: int | None) -> int:
    """As of which instant a purge takes what is over: now, and at most a step beyond the last purge.

    `reached_ms`: of the last one; None: there was none, and `first_over_ms` counts, when the first row was
    over.
    """
    begun_ms = first_over_ms if reached_ms is None else reached_ms
    return now_ms if begun_ms is None else min(now_ms, begun_ms + STEP_MS_MAX)


def mended(rows: Sequence[tuple[int, int, int | None]], now_ms: int) -> list[Stamp]:
    """One life's readings, sorted by number, with the instant of receipt that can be relied on.

    No reading was received before one with a lower number, whatever our clock said. One of which it is not
    known, or by a date that is to come, came before the next one, or before now.
    """
    known_ms: list[int] = []
    next_ms = now_ms
    for _, _, received_ms in reversed(rows):
        if received_ms is not None and received_ms <= now_ms:
            next_ms = received_ms
        known_ms.append(next_ms)
    found: list[Stamp] = []
    latest_ms = INSTANT_MS_MIN
    for (number, time_ms, _), received_ms in zip(rows, reversed(known_ms), strict=True):
        latest_ms = max(latest_ms, received_ms)
        found.append(Stamp(number, time_ms, latest_ms))
    return found


def readings_to_take(stamps: Iterable[Stamp], cutoffs: Cutoffs, zone: ZoneInfo) -> list[int]:
    """The numbers of one life's mended readings, sorted by number, that a purge takes."""
    taken: set[int] = set()
    last: dict[tuple[bool, date], int] = {}
    for each in stamps:
        # Where the two dates contradict each other the later one counts.
        dated_ms = max(each.time_ms, each.received_ms)
        if dated_ms < cutoffs.all_ms:
            taken.add(each.number)
        day = _day_of(each, zone)
        for cutoff_ms, of in (
            (cutoffs.by_day_ms, (False, day)),
            (cutoffs.by_month_ms, (True, day.replace(day=1))),
        ):
            if dated_ms < cutoff_ms:
                if of in last:
                    taken.add(last[of])
                last[of] = each.number
    return sorted(taken)


def _day_of(stamp: Stamp, zone: ZoneInfo) -> date:
    """The day of a reading where the household lives: by the meter, unless its clock is far out."""
    is_far = not stamp.received_ms - _FAR_MS <= stamp.time_ms <= stamp.received_ms + DAY_MS
    return datetime_from_ms(stamp.received_ms if is_far else stamp.time_ms, zone).date()
