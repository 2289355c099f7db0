"""`relance moratorium status` names what meters were told, and this store does not know."""

from pathlib import Path

import pytest
from sqlmodel import col, select

from controller.database.tables import DeliveryRow, LinkRow, MeterRow
from controller.meters.registry import BY_CARD
from controller.orders.numbering import note_held
from tests.controller.faces.cli.fleet import store_of
from tests.controller.faces.cli.invocation import call
from tests.controller.households.households import ean

UNTIL = ("--until", "2099-06-02T11:00+02:00")


@pytest.fixture
def restored(home: Path) -> Path:
    """A home whose meters know a moratorium that its store has forgotten."""
    with store_of(home) as session:
        note_held(session, {"m00001": {"hold/winter": 7}, "m00002": {"hold/winter": 9}})
    return home


def test_a_moratorium_that_only_meters_know_is_named_until_it_is_declared_again(restored: Path) -> None:
    forgotten = {"name": "winter", "meters": 2, "number": 9}
    for name in ((), ("winter",)):
        found = call(restored, "moratorium", "status", *name, "--json").found
        assert found == {"holds": [], "not_in_this_store": [forgotten]}
    shown = call(restored, "moratorium", "status")
    assert (shown.status, "2 meters know winter by number 9" in shown.out) == (0, True)
    assert call(restored, "moratorium", "status", "summer").status == 1

    assert call(restored, "moratorium", "declare", "winter", *UNTIL, "--as", "anne").status == 0
    found = call(restored, "moratorium", "status", "winter", "--json").found
    assert ([each["revs"] for each in found["holds"]], found["not_in_this_store"]) == ([[10]], [])


def test_a_moratorium_that_only_meters_know_is_lifted_by_name(restored: Path) -> None:
    assert call(restored, "moratorium", "lift", "winter", "--unknown", "--as", "anne").status == 0
    assert call(restored, "orders", "sign", "o000001", "--as", "bart").status == 0
    assert call(restored, "moratorium", "status", "--json").found["not_in_this_store"] == []


@pytest.fixture
def peopled(home: Path, tmp_path: Path) -> Path:
    """m00001 in Namur, m00002 in Mons, a household in Namur that never spoke; nobody knows m00003."""
    file = tmp_path / "fleet.csv"
    file.write_text(f"ean,meter,area\n{ean(1)},m00001,Namur\n{ean(2)},m00002,Mons\n{ean(3)},,Namur\n")
    assert call(home, "meters", "import", str(file)).status == 0
    return home


def test_a_moratorium_for_a_group_says_for_whom_on_which_ground_and_who_is_unknown(peopled: Path) -> None:
    declared = call(
        peopled,
        "moratorium",
        "declare",
        "flood",
        "--group",
        "area/Namur",
        *UNTIL,
        "--basis",
        "order of 14 July",
    )
    assert (declared.status, "for the group area/Namur" in declared.out) == (0, True)
    with store_of(peopled) as session:
        for row in session.exec(select(DeliveryRow)):
            row.state = "stored"
            session.add(row)
    (found,) = call(peopled, "moratorium", "status", "--json").found["holds"]
    assert (found["scope"], found["basis"]) == ("area/Namur", "order of 14 July")
    assert found["meters"] == {"stored": 2, "sent": 0, "refused": 0, "card": 0, "unknown": 1, "total": 3}
    assert (found["never_spoken"], found["protected_unknown_to_belong"]) == (1, 1)
    assert found["by_channel"]["link"] == {"stored": 2, "sent": 0, "refused": 0, "unknown": 0}
    assert sum(found["by_channel"]["card"].values()) == 0
    shown = call(peopled, "moratorium", "status").out
    assert "area/Namur" in shown.splitlines()[1]
    assert "2 stored, 1 unknown" in shown.splitlines()[1]
    assert "flood stands on this ground: order of 14 July" in shown
    assert "flood: 1 meter of the DSO's file never spoke" in shown
    assert "flood: 1 meter protected without being known to belong to area/Namur." in shown
    listed = call(peopled, "meters", "show", "m00002", "--json").found["orders"]
    assert listed == [], "Mons is known, and is sent nothing"


def test_how_far_a_moratorium_has_come_is_said_by_channel(home: Path) -> None:
    assert call(home, "moratorium", "declare", "flood", *UNTIL).status == 0
    with store_of(home) as session:
        rows = session.exec(select(DeliveryRow).order_by(col(DeliveryRow.meter))).all()
        session.add(LinkRow(id=BY_CARD, state="offline", sequence=1, meters=2, seen_ms=1))
        session.flush()
        for row in rows[:2]:
            session.get_one(MeterRow, row.meter).link = BY_CARD
        for row in rows[1:]:
            row.state = "stored"
    by_link = len(rows) - 2
    (found,) = call(home, "moratorium", "status", "--json").found["holds"]
    assert found["by_channel"] == {
        "link": {"stored": by_link, "sent": 0, "refused": 0, "unknown": 0},
        "card": {"stored": 1, "sent": 0, "refused": 0, "card": 0, "unknown": 1},
    }
    told = f"flood by link: {by_link} stored; by card: 1 stored, 1 unknown"
    assert told in call(home, "moratorium", "status").out


@pytest.mark.parametrize(
    ("group", "status", "told"),
    [
        ("area/Namurr", 1, "did you mean area/Namur?"),
        ("region/Namur", 2, '--group: "region/Namur"; allowed: area/NAME, dso/NAME'),
        ("area/N*", 2, "no pattern"),
    ],
)
def test_a_group_that_is_not_there_is_refused_and_nothing_is_declared(
    peopled: Path, group: str, status: int, told: str
) -> None:
    ended = call(peopled, "moratorium", "declare", "flood", "--group", group, *UNTIL)
    assert (ended.status, told in ended.err) == (status, True), ended
    assert call(peopled, "moratorium", "status", "--json").found["holds"] == []
