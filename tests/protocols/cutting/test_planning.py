"""A dangerous plan is refused; and only planning drafts cuts that the linter has not checked."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from protocols.cutting import planning
from protocols.cutting.office_days import OfficePolicy
from protocols.documents import drafting
from protocols.documents.drafting import CalendarRule, Sheet
from protocols.documents.orders import Order
from protocols.errors import InputError, RefusedError
from protocols.instants import DAY_MS, HOUR_MS, ms_from_iso
from protocols.limits import WINDOWS_MAX
from tests.protocols.documents.drafted import NOW_MS, sheet

ROOT = Path(__file__).parents[3]
UNLINTED = [name for name in vars(drafting) if name.startswith("unlinted_")]
ALLOWED = {
    "protocols/documents/drafting.py",
    "protocols/cutting/planning.py",
    # Two people of the demo go around the linter, on purpose: the meters' own gate is what it shows.
    "controller/demo/operators.py",
}


def names_in(path: Path) -> set[str]:
    """Every name, attribute and imported name of a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                found.add(name)
    return found


@pytest.mark.parametrize("name", UNLINTED)
def test_only_planning_drafts_what_the_linter_was_not_asked_about(name: str) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for package in ("protocols", "cardreader", "emulator", "controller", "hil", "relance", "benchmarks")
        for path in (ROOT / package).rglob("*.py")
        if name in names_in(path)
    }
    assert users - ALLOWED == set()
    assert "protocols/cutting/planning.py" in users


def test_a_calendar_and_a_cut_are_drafted_unlinted_and_nothing_else() -> None:
    assert sorted(UNLINTED) == ["unlinted_calendar", "unlinted_cut"]


def belgian(rule: str) -> CalendarRule:
    return CalendarRule(rule, "Europe/Brussels", "BE")


def test_the_cut_of_2020_is_refused() -> None:
    at_ms = ms_from_iso("2020-07-03T23:01:00+02:00")
    early = Sheet(id="o1", rev=1, now_ms=at_ms - 30 * DAY_MS, basis="test")
    with pytest.raises(RefusedError, match="cut/end is refused: friday_evening, on_closed_day"):
        planning.plan_cut(early, "end", ("m1",), (at_ms, at_ms + HOUR_MS))


def test_more_households_than_the_offices_can_serve_are_refused() -> None:
    at_ms = ms_from_iso("2020-07-06T14:00:00+02:00")
    early = Sheet(id="o1", rev=1, now_ms=at_ms - 3 * DAY_MS, basis="test")
    one_office = OfficePolicy(offices=1)
    meters = tuple(f"m{number}" for number in range(200))
    planning.plan_cut(early, "some", meters[:50], (at_ms, at_ms + HOUR_MS), one_office)
    with pytest.raises(RefusedError, match="cut/all is refused: offices_overrun"):
        planning.plan_cut(early, "all", meters, (at_ms, at_ms + HOUR_MS), one_office)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: planning.plan_cut(sheet(), "c", ("m1",), (NOW_MS - DAY_MS, NOW_MS)),
            "allowed: after its begin, and still to come",
        ),
        (
            lambda: planning.plan_calendar(
                sheet(), "s", belgian("mon 09:00-10:00"), (NOW_MS + DAY_MS, NOW_MS + 2 * DAY_MS)
            ),
            f"0 windows; allowed: 1 to {WINDOWS_MAX}",
        ),
        (
            lambda: planning.plan_calendar(
                sheet(), "s", belgian("fri 20:00-22:00"), (NOW_MS, NOW_MS + 30 * DAY_MS)
            ),
            "calendar/s is refused: friday_evening, before_weekend",
        ),
    ],
)
def test_a_wrong_plan_is_refused_with_what_is_allowed(make: Callable[[], Order], words: str) -> None:
    with pytest.raises((InputError, RefusedError)) as refused:
        make()
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
