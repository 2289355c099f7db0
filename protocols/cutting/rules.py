"""The rule language of cut calendars and friendly hours (design §9).

A rule, such as `weekdays 08:00-16:00; mon,sat 09:00-12:30`, is one or more parts with `;` between
them. A part is days and hours, `DAYS HH:MM-HH:MM`:

- days: `weekdays`, `weekend`, `daily`, a day (`mon` to `sun`), a range (`mon-fri`; `sat-mon` goes
  round the end of the week), or several of these with commas;
- hours: half open, the end is no longer inside; `24:00` is allowed as an end.

Hours whose end is not after their start (`22:00-06:00`) run on into the next day. Such a part is split
in two: its days until 24:00, and the days after them from 00:00. So every rule becomes hours inside
single days, and whether a moment lies inside depends only on the weekday and the time of day. Nothing
here knows a time zone, a date or a holiday.
"""

import re

import msgspec

from protocols.errors import InputError, quoted
from protocols.limits import TEXT_CHARS_MAX

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_S = 86_400

_NAMED_DAYS = {
    "weekdays": frozenset(range(5)),
    "weekend": frozenset((5, 6)),
    "daily": frozenset(range(7)),
    **{name: frozenset((weekday,)) for weekday, name in enumerate(DAY_NAMES)},
}
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")
_DAYS_ALLOWED = "weekdays, weekend, daily, mon to sun, a range such as mon-fri, several with commas"
_HOURS_ALLOWED = "HH:MM-HH:MM from 00:00 to 24:00, such as 08:00-16:00"


class Hours(msgspec.Struct, frozen=True):
    """Hours of a day on some weekdays (Monday = 0), half open: 0 <= `start_s` < `end_s` <= 86,400."""

    days: frozenset[int]
    start_s: int
    end_s: int


class Rule(msgspec.Struct, frozen=True):
    """A parsed rule: its text and the hours that it means. They may overlap; the rule is their union."""

    text: str
    hours: tuple[Hours, ...]

    def covers(self, weekday: int, second_of_day: int) -> bool:
        """Whether a moment of local wall time lies inside. Monday = 0; integers only, no calendar.

        A weekday or second that does not exist, as a faulty clock may show, lies in no hours.
        """
        return any(
            hours.start_s <= second_of_day < hours.end_s and weekday in hours.days for hours in self.hours
        )


def parse_rule(text: str, where: str = "rule") -> Rule:
    """The rule that a text states.

    Raises InputError with `where`, the part that is wrong and what is allowed.
    """
    if len(text) > TEXT_CHARS_MAX:
        raise InputError(f"{where}: {len(text)} characters; allowed: at most {TEXT_CHARS_MAX}")
    hours: list[Hours] = []
    for number, part in enumerate(text.split(";"), start=1):
        hours += _parse_part(part.strip(), f"{where}: part {number}")
    return Rule(text=" ".join(text.split()), hours=tuple(hours))


def nightly_parts(rule: Rule) -> tuple[str, ...]:
    """The parts of a rule whose hours run through midnight into the next day."""
    return tuple(part for each in rule.text.split(";") if _is_nightly(part := each.strip()))


def _is_nightly(part: str) -> bool:
    match = _HOURS.fullmatch(part.rpartition(" ")[2])
    if match is None or not match[3]:
        return False
    return 0 < _second_of_day(match[3], match[4]) < _second_of_day(match[1], match[2])


def _parse_part(part: str, where: str) -> list[Hours]:
    days_text, _, hours_text = " ".join(part.split()).rpartition(" ")
    if not days_text:
        raise InputError(f"{where}: {quoted(part)}; allowed: DAYS HH:MM-HH:MM, such as weekdays 08:00-16:00")
    days = frozenset[int]().union(*(_parse_days(item.strip(), where) for item in days_text.split(",")))
    match = _HOURS.fullmatch(hours_text)
    if match is None:
        raise InputError(f"{where}: {quoted(hours_text)}; allowed: {_HOURS_ALLOWED}")
    start_s = _second_of_day(match[1], match[2])
    end_s = _second_of_day(match[3], match[4]) if match[3] else DAY_S
    if start_s == end_s:
        raise InputError(f"{where}: {quoted(hours_text)} is empty; allowed: 00:00-24:00 for a whole day")
    if start_s < end_s:
        return [Hours(days, start_s, end_s)]
    days_after = frozenset((day + 1) % 7 for day in days)
    evening = Hours(days, start_s, DAY_S)
    return [evening, Hours(days_after, 0, end_s)] if end_s else [evening]


def _parse_days(item: str, where: str) -> frozenset[int]:
    if item in _NAMED_DAYS:
        return _NAMED_DAYS[item]
    first, dash, last = item.partition("-")
    if not dash or first not in DAY_NAMES or last not in DAY_NAMES:
        raise InputError(f"{where}: {quoted(item)}; allowed: {_DAYS_ALLOWED}")
    start = DAY_NAMES.index(first)
    length = (DAY_NAMES.index(last) - start) % 7
    return frozenset((start + step) % 7 for step in range(length + 1))


def _second_of_day(hour: str, minute: str) -> int:
    return int(hour) * 3_600 + int(minute) * 60
