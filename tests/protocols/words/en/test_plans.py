"""What is said of a plan that would harm: when, what is wrong, when there is help again."""

import pytest

from protocols.cutting.cut_calendar import compile_windows
from protocols.cutting.linting import lint_calendar, lint_instant, refused
from protocols.cutting.office_days import OfficePolicy
from protocols.cutting.planning import PlanRefusedError, check_plan
from protocols.cutting.rules import parse_rule
from protocols.instants import ms_from_iso
from protocols.spans import Window
from protocols.words.en.plans import finding_in_words, findings_in_words, refusal_in_words

JULY_2020 = (ms_from_iso("2020-07-01T00:00+02:00"), ms_from_iso("2020-08-01T00:00+02:00"))


def test_the_cut_of_3_july_2020_is_refused_with_its_reasons_in_words() -> None:
    findings = lint_instant(ms_from_iso("2020-07-03T23:01:00+02:00"), meters_expected=1_700)
    assert refused(findings)
    cut = "A cut on Friday 3 July 2020 23:01 (Europe/Brussels)"
    monday = "on Monday 6 July 2020 08:00 (Europe/Brussels)"
    answers = "it answers next on Monday 6 July 2020 07:00 (Europe/Brussels)"
    assert [finding_in_words(finding, OfficePolicy()) for finding in findings] == [
        f"{cut} falls on a Friday evening: the offices open again {monday}.",
        f"{cut} comes on the last office day before a weekend: the offices open again {monday}.",
        f"{cut} is outside office hours (weekdays 08:00-18:00): the offices open next {monday}.",
        f"{cut} is outside the call centre's hours (weekdays 07:00-22:00): {answers}.",
        f"{cut} may hit 1700 households, and 0 can be served that day (11 offices, 120 s a card).",
    ]


@pytest.mark.parametrize(
    ("local", "when", "fault", "help_on"),
    [
        (
            "2020-07-21T10:00:00+02:00",
            "Tuesday 21 July 2020 10:00",
            "falls on a public holiday (National Day)",
            "Wednesday 22 July 2020 08:00",
        ),
        (
            "2020-07-04T10:00:00+02:00",
            "Saturday 4 July 2020 10:00",
            "falls on a Saturday, when the offices are closed",
            "Monday 6 July 2020 08:00",
        ),
        (
            "2020-07-20T14:00:00+02:00",
            "Monday 20 July 2020 14:00",
            "comes on the last office day before a holiday (National Day, Tuesday 21 July 2020)",
            "Wednesday 22 July 2020 08:00",
        ),
        (
            "2020-12-24T13:00:00+01:00",
            "Thursday 24 December 2020 13:00",
            "comes on the last office day before a weekend",
            "Monday 28 December 2020 08:00",
        ),
    ],
)
def test_a_finding_says_when_what_and_until_when(local: str, when: str, fault: str, help_on: str) -> None:
    place = "(Europe/Brussels)"
    expected = f"A cut on {when} {place} {fault}: the offices open again on {help_on} {place}."
    assert findings_in_words(lint_instant(ms_from_iso(local)))[0] == expected


def test_too_late_in_the_day_says_how_much_is_left() -> None:
    (finding,) = lint_instant(ms_from_iso("2020-07-02T16:30:00+02:00"))
    assert finding_in_words(finding, OfficePolicy()) == (
        "A cut on Thursday 2 July 2020 16:30 (Europe/Brussels) leaves 1 h 30 min of office hours "
        "that day; at least 3 h must be left."
    )


def test_a_calendar_says_its_first_offence_and_how_many_windows_offend_too() -> None:
    rule = parse_rule("weekdays 08:00-15:00")
    findings = lint_calendar(compile_windows(rule, "Europe/Brussels", "BE", *JULY_2020))
    assert findings_in_words(findings)[0] == (
        "A cut between Friday 3 July 2020 12:00 and 15:00 (Europe/Brussels) comes on the last office day "
        "before a weekend: the offices open again on Monday 6 July 2020 08:00 (Europe/Brussels). "
        "So do 4 more windows."
    )


def test_a_refused_plan_is_named_with_every_reason() -> None:
    cut_ms = ms_from_iso("2020-07-03T23:01+02:00")
    with pytest.raises(PlanRefusedError) as caught:
        check_plan("cut/night", [Window(cut_ms, cut_ms + 1)])
    said = refusal_in_words(caught.value)
    assert said.startswith(
        "cut/night is refused. A cut on Friday 3 July 2020 23:01 (Europe/Brussels) falls on"
    )
    assert (said.count("A cut on"), said.count(" It ")) == (1, 3)


def test_a_refusal_says_once_when_the_cut_would_be() -> None:
    window = Window(ms_from_iso("2026-12-04T18:00+01:00"), ms_from_iso("2026-12-04T20:00+01:00"))
    with pytest.raises(PlanRefusedError) as refused_plan:
        check_plan("cut/debts", [window], meters=1)
    line = refusal_in_words(refused_plan.value)
    when = "between Friday 4 December 2026 18:00 and 20:00 (Europe/Brussels)"
    assert line.count(when) == 1
    assert line.startswith(f"cut/debts is refused. A cut {when} falls on a Friday evening: ")
    assert line.count(" It ") == len(refused_plan.value.findings) - 1 > 1
    assert "It may hit 1 household, and" in line
