"""`relance privacy`: who looked, for how long data is kept, and how it goes."""

import os
import pwd
from pathlib import Path

import pytest
from sqlmodel import func, select

from controller.database.tables import AccessRow, EventRow
from protocols.instants import DAY_MS, MINUTE_MS
from protocols.reasons import Voice
from protocols.rim.clocks import now_ms
from tests.controller.faces.cli.fleet import store_of
from tests.controller.faces.cli.invocation import call
from tests.controller.faces.cli.test_clocks import BOTH, service_believes
from tests.controller.households.households import ean

USER = pwd.getpwuid(os.getuid()).pw_name


def looked(home: Path, *more: str) -> list[tuple[str, str | None, int]]:
    found = call(home, "privacy", "accesses", "--json", *more).found["accesses"]
    assert {each["os_user"] for each in found} <= {USER}
    return [(each["command"], each["operator"], each["shown"]) for each in found]


def test_whoever_is_shown_a_household_is_noted_by_name_or_by_the_user_here(
    home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text(f"ean,meter,flags\n{ean(1)},m00001,medical\n")
    assert call(home, "meters", "import", str(file), "--as", "anne").status == 0
    assert looked(home) == []
    call(home, "meters", "show", ean(1), "--as", "bart")
    call(home, "meters", "why", "m00001", settings={"RELANCE_OPERATOR": "carl"})
    call(home, "meters", "list", "--who")
    call(home, "meters", "list", "--json", "--where", "id==m00002")
    call(home, "flag", "due")
    call(home, "groups", "show", "area/Namur")
    call(home, "meters", "list")
    everybody = [
        ("flag due", None, 1),
        ("meters list", None, 1),
        ("meters list", None, 3),
        ("meters why", "carl", 1),
        ("meters show", "bart", 1),
    ]
    assert looked(home) == everybody
    of_one = [each for each in everybody if each != ("meters list", None, 1)]
    assert looked(home, "--meter", "m00001") == looked(home, "--ean", ean(1)) == of_one
    assert looked(home, "--limit", "1") == everybody[:1]
    out = call(home, "privacy", "accesses", "--meter", "m00001").out.splitlines()
    assert out[0].split() == ["when", "who", "user", "here", "what", "households"]
    assert "bart" in out[-1]
    assert call(home, "privacy", "accesses", "--meter", "m00003").status == 0


def test_a_look_is_dated_by_the_service_where_this_machines_clock_is_ahead(home: Path) -> None:
    service_believes(home, -30 * DAY_MS, *BOTH)
    assert call(home, "meters", "show", "m00001", "--as", "bart").status == 0
    (found,) = call(home, "privacy", "accesses", "--json").found["accesses"]
    assert abs(found["at_ms"] - (now_ms() - 30 * DAY_MS)) < 5 * MINUTE_MS


def test_a_name_that_no_meter_or_household_has_is_refused_and_shows_no_list(home: Path) -> None:
    """A long list is shown for each household, of which nobody knows whether it was in it."""
    with store_of(home) as session:
        row = AccessRow(number=1, at_ms=1, operator="anne", os_user=USER, command="meters list", shown=5_000)
        session.add(row)
    assert looked(home, "--meter", "m00001") == [("meters list", "anne", 5_000)]
    ended = call(home, "privacy", "accesses", "--meter", "m99999")
    assert (ended.status, ended.one_line()) == (1, call(home, "meters", "show", "m99999").one_line())
    ended = call(home, "privacy", "accesses", "--ean", ean(1))
    assert (ended.status, "no household is known" in ended.one_line()) == (1, True)


def test_whoever_is_shown_a_reactivations_households_is_noted(home: Path, tmp_path: Path) -> None:
    fleet, route = tmp_path / "fleet.csv", tmp_path / "route.csv"
    fleet.write_text(f"ean,meter,area\n{ean(1)},m00001,Namur\n{ean(2)},m00002,Namur\n")
    call(home, "meters", "import", str(fleet), "--as", "anne")
    words = ("--sender", "The network", "--phone", "078787800", "--deadline", "2099-07-03T23:01+02:00")
    call(home, "reactivation", "open", "june", "--where", "area==Namur", *words)
    assert call(home, "reactivation", "show", "june", ean(1), "--as", "bart").status == 0
    assert call(home, "reactivation", "show", "june", "m00002", "--json").status == 0
    assert call(home, "reactivation", "visit", "june", "--limit", "1").status == 0
    assert call(home, "reactivation", "visit", "june", "--out", str(route)).status == 0
    assert looked(home) == [
        ("reactivation visit", None, 2),
        ("reactivation visit", None, 1),
        ("reactivation show", None, 1),
        ("reactivation show", "bart", 1),
    ]
    assert len(looked(home, "--meter", "m00001")) == 3
    assert call(home, "reactivation", "show", "june", ean(1), "--as", "brat").status == 2
    stranger = tmp_path / "stranger.csv"
    assert call(home, "reactivation", "visit", "june", "--out", str(stranger), "--as", "brat").status == 2
    assert not stranger.exists()


def test_a_name_that_the_root_does_not_know_sees_nothing(home: Path) -> None:
    ended = call(home, "meters", "show", "m00001", "--as", "brat")
    assert (ended.status, '--as: "brat"; did you mean bart? allowed: ' in ended.one_line()) == (2, True), (
        ended.err
    )
    assert call(home, "privacy", "accesses").out == "Nobody has looked.\n"
    both = call(home, "privacy", "accesses", "--meter", "m1", "--ean", ean(1))
    assert (both.status, "allowed: one of them" in both.one_line()) == (2, True)


def test_the_limits_are_shown_and_the_homes_file_sets_them(home: Path) -> None:
    shown = call(home, "privacy", "retention", settings={"COLUMNS": "80"})
    assert shown.out.startswith(f"No {home}/privacy.toml: what the program brings counts.\n")
    assert "62    readings           every reading" in shown.out
    (home / "privacy.toml").write_text("[keep_days]\nreadings = 31\n")
    found = call(home, "privacy", "retention", "--json").found
    assert (found["keep_days"]["readings"], found["keep_days"]["events"], found["set"]) == (31, 1096, True)
    (home / "privacy.toml").write_text("[keep_days]\nevents = 3\n")
    for verb in (("retention",), ("purge", "--dry-run")):
        ended = call(home, "privacy", *verb)
        line = f'{home}/privacy.toml: keep_days.events: "3"; allowed: 31 to 36500 days'
        assert (ended.status, line in ended.one_line()) == (2, True)


def old_entries(home: Path, days: int = 1_110) -> None:
    at_ms = now_ms() - days * DAY_MS
    with store_of(home) as session:
        for number in range(5):
            row = EventRow(
                meter="m00001", number=number, time_ms=at_ms, received_ms=at_ms, event="supply", record="{}"
            )
            session.add(row)


def test_a_purge_says_first_what_would_go_and_then_takes_it(home: Path) -> None:
    old_entries(home)
    service_believes(home, 0, *BOTH)
    plan = call(home, "privacy", "purge", "--dry-run", "--json").found
    assert (plan["rows"]["events"], plan["dry_run"], plan["more"]) == (4, True, False)
    neither = call(home, "privacy", "purge")
    assert (neither.status, "allowed: --dry-run, or --yes; one of them" in neither.one_line()) == (2, True)
    done = call(home, "privacy", "purge", "--yes", "--as", "anne")
    assert done.status == 0, done
    assert done.out.startswith("Taken as of ")
    assert "4     entries of black boxes" in done.out
    again = call(home, "privacy", "purge", "--yes", "--json").found
    assert (again["rows"]["events"], again["more"]) == (0, False)
    audited = call(home, "audit", "list", "--json").out
    assert '"purge"' in audited


@pytest.mark.parametrize(
    ("off_ms", "voices", "words"),
    [
        (0, None, "no service has said what time it is"),
        (0, (Voice.SYSTEM,), "the service doubts its clock, or this machine's differs"),
        # This machine is sixty days, or years, ahead of the service, or behind it.
        (-60 * DAY_MS, BOTH, "the service doubts its clock, or this machine's differs"),
        (-3_000 * DAY_MS, BOTH, "the service doubts its clock, or this machine's differs"),
        (60 * DAY_MS, BOTH, "the service doubts its clock, or this machine's differs"),
        (-10 * MINUTE_MS, BOTH, "the service doubts its clock, or this machine's differs"),
    ],
)
def test_nothing_is_taken_by_a_date_that_may_be_wrong(
    home: Path, off_ms: int, voices: tuple[Voice, ...] | None, words: str
) -> None:
    old_entries(home)
    if voices is not None:
        service_believes(home, off_ms, *voices)
    for how in ("--dry-run", "--yes"):
        ended = call(home, "privacy", "purge", how)
        assert (ended.status, words in ended.one_line()) == (1, True), ended
    with store_of(home) as session:
        assert session.exec(select(func.count()).select_from(EventRow)).one() == 5


def test_years_of_backlog_go_a_month_at_a_time(home: Path) -> None:
    old_entries(home, 3_000)
    service_believes(home, 0, *BOTH)
    done = call(home, "privacy", "purge", "--yes")
    assert "More is over: one purge goes only so far, and the next one goes on." in done.out
