"""What the linter says, as a ledger: a cut, and the rules it breaks. `w:` marks a warning."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.cutting.cut_calendar import compile_windows
from protocols.cutting.linting import (
    Finding,
    LintRule,
    Severity,
    lint_calendar,
    lint_instant,
    refused,
    without_eves,
)
from protocols.cutting.office_days import OfficePolicy
from protocols.cutting.rules import parse_rule
from protocols.cutting.zones import load_zone
from protocols.errors import InputError
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, datetime_from_ms, ms_from_iso
from protocols.spans import Window

BRUSSELS = "Europe/Brussels"
# What a calendar without any thought breaks; only the offices' capacity is not known.
EVERYTHING = (
    "friday_evening on_holiday on_closed_day before_weekend before_holiday w:before_holiday "
    "outside_office_hours outside_call_centre_hours too_late_in_the_day"
)
JULY_2020 = (ms_from_iso("2020-07-01T00:00+02:00"), ms_from_iso("2020-08-01T00:00+02:00"))


def written(findings: tuple[Finding, ...]) -> str:
    marks = {Severity.ERROR: "", Severity.WARNING: "w:"}
    return " ".join(marks[finding.severity] + finding.rule.value for finding in findings)


def calendar(rule: str, span_ms: tuple[int, int], holidays: str = "BE") -> tuple[Window, ...]:
    return compile_windows(parse_rule(rule), BRUSSELS, holidays, *span_ms)


@pytest.mark.parametrize(
    ("local", "findings"),
    [
        # The week of the incident.
        ("2020-06-30T09:00:00+02:00", ""),
        ("2020-07-02T07:59:59+02:00", "outside_office_hours"),
        ("2020-07-02T08:00:00+02:00", ""),
        ("2020-07-02T15:00:00+02:00", ""),
        ("2020-07-02T15:00:01+02:00", "too_late_in_the_day"),
        ("2020-07-02T17:59:59+02:00", "too_late_in_the_day"),
        ("2020-07-02T18:00:00+02:00", "outside_office_hours"),
        ("2020-07-02T22:00:00+02:00", "outside_office_hours outside_call_centre_hours"),
        ("2020-07-02T23:00:00+02:00", "outside_office_hours outside_call_centre_hours"),
        ("2020-07-03T11:59:59+02:00", ""),
        ("2020-07-03T12:00:00+02:00", "before_weekend"),
        ("2020-07-03T16:00:00+02:00", "before_weekend too_late_in_the_day"),
        ("2020-07-03T18:00:00+02:00", "friday_evening before_weekend outside_office_hours"),
        (
            "2020-07-03T23:01:00+02:00",
            "friday_evening before_weekend outside_office_hours outside_call_centre_hours",
        ),
        ("2020-07-04T10:00:00+02:00", "on_closed_day outside_office_hours outside_call_centre_hours"),
        ("2020-07-05T23:59:59+02:00", "on_closed_day outside_office_hours outside_call_centre_hours"),
        # A holiday amid the week: Tuesday 21 July.
        ("2020-07-20T11:59:59+02:00", ""),
        ("2020-07-20T12:00:00+02:00", "w:before_holiday"),
        ("2020-07-20T15:00:00+02:00", "w:before_holiday"),
        ("2020-07-20T15:00:01+02:00", "before_holiday too_late_in_the_day"),
        ("2020-07-20T20:00:00+02:00", "before_holiday outside_office_hours"),
        ("2020-07-21T10:00:00+02:00", "on_holiday outside_office_hours outside_call_centre_hours"),
        ("2020-07-22T10:00:00+02:00", ""),
        # A holiday beside a weekend prolongs it: Friday 1 May, Friday 25 December; Monday 13 April.
        ("2020-04-30T12:00:00+02:00", "before_weekend"),
        ("2020-12-24T12:00:00+01:00", "before_weekend"),
        ("2020-04-10T12:00:00+02:00", "before_weekend"),
        ("2020-04-13T10:00:00+02:00", "on_holiday outside_office_hours outside_call_centre_hours"),
        # Leap day, and the nights on which the clocks change.
        ("2024-02-29T10:00:00+01:00", ""),
        ("2020-03-29T03:00:00+02:00", "on_closed_day outside_office_hours outside_call_centre_hours"),
        ("2020-10-26T08:00:00+01:00", ""),
    ],
)
def test_a_cut_at_an_instant_breaks_these_rules(local: str, findings: str) -> None:
    assert written(lint_instant(ms_from_iso(local))) == findings


@pytest.mark.parametrize(
    ("rule", "holidays", "findings"),
    [
        ("mon-thu 08:00-12:00", "BE", ""),
        ("mon-thu 08:00-15:00", "BE", "w:before_holiday"),
        ("mon-thu 08:00-15:00; fri 08:00-12:00", "BE", "w:before_holiday"),
        ("weekdays 08:00-15:00", "BE", "before_weekend w:before_holiday"),
        ("mon-thu 08:00-15:01", "BE", "before_holiday w:before_holiday too_late_in_the_day"),
        ("weekdays 07:59-12:00", "BE", "outside_office_hours"),
        (
            "mon-thu 08:00-12:00",
            "none",
            "on_holiday outside_office_hours outside_call_centre_hours",
        ),
        (
            "weekdays 08:00-16:00",
            "BE",
            "before_weekend before_holiday w:before_holiday too_late_in_the_day",
        ),
        (
            "daily 00:00-24:00",
            "none",
            EVERYTHING,
        ),
    ],
)
def test_a_calendar_of_july_2020_breaks_these_rules(rule: str, holidays: str, findings: str) -> None:
    assert written(lint_calendar(calendar(rule, JULY_2020, holidays))) == findings


def test_a_calendar_from_monday_to_thursday_until_15_is_not_refused() -> None:
    assert not refused(lint_calendar(calendar("mon-thu 08:00-15:00", JULY_2020)))


def test_a_calendar_shows_its_first_offence_and_counts_the_windows() -> None:
    (weekend, _) = lint_calendar(calendar("weekdays 08:00-15:00", JULY_2020))
    assert weekend.windows == 5  # 3, 10, 17, 24 and 31 July
    noon_ms = ms_from_iso("2020-07-03T12:00+02:00")
    assert weekend.span == Window(noon_ms, noon_ms + 3 * HOUR_MS)


@pytest.mark.parametrize(
    ("meters", "findings"),
    [(None, ""), (0, ""), (1_980, ""), (1_981, "offices_overrun")],
)
def test_more_cuts_than_the_offices_serve_by_the_evening_are_refused(
    meters: int | None, findings: str
) -> None:
    # Until 12:00: 6 hours are left, 30 cards an hour and office, 11 offices.
    windows = calendar("mon-thu 08:00-12:00", JULY_2020)
    assert written(lint_calendar(windows, meters_expected=meters)) == findings


def test_offices_that_open_on_saturday_and_close_for_lunch_are_measured_by_their_hours() -> None:
    policy = OfficePolicy(
        office_hours="mon-sat 09:00-12:00; mon-sat 13:00-17:00", office_s_left_min=5 * 3_600
    )
    ledger = {
        "2020-07-02T11:00:00+02:00": "",
        "2020-07-02T11:00:01+02:00": "too_late_in_the_day",
        "2020-07-02T12:30:00+02:00": "outside_office_hours",
        "2020-07-02T13:00:00+02:00": "too_late_in_the_day",
        "2020-07-03T10:00:00+02:00": "",
        "2020-07-03T18:00:00+02:00": "friday_evening outside_office_hours",
    }
    found = {local: written(lint_instant(ms_from_iso(local), policy)) for local in ledger}
    assert found == ledger


def test_offices_open_for_less_than_the_least_that_must_be_left_permit_no_cut_at_all() -> None:
    policy = OfficePolicy(office_hours="weekdays 10:00-12:00")
    assert written(lint_instant(ms_from_iso("2020-07-02T10:00:00+02:00"), policy)) == "too_late_in_the_day"


def test_a_plan_without_windows_has_no_findings() -> None:
    assert lint_calendar(()) == ()


@pytest.mark.parametrize("text", ["2000-01-01T00:00:00Z", "2199-12-31T22:00:00Z"])
def test_the_edges_of_the_century_are_judged_too(text: str) -> None:
    assert refused(lint_instant(ms_from_iso(text)))


# Two instants in words against the rules: any hour of two years, in Brussels.
INSTANTS = st.integers(
    ms_from_iso("2020-01-01T00:00Z") // MINUTE_MS, ms_from_iso("2022-01-01T00:00Z") // MINUTE_MS
)


@settings(deadline=None)
@given(minute=INSTANTS)
def test_a_cut_that_passes_leaves_three_office_hours_on_a_working_day(minute: int) -> None:
    cut_ms = minute * MINUTE_MS
    local = datetime_from_ms(cut_ms, load_zone(BRUSSELS))
    if not refused(lint_instant(cut_ms)):
        assert local.weekday() < 5
        assert 8 <= local.hour + local.minute / 60 <= 15
        assert local.weekday() < 4 or local.hour < 12


@settings(deadline=None, max_examples=50)
@given(
    start=INSTANTS,
    edges=st.lists(st.integers(1, 3 * 1_440), min_size=2, max_size=6, unique=True).map(sorted),
    probe=st.floats(0, 1, exclude_max=True),
)
def test_a_calendar_is_refused_exactly_for_the_instants_that_are(
    start: int, edges: list[int], probe: float
) -> None:
    windows = [Window(*((start + edge) * MINUTE_MS for edge in pair)) for pair in pairwise(edges)][::2]
    found = {(finding.rule, finding.severity): finding.span for finding in lint_calendar(windows)}
    window = windows[int(probe * len(windows))]
    probe_ms = window.start_ms + int(probe * (window.end_ms - window.start_ms))
    for finding in lint_instant(probe_ms):
        assert found[finding.rule, finding.severity].start_ms <= probe_ms
    for (rule, severity), span in found.items():
        assert any(window.start_ms <= span.start_ms < span.end_ms <= window.end_ms for window in windows)
        for instant_ms in (span.start_ms, span.end_ms - 1):
            assert (rule, severity) in {(f.rule, f.severity) for f in lint_instant(instant_ms)}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"zone": "Europe/Brusels"}, "office policy: zone"),
        ({"holidays": "be"}, "holidays"),
        ({"office_hours": "weekday 08:00-18:00"}, "office policy: office_hours: part 1"),
        ({"call_centre_hours": "always"}, "office policy: call_centre_hours: part 1"),
        ({"seconds_per_card": 0}, "office policy: seconds_per_card: 0; allowed: 1 to 86400"),
        ({"offices": -1}, "office policy: offices: -1; allowed: 0 to 10000"),
    ],
)
def test_a_wrong_policy_is_told_what_is_wrong(changes: dict[str, int | str], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        lint_instant(JULY_2020[0], OfficePolicy(**changes))  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    "window",
    [Window(0, 1), Window(JULY_2020[0], 10**15), Window(JULY_2020[0], JULY_2020[0] + 800 * DAY_MS)],
)
def test_windows_beyond_the_century_or_two_years_are_refused(window: Window) -> None:
    with pytest.raises(InputError, match="allowed: "):
        lint_calendar((window,))


def test_every_rule_is_said_by_some_line_of_this_ledger() -> None:
    windows = calendar("daily 00:00-24:00", JULY_2020, "none")
    assert {finding.rule for finding in lint_calendar(windows, meters_expected=1)} == set(LintRule)


EVES = {LintRule.BEFORE_WEEKEND, LintRule.BEFORE_HOLIDAY}


@given(
    st.lists(
        st.tuples(st.integers(0, 60 * 24), st.integers(1, 40)).map(
            lambda hours: Window(JULY_2020[0] + hours[0] * HOUR_MS, JULY_2020[0] + sum(hours) * HOUR_MS)
        ),
        max_size=6,
    ),
    st.integers(0, 60 * 24 * 60),
)
def test_what_is_left_without_the_eves_is_all_but_the_eves(windows: list[Window], minute: int) -> None:
    left = without_eves(windows)
    assert not EVES & {finding.rule for finding in lint_calendar(left)}
    instant_ms = JULY_2020[0] + minute * MINUTE_MS
    was, is_left = (any(start <= instant_ms < end for start, end in each) for each in (windows, left))
    is_eve = bool(EVES & {finding.rule for finding in lint_instant(instant_ms)})
    assert is_left == (was and not is_eve)


def test_a_season_without_its_eves_loses_two_afternoons() -> None:
    """Before Christmas, and before Easter Monday no window is lost: it follows a Friday."""
    winter = (ms_from_iso("2026-11-29T00:00+01:00"), ms_from_iso("2027-03-02T00:00+01:00"))
    season = calendar("mon-thu 08:00-15:00", winter)
    assert written(lint_calendar(season)) == "before_weekend"
    left = without_eves(season)
    assert written(lint_calendar(left)) == ""
    lost = {(was.start_ms, was.end_ms) for was in season} - {
        (is_left.start_ms, is_left.end_ms) for is_left in left
    }
    assert sorted(datetime_from_ms(start).date().isoformat() for start, _ in lost) == [
        "2026-12-24",
        "2026-12-31",
    ]
