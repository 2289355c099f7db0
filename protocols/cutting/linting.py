"""The linter of cuts: finds why a planned cut, or a window of a calendar, would harm (design §6).

On Friday 3 July 2020 at 23:01 meters cut households whose way back was an office that opened hours
or a weekend later. The rules below refuse such a cut before anybody signs it. Each rule is a set of
bad spans, and a window is bad where it meets one: so every instant of every window is judged. A
single instant is a window of 1 ms.

What makes a cut harmful is that nobody can put it right, so all is measured by the offices' hours.
A day without any is *closed*; the last open day before closed ones is their *eve*.

- Error: on a closed day or a Friday evening; outside the hours of the offices or of the call
  centre; with too few office hours left that day; from noon on the eve of two closed days or more
  (an ordinary Friday); in the evening of any eve; more cuts than the offices can serve that day.
- Warning: from noon on the eve of a single closed day (a holiday amid the week), as long as the
  offices are open that day for as many hours more as on any other.

A plan with an error is refused; a warning is shown to those who sign.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from enum import StrEnum, unique
from itertools import takewhile
from typing import Final, NamedTuple

import msgspec

from protocols.cutting.cut_calendar import compile_windows, complement
from protocols.cutting.office_days import (
    LOOKAHEAD_DAYS,
    OfficeDay,
    OfficePolicy,
    cards_served,
    closed_days_after,
    office_days,
)
from protocols.cutting.rules import parse_rule
from protocols.cutting.zones import instants_of_wall, load_zone, local_date
from protocols.errors import InputError
from protocols.instants import DAY_MS, SECOND_MS, iso_from_ms
from protocols.limits import INSTANT_MS_MAX, INSTANT_MS_MIN
from protocols.spans import Window, merge_windows

_FRIDAY = 4
# From so many closed days on, their eve is refused from noon on, not only warned of: a weekend.
_LONG_CLOSURE_DAYS = 2


@unique
class LintRule(StrEnum):
    """What can be wrong with a cut, in the order in which it is said."""

    FRIDAY_EVENING = "friday_evening"
    ON_HOLIDAY = "on_holiday"
    ON_CLOSED_DAY = "on_closed_day"
    BEFORE_WEEKEND = "before_weekend"
    BEFORE_HOLIDAY = "before_holiday"
    OUTSIDE_OFFICE_HOURS = "outside_office_hours"
    OUTSIDE_CALL_CENTRE_HOURS = "outside_call_centre_hours"
    TOO_LATE_IN_THE_DAY = "too_late_in_the_day"
    OFFICES_OVERRUN = "offices_overrun"


_EVES: Final = frozenset({LintRule.BEFORE_WEEKEND, LintRule.BEFORE_HOLIDAY})


@unique
class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that a plan breaks, as facts; `protocols.words` has the sentence.

    `span` is the first that offends, `windows` how many windows do. `opens_ms`: when the offices open
    again, or for the call centre's hours when it answers again; None: not within `LOOKAHEAD_DAYS`.
    `holiday`: the public holiday that the rule speaks of, by name and date. `office_left_ms`: office
    hours left that day. `served`: households that the offices can serve that day, where `expected` may
    be cut.
    """

    rule: LintRule
    severity: Severity
    span: Window
    windows: int
    opens_ms: int | None = None
    holiday: tuple[str, date] | None = None
    office_left_ms: int = 0
    served: int = 0
    expected: int | None = None


class _BadSpan(NamedTuple):
    rule: LintRule
    severity: Severity
    span: Window


def lint_instant(
    cut_ms: int, policy: OfficePolicy | None = None, meters_expected: int | None = None
) -> tuple[Finding, ...]:
    """What is wrong with a cut planned for an instant; empty where nothing is.

    Raises InputError like `lint_calendar`.
    """
    return lint_calendar((Window(cut_ms, cut_ms + 1),), policy, meters_expected)


