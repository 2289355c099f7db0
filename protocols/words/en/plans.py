"""Why the linter refuses a plan, or warns of it: one sentence for each finding (design §6)."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from protocols.cutting.linting import Finding, LintRule
from protocols.cutting.office_days import LOOKAHEAD_DAYS, OfficePolicy
from protocols.cutting.planning import PlanRefusedError
from protocols.cutting.zones import load_zone, local_date
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.spans import Window
from protocols.words.en.times import date_in_words, local_in_words, span_in_words, weekday_in_words


def refusal_in_words(error: PlanRefusedError) -> str:
    """Why a plan is refused, with every reason, in one line. Of one cut it says once when it would be."""
    zone = load_zone(error.policy.zone)
    sentences = findings_in_words(error.findings, error.policy)
    told: list[str] = []
    for index, (finding, sentence) in enumerate(zip(error.findings, sentences, strict=True)):
        again = index > 0 and finding.span == error.findings[index - 1].span
        told.append(f"It{sentence.removeprefix(_subject(finding, zone))}" if again else sentence)
    return f"{error.what} is refused. {' '.join(told)}"


def findings_in_words(findings: Sequence[Finding], policy: OfficePolicy | None = None) -> tuple[str, ...]:
    """The text for each finding, with how many more windows break the rule. `policy`: the linter's."""
    return tuple(_with_others(finding, policy or OfficePolicy()) for finding in findings)


def finding_in_words(finding: Finding, policy: OfficePolicy) -> str:
    """When the cut is, which rule it breaks, and when people can get help again."""
    zone = load_zone(policy.zone)
    return f"{_subject(finding, zone)} {_fault(finding, policy, zone)}."


def _subject(finding: Finding, zone: ZoneInfo) -> str:
    return f"A cut {_when(finding.span, zone)}"


def _with_others(finding: Finding, policy: OfficePolicy) -> str:
    sentence = finding_in_words(finding, policy)
    more = finding.windows - 1
    if not more:
        return sentence
    others = "So does one more window." if more == 1 else f"So do {more} more windows."
    return f"{sentence} {others}"


def _fault(finding: Finding, policy: OfficePolicy, zone: ZoneInfo) -> str:
    opens = _opening(finding.opens_ms, zone)
    reopen = f"the offices open again {opens}"
    match finding.rule:
        case LintRule.FRIDAY_EVENING:
            return f"falls on a Friday evening: {reopen}"
        case LintRule.ON_HOLIDAY:
            return f"falls on a public holiday ({_holiday(finding)}): {reopen}"
        case LintRule.ON_CLOSED_DAY:
            weekday = weekday_in_words(local_date(finding.span.start_ms, zone))
            return f"falls on a {weekday}, when the offices are closed: {reopen}"
        case LintRule.BEFORE_WEEKEND:
            return f"comes on the last office day before a weekend: {reopen}"
        case LintRule.BEFORE_HOLIDAY:
            return (
                f"comes on the last office day before a holiday ({_holiday(finding, dated=True)}): {reopen}"
            )
        case LintRule.OUTSIDE_OFFICE_HOURS:
            return f"is outside office hours ({policy.office_hours}): the offices open next {opens}"
        case LintRule.OUTSIDE_CALL_CENTRE_HOURS:
            hours = policy.call_centre_hours
            return f"is outside the call centre's hours ({hours}): it answers next {opens}"
        case LintRule.TOO_LATE_IN_THE_DAY:
            left = _hours(finding.office_left_ms)
            least = _hours(policy.office_s_left_min * SECOND_MS)
            return f"leaves {left} of office hours that day; at least {least} must be left"
        case LintRule.OFFICES_OVERRUN:
            means = f"{policy.offices} offices, {policy.seconds_per_card} s a card"
            served = f"{finding.served} can be served that day ({means})"
            hit = "1 household" if finding.expected == 1 else f"{finding.expected} households"
            return f"may hit {hit}, and {served}"


def _when(span: Window, zone: ZoneInfo) -> str:
    if span.end_ms - span.start_ms == 1:
        return f"on {local_in_words(span.start_ms, zone)}"
    return f"between {span_in_words(span.start_ms, span.end_ms, zone)}"


def _opening(opens_ms: int | None, zone: ZoneInfo) -> str:
    if opens_ms is None:
        return f"more than {LOOKAHEAD_DAYS} days later"
    return f"on {local_in_words(opens_ms, zone)}"


def _holiday(finding: Finding, *, dated: bool = False) -> str:
    assert finding.holiday is not None, finding.rule
    name, day = finding.holiday
    return f"{name}, {date_in_words(day)}" if dated else name


def _hours(length_ms: int) -> str:
    hours, rest_ms = divmod(length_ms, HOUR_MS)
    minutes = rest_ms // MINUTE_MS
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
