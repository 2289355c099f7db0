"""`relance groups`: what a person sees of groups, and what is refused."""

from pathlib import Path

import pytest

from controller.faces.cli import release
from tests.controller.faces.cli.invocation import call
from tests.controller.households.households import ean


@pytest.fixture
def peopled(home: Path, tmp_path: Path) -> Path:
    file = tmp_path / "fleet.csv"
    file.write_text(f"ean,meter,area\n{ean(1)},m00001,Namur\n{ean(2)},m00002,Mons\n{ean(3)},,Mons\n")
    assert call(home, "meters", "import", str(file)).status == 0
    return home


def test_people_come_into_a_group_are_listed_and_leave(peopled: Path) -> None:
    added = call(peopled, "groups", "add", "winter", "--where", "area==Mons")
    assert (added.status, added.out) == (0, "2 households came into winter; 0 were in it before.\n")
    assert call(peopled, "groups", "add", "winter", "m00001", "m00002", "--json").found == {
        "group": "winter",
        "changed": 1,
        "unchanged": 1,
    }
    listed = call(peopled, "groups", "list").out.splitlines()
    assert listed[1].split() == ["winter", "3", "2"]
    shown = call(peopled, "groups", "show", "winter", "--limit", "2")
    assert "and 1 more: add --after m00001" in shown.out
    found = call(peopled, "groups", "show", "area/Mons", "--json").found
    assert [each["id"] for each in found["meters"]] == [ean(3), "m00002"]
    left = call(peopled, "groups", "remove", "winter", "--where", "group==winter")
    assert left.out == "3 households left winter; 0 were not in it before.\n"
    assert call(peopled, "groups", "list", "--kind", "free").status == 1


def test_nobody_chosen_is_nobody(peopled: Path) -> None:
    for verb, words in (("add", "nobody comes in"), ("remove", "nobody leaves")):
        ended = call(peopled, "groups", verb, "winter", "--where", "area==Nowhere")
        assert (ended.status, words in ended.out) == (1, True)
    assert call(peopled, "groups", "show", "winter").status == 1


def test_an_order_goes_to_the_meters_of_a_group(peopled: Path) -> None:
    call(peopled, "groups", "add", "winter", "m00001", ean(3))
    ended = call(peopled, "release", "--where", "group==winter", "--json")
    assert [each["scope"]["meters"] for each in ended.found["orders"]] == [["m00001"]]
    assert "1 more match that have never spoken" in ended.err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["add", "area/Namur", "m00001"], "allowed: a free group; this one follows from the DSO's file"),
        (["add", "a b", "m00001"], "allowed: 1 to 64 letters"),
        (["add", "a"], "allowed: meters' ids or EANs, or --where"),
        (["add", "a", "m00001", "--where", "id==m00001"], "allowed: meters' ids or EANs, or --where"),
        (["add", "a", "--where", ""], "empty, which chooses nobody"),
        (["show", "win*"], "allowed: one group"),
        (["show", "zone/x"], "allowed: area/NAME"),
        (["list", "--kind", "x"], "allowed: free, area, dso, category, energy"),
    ],
)
def test_what_is_no_group_is_refused_in_one_line(peopled: Path, argv: list[str], words: str) -> None:
    ended = call(peopled, "groups", *argv)
    assert ended.status == 2
    assert words in ended.one_line()


def test_a_group_of_more_meters_than_one_transaction_takes_is_released(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "_ORDERS_AT_ONCE", 2)
    monkeypatch.setattr(release, "_ORDERS_SHOWN", 2)
    told = call(home, "release", "--where", "id==m*")
    assert told.out == "3 meters are released, by orders o000001 to o000003.\n"
    for meter in ("m00001", "m00002", "m00003"):
        assert len(call(home, "meters", "show", meter, "--json").found["orders"]) == 1
    monkeypatch.setattr(release, "METERS_MAX", 2)
    assert "3 meters match; allowed: 1 to 2" in call(home, "release", "--where", "id==m*").err
