"""`relance meters admit|quarantine|admission`: a person decides whom the controller speaks with."""

from pathlib import Path

from controller.meters.admission import Waiting, Waits, quarantine
from tests.controller.faces.cli.fleet import SEEN_MS, store_of
from tests.controller.faces.cli.invocation import call


def test_quarantine_shows_who_waits_and_admit_ends_it(home: Path) -> None:
    assert call(home, "meters", "quarantine").status == 1
    with store_of(home) as session:
        for _ in range(2):
            quarantine(session, {"meter/m00009": Waiting("link-1", Waits.UNVERIFIED)}, SEEN_MS)
    shown = call(home, "meters", "quarantine", "--json")
    assert shown.status == 0
    assert shown.found == {
        "admission": "open",
        "quarantine": [
            {
                "name": "meter/m00009",
                "link": "link-1",
                "why": "unverified",
                "count": 2,
                "first_ms": SEEN_MS,
                "first": "2020-07-02T20:59:00Z",
                "last_ms": SEEN_MS,
                "last": "2020-07-02T20:59:00Z",
            }
        ],
    }
    assert "proves nothing" in call(home, "meters", "quarantine").out
    admitted = call(home, "meters", "admit", "m00009", "m00001", "--as", "anne", "--json")
    found = {"admitted": ["m00009"], "known_before": ["m00001"], "back": []}
    assert (admitted.status, admitted.found) == (0, found)
    assert call(home, "meters", "quarantine").status == 1
    assert call(home, "meters", "admit", "m00077", "--as", "anne").status == 1


def test_a_meter_that_is_known_is_told_apart_and_stays_where_it_is(home: Path) -> None:
    admit = ("meters", "admit", "--as", "anne", "m00001")
    assert call(home, *admit).out == "m00001: is known already, at link-1; nothing has changed.\n"
    assert call(home, *admit, "m00077", "--link", "link-9").out == (
        "m00001: is known already, at link-1; nothing has changed; "
        "it moves to link-9 by its own word alone.\n"
        "m00077: admitted, at link-9.\n"
    )
    assert call(home, "meters", "show", "m00001", "--json").found["link"] == "link-1"


def test_admission_is_shown_closed_and_opened_and_stands_in_the_audit(home: Path) -> None:
    assert call(home, "meters", "admission", "--json").found == {"admission": "open"}
    assert call(home, "meters", "admission", "closed", "--as", "anne", "--json").found == {
        "admission": "closed"
    }
    assert "only who is admitted by hand" in call(home, "meters", "admission").out
    assert call(home, "meters", "admission", "ajar", "--as", "anne").status == 2
    call(home, "meters", "admission", "open", "--as", "anne")
    assert call(home, "meters", "admission", "--json").found == {"admission": "open"}
    acts = [each["act"] for each in call(home, "audit", "list", "--json").found["acts"]]
    assert acts.count("admission") == 2
