"""The hours in which people get help: those of the offices, day by day in local time.

In doubt they come out smaller, like the windows of a cut calendar: office hours that a change of the clocks
makes ambiguous do not count as open.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from protocols.cutting.cut_calendar import compile_windows
from protocols.cutting.public_holidays import holiday_name
from protocols.cutting.rules import DAY_S, parse_rule
from protocols.cutting.zones import instants_of_wall, load_zone, local_date
from protocols.errors import InputError
from protocols.instants import SECOND_MS
from protocols.limits import INSTANT_MS_MAX, INSTANT_MS_MIN
from protocols.spans import Window

# How far ahead the linter looks for the offices' next opening: longer than any run of holidays.
LOOKAHEAD_DAYS = 21
# A calendar is for a season (design §5): two years are more than enough.
SPAN_DAYS_MAX = 732
_DAY = timedelta(days=1)


class OfficePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a DSO can help, and how many households: the linter's data.

    `zone` and `holidays` are those of the offices. They are not taken from the calendar that is judged,
    so that the linter finds a calendar that forgets the holidays.
    """

    zone: str = "Europe/Brussels"
    holidays: str = "BE"
    office_hours: str = "weekdays 08:00-18:00"
    call_centre_hours: str = "weekdays 07:00-22:00"
    # When a Friday evening begins, in seconds of the day.
    evening_from_s: int = 18 * 3_600
    # From when on the last open day before closed ones allows no cut, in seconds of the day.
    eve_from_s: int = 12 * 3_600
    # Office hours that must be left on the day of a cut: to walk there, queue, and come again.
    office_s_left_min: int = 3 * 3_600
    # The eleven offices that opened on 3 July 2020, and two minutes at the desk for a card.
    offices: int = 11
    seconds_per_card: int = 120

    def __post_init__(self) -> None:
        """Raises InputError for a number that is out of range."""
        for field, least, most in (
            ("evening_from_s", 0, DAY_S),
            ("eve_from_s", 0, DAY_S),
            ("office_s_left_min", 0, DAY_S),
            ("offices", 0, 10_000),
            ("seconds_per_card", 1, DAY_S),
        ):
            found: int = getattr(self, field)
            if not least <= found <= most:
                raise InputError(f"office policy: {field}: {found}; allowed: {least} to {most}")


class OfficeDay(NamedTuple):
    """A local day: all its instants, and the office hours among them (none: the offices are closed)."""

    day: date
    span: Window
    open: tuple[Window, ...]
    holiday: str | None

    @property
    def closed(self) -> bool:
        return not self.open

    def office_ms_left(self, instant_ms: int) -> int:
        """Office hours of this day that lie after an instant."""
        return sum(max(0, hours.end_ms - max(hours.start_ms, instant_ms)) for hours in self.open)

    def short_from_ms(self, left_ms_min: int) -> int:
        """The first instant of the day after which fewer than `left_ms_min` of office hours are left."""
        missing_ms = left_ms_min
        for hours in reversed(self.open):
            length_ms = hours.end_ms - hours.start_ms
            if missing_ms <= length_ms:
                return hours.end_ms - missing_ms + 1
            missing_ms -= length_ms
        return self.span.start_ms


def office_days(policy: OfficePolicy, from_ms: int, until_ms: int) -> Mapping[date, OfficeDay]:
    """The local days that `[from_ms, until_ms)` touches and `LOOKAHEAD_DAYS` more, in order.

    Raises InputError for a policy whose zone, holidays or rule is wrong, and for more than
    `SPAN_DAYS_MAX` days.
    """
    zone = load_zone(policy.zone, "office policy: zone")
    rule = parse_rule(policy.office_hours, "office policy: office_hours")
    day = local_date(from_ms, zone)
    last = local_date(until_ms, zone)
    if (last - day).days > SPAN_DAYS_MAX:
        raise InputError(f"cut calendar from {day} to {last}; allowed: at most {SPAN_DAYS_MAX} days")
    last += LOOKAHEAD_DAYS * _DAY
    days: dict[date, OfficeDay] = {}
    while day <= last:
        # The earlier midnight at the start, the later one at the end: the whole day, if one is shown twice.
        start_ms, _ = instants_of_wall(day, 0, zone)
        _, end_ms = instants_of_wall(day, DAY_S, zone)
        span = Window(max(start_ms, INSTANT_MS_MIN), min(end_ms, INSTANT_MS_MAX))
        if span.start_ms < span.end_ms:
            hours = compile_windows(rule, policy.zone, policy.holidays, *span)
            days[day] = OfficeDay(day, span, hours, holiday_name(policy.holidays, day))
        day += _DAY
    return days


def closed_days_after(days: Mapping[date, OfficeDay], day: date) -> tuple[OfficeDay, ...]:
    """The run of closed days that follows a day, as far as the days are known."""
    run: list[OfficeDay] = []
    following = days.get(day + _DAY)
    while following is not None and following.closed:
        run.append(following)
        following = days.get(following.day + _DAY)
    return tuple(run)


def cards_served(policy: OfficePolicy, office_ms: int) -> int:
    """How many cards all offices together serve in `office_ms` of opening time."""
    return policy.offices * (office_ms // (policy.seconds_per_card * SECOND_MS))