def lint_calendar(
    windows: Iterable[Window], policy: OfficePolicy | None = None, meters_expected: int | None = None
) -> tuple[Finding, ...]:
    """What is wrong with the windows of a cut calendar: the first offence per rule and severity.

    `meters_expected` is how many meters may cut in one window, at worst all at its end; unknown, the
    offices' capacity is not judged. Raises InputError for a wrong policy, windows outside the years
    of documents (`limits`), or a calendar longer than two years.
    """
    cuts = merge_windows(windows)
    if not cuts:
        return ()
    if cuts[0].start_ms < INSTANT_MS_MIN or cuts[-1].end_ms > INSTANT_MS_MAX:
        allowed = f"{iso_from_ms(INSTANT_MS_MIN)} to {iso_from_ms(INSTANT_MS_MAX)}"
        raise InputError(f"cut window from {cuts[0].start_ms} to {cuts[-1].end_ms} ms; allowed: {allowed}")
    judge = _Judge(policy or OfficePolicy(), cuts[0].start_ms, cuts[-1].end_ms)
    bad_spans = [*judge.bad_spans(), *judge.overrun_spans(cuts, meters_expected)]
    hits: dict[tuple[LintRule, Severity], list[Window]] = {}
    for rule, severity, span in bad_spans:
        for cut in cuts:
            common = Window(max(cut.start_ms, span.start_ms), min(cut.end_ms, span.end_ms))
            if common.start_ms < common.end_ms:
                hits.setdefault((rule, severity), []).append(common)
    said_in_order = sorted(hits.items(), key=lambda hit: (list(LintRule).index(hit[0][0]), hit[0][1]))
    return tuple(
        judge.finding(rule, severity, min(spans), _windows_met(cuts, spans), meters_expected)
        for (rule, severity), spans in said_in_order
    )


def without_eves(windows: Iterable[Window], policy: OfficePolicy | None = None) -> tuple[Window, ...]:
    """The windows without what the linter says of the eves of closed days, be it an error or a warning.

    What is left may still be refused for another reason. Raises InputError like `lint_calendar`.
    """
    cuts = merge_windows(windows)
    if not cuts:
        return ()
    judge = _Judge(policy or OfficePolicy(), cuts[0].start_ms, cuts[-1].end_ms)
    eves = [bad.span for bad in judge.bad_spans() if bad.rule in _EVES]
    good = complement(eves, cuts[0].start_ms, cuts[-1].end_ms)
    return merge_windows(
        Window(max(cut.start_ms, span.start_ms), min(cut.end_ms, span.end_ms))
        for cut in cuts
        for span in good
    )


