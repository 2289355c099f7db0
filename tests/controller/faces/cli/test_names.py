"""A release is numbered by a key: people read the name of its holder, programs the key."""

import re
from pathlib import Path

import pytest

from tests.controller.faces.cli.invocation import call

KEY = re.compile(r"release/[0-9a-f]{64}")
SHOWN = (
    ("orders", "list"),
    ("orders", "list", "--wide"),
    ("orders", "list", "--object", "release/bart"),
    ("orders", "show", "o000002"),
    ("meters", "show", "m00001"),
    ("meters", "why", "m00001"),
    ("audit", "list"),
)


@pytest.fixture
def released(home: Path) -> Path:
    for _ in range(2):
        assert call(home, "release", "m00001", "--as", "bart").status == 0
    return home


@pytest.mark.parametrize("argv", SHOWN, ids=" ".join)
def test_people_read_the_name_and_never_the_key(released: Path, argv: tuple[str, ...]) -> None:
    shown = call(released, *argv)
    assert shown.status == 0
    assert "release/bart" in shown.out
    assert KEY.search(shown.out) is None


def test_the_number_counts_the_releases_of_that_key(released: Path) -> None:
    assert "(release/bart no. 2)" in call(released, "orders", "show", "o000002").out
    assert "(release/bart no. 3)" in call(released, "release", "m00001", "--as", "bart").out
    assert "(release/carl no. 1)" in call(released, "release", "m00001", "--as", "carl").out


def test_programs_read_the_key(released: Path) -> None:
    (latest, _earlier) = call(released, "orders", "list", "--json").found["orders"]
    assert KEY.fullmatch(latest["object"])
    assert latest["created_by"] == "bart"


def test_the_name_in_a_list_chooses_that_persons_releases(released: Path) -> None:
    call(released, "release", "m00001", "--as", "carl")
    chosen = call(released, "orders", "list", "--object", "release/carl", "--json").found["orders"]
    assert [order["id"] for order in chosen] == ["o000003"]
    assert call(released, "orders", "list", "--object", "hold/carl").status == 1


def test_a_root_that_drops_a_person_names_what_stands_on_the_key(released: Path) -> None:
    proposed = call(released, "root", "propose", "--drop", "bart", "--as", "anne")
    assert "  o000002: " in proposed.out
    assert "(release/bart no. 2)" in proposed.out
    void = call(released, "void", "show", "bart")
    assert "(release/bart no. 2)" in void.out
    assert KEY.search(proposed.out + void.out) is None
