"""`relance moratorium status` names what meters were told, and this store does not know."""

from pathlib import Path

import pytest

from controller.orders.numbering import note_held
from tests.controller.faces.cli.fleet import store_of
from tests.controller.faces.cli.invocation import call

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