def refused(findings: Iterable[Finding]) -> bool:
    """Whether a plan with these findings may not be signed."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def _windows_met(cuts: tuple[Window, ...], spans: list[Window]) -> int:
    return sum(any(cut.start_ms <= span.start_ms < cut.end_ms for span in spans) for cut in cuts)


class _Judge:
    """The spans in which a policy allows no cut, over the days of a plan, and the facts for findings."""

    def __init__(self, policy: OfficePolicy, from_ms: int, until_ms: int) -> None:
        self._policy = policy
        self._zone = load_zone(policy.zone, "office policy: zone")
        self._days: Mapping[date, OfficeDay] = office_days(policy, from_ms, until_ms)
        self._from_ms = from_ms
        self._until_ms = until_ms
        centre = parse_rule(policy.call_centre_hours, "office policy: call_centre_hours")
        horizon_ms = min(until_ms + LOOKAHEAD_DAYS * DAY_MS, INSTANT_MS_MAX)
        self._centre_hours = compile_windows(centre, policy.zone, policy.holidays, from_ms, horizon_ms)
        self._office_hours = merge_windows(hours for day in self._days.values() for hours in day.open)

    def bad_spans(self) -> Iterator[_BadSpan]:
        for day in takewhile(lambda day: day.span.start_ms < self._until_ms, self._days.values()):
            yield from self._of_day(day)
        for rule, hours in (
            (LintRule.OUTSIDE_OFFICE_HOURS, self._office_hours),
            (LintRule.OUTSIDE_CALL_CENTRE_HOURS, self._centre_hours),
        ):
            for span in complement(hours, self._from_ms, self._until_ms):
                yield _BadSpan(rule, Severity.ERROR, span)

    def overrun_spans(self, cuts: tuple[Window, ...], meters: int | None) -> Iterator[_BadSpan]:
        """The windows whose cuts, all made at the end, the offices could not serve on that day."""
        for cut in cuts:
            if meters is not None and meters > self._served_after(cut.end_ms - 1):
                yield _BadSpan(LintRule.OFFICES_OVERRUN, Severity.ERROR, cut)

    def _of_day(self, day: OfficeDay) -> Iterator[_BadSpan]:
        if day.day.weekday() == _FRIDAY:
            evening_ms, _ = instants_of_wall(day.day, self._policy.evening_from_s, self._zone)
            yield _BadSpan(LintRule.FRIDAY_EVENING, Severity.ERROR, Window(evening_ms, day.span.end_ms))
        if day.closed:
            rule = LintRule.ON_CLOSED_DAY if day.holiday is None else LintRule.ON_HOLIDAY
            yield _BadSpan(rule, Severity.ERROR, day.span)
            return
        short_ms = day.short_from_ms(self._policy.office_s_left_min * SECOND_MS)
        for hours in day.open:
            late = Window(max(short_ms, hours.start_ms), hours.end_ms)
            yield _BadSpan(LintRule.TOO_LATE_IN_THE_DAY, Severity.ERROR, late)
        closed = closed_days_after(self._days, day.day)
        if closed:
            rule = LintRule.BEFORE_WEEKEND if _is_weekend(closed) else LintRule.BEFORE_HOLIDAY
            noon_ms, _ = instants_of_wall(day.day, self._policy.eve_from_s, self._zone)
            strict_ms = noon_ms if len(closed) >= _LONG_CLOSURE_DAYS else max(noon_ms, short_ms)
            yield _BadSpan(rule, Severity.WARNING, Window(noon_ms, strict_ms))
            yield _BadSpan(rule, Severity.ERROR, Window(strict_ms, day.span.end_ms))

    def finding(
        self, rule: LintRule, severity: Severity, span: Window, windows: int, expected: int | None
    ) -> Finding:
        """The facts about a rule that a span breaks."""
        day = self._day_of(span.start_ms)
        return Finding(
            rule=rule,
            severity=severity,
            span=span,
            windows=windows,
            opens_ms=self._opening_after(rule, span, day),
            holiday=self._holiday_of(rule, day),
            office_left_ms=day.office_ms_left(span.end_ms - 1),
            served=self._served_after(span.end_ms - 1),
            expected=expected,
        )

    def _opening_after(self, rule: LintRule, span: Window, day: OfficeDay) -> int | None:
        match rule:
            case LintRule.OUTSIDE_OFFICE_HOURS:
                return _next_start_ms(self._office_hours, span.start_ms)
            case LintRule.OUTSIDE_CALL_CENTRE_HOURS:
                return _next_start_ms(self._centre_hours, span.start_ms)
            case _:
                return _next_start_ms(self._office_hours, day.span.end_ms)

    def _holiday_of(self, rule: LintRule, day: OfficeDay) -> tuple[str, date] | None:
        meant = closed_days_after(self._days, day.day)[0] if rule is LintRule.BEFORE_HOLIDAY else day
        return None if meant.holiday is None else (meant.holiday, meant.day)

    def _served_after(self, instant_ms: int) -> int:
        return cards_served(self._policy, self._day_of(instant_ms).office_ms_left(instant_ms))

    def _day_of(self, instant_ms: int) -> OfficeDay:
        return self._days[local_date(instant_ms, self._zone)]


def _is_weekend(closed: tuple[OfficeDay, ...]) -> bool:
    """Whether ordinary closed days are among them: a holiday beside a weekend prolongs the weekend."""
    return any(day.holiday is None for day in closed)


def _next_start_ms(hours: tuple[Window, ...], after_ms: int) -> int | None:
    return next((window.start_ms for window in hours if window.start_ms >= after_ms), None)
