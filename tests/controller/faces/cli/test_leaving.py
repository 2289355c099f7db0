"""`meters replace`, `remove` and `retired`: what people see and type when a meter leaves the fleet."""

import json
from pathlib import Path

import pytest

from controller.database.tables import MeterRow, PaymentRequestRow
from controller.office.fleet_keys import newest_generation
from controller.office.keys import load_fleet_key
from controller.office.settings import settings_from
from protocols.instants import iso_from_ms
from protocols.link.keys import meter_key
from protocols.rim.clocks import now_ms
from tests.controller.faces.cli.fleet import store_of
from tests.controller.faces.cli.invocation import Ended, call
from tests.controller.households.households import ean

EAN = ean(1)
BASIS = ("--basis", "work order 7", "--as", "anne")


@pytest.fixture
def peopled(home: Path, tmp_path: Path) -> Path:
    """m00001 is at a connection of the file."""
    file = tmp_path / "fleet.csv"
    file.write_text(f"ean,meter,area,language,flags\n{EAN},m00001,Namur,fr,medical\n")
    assert call(home, "meters", "import", str(file)).status == 0
    return home


def replace(home: Path, *more: str, new: str = "m00099") -> Ended:
    return call(home, "meters", "replace", "m00001", new, "--ean", EAN, *BASIS, *more)


def test_a_replacement_tells_where_the_money_goes_and_what_was_ordered(peopled: Path, tmp_path: Path) -> None:
    assert call(peopled, "flag", "set", "m00001", "medical").status == 0
    file = tmp_path / "m00099.json"
    done = replace(peopled, "--secrets", str(file))
    assert (done.status, done.err) == (0, "")
    assert f"m00099 is at EAN {EAN} in the place of m00001, at link link-1.\n" in done.out
    assert "12.34 EUR by its last report go to m00099, as payment carried.1.\n" in done.out
    assert "The service pays it as soon as it has heard the new meter." in done.out
    assert "flag/medical" in done.out
    assert json.loads(file.read_text())["meter"] == "m00099"
    again = replace(peopled)
    assert again.out.startswith("m00099 was in the place of m00001 before: nothing has changed.\n")
    shown = call(peopled, "meters", "show", "m00099").out
    assert "in the place of" in shown
    old = call(peopled, "meters", "show", "m00001", "--json").found["retired"]
    assert (old["successor"], old["worth_ueur"], old["payment"]) == ("m00099", 12_340_000, "carried.1")
    paid = call(peopled, "topup", "m00001", "--eur", "5.00", "--id", "p1")
    assert (paid.status, "was replaced; allowed: m00099, in its place" in paid.one_line()) == (1, True)


def test_new_meters_of_a_list_get_the_fleets_last_key_as_a_single_one_does(
    peopled: Path, tmp_path: Path
) -> None:
    assert call(peopled, "keys", "rotate", "--fleet", "--as", "anne").status == 0
    file = tmp_path / "work.csv"
    file.write_text(f"do,meter,new,ean\nreplace,m00001,m00099,{EAN}\n")
    done = call(peopled, "meters", "work", str(file), *BASIS, "--secrets", str(tmp_path))
    assert done.status == 0, done
    settings = settings_from({}, peopled)
    key = meter_key(newest_generation(settings), "m00099").hex()
    assert key != meter_key(load_fleet_key(settings.fleet_key), "m00099").hex()
    assert json.loads((tmp_path / "m00099.json").read_text())["key"] == key


def test_programs_get_all_of_it(peopled: Path) -> None:
    found = replace(peopled, "--json").found
    named = ("meter", "successor", "worth_ueur", "payment", "paid", "new", "drafts", "left", "secrets")
    assert {name: found[name] for name in named} == {
        "meter": "m00001",
        "successor": "m00099",
        "worth_ueur": 12_340_000,
        "payment": "carried.1",
        "paid": "requested",
        "new": True,
        "drafts": [],
        "left": [],
        "secrets": None,
    }
    again = replace(peopled, "--json").found
    assert (again["new"], again["paid"], again["worth_ueur"]) == (False, None, 12_340_000)


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        (("--balance-eur", "12,34"), 2, "--balance-eur: "),
        (("--unconfirmed", "shown"), 2, "--unconfirmed: allowed: together with --balance-eur"),
        (("--balance-eur", "1", "--unconfirmed", "maybe"), 2, "allowed: shown, missing"),
        (("--still-speaks",), 1, "still speaks, and credit would be in two meters"),
        (("--link", "a b"), 2, "--link"),
    ],
)
def test_wrong_input_is_one_line_and_changes_nothing(
    peopled: Path, more: tuple[str, ...], status: int, words: str
) -> None:
    ended = replace(peopled, *more)
    assert (ended.status, words in ended.one_line()) == (status, True), ended.err
    assert call(peopled, "meters", "retired").status == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("-3.50", "3.50 EUR were owed by its display; no order says so yet: see `relance debt set`."),
        ("0", "Nothing was on its purse by its display."),
        ("8.00", "8.00 EUR by its display go to m00099, as payment carried.1."),
    ],
)
def test_a_balance_that_is_read_from_the_display(peopled: Path, said: str, told: str) -> None:
    assert told in replace(peopled, "--balance-eur", said).out


def test_a_meter_that_leaves_without_another_is_listed_with_what_is_owed(peopled: Path) -> None:
    without = call(peopled, "meters", "remove", "m00001")
    assert (without.status, "--basis: allowed: why the meter is taken out" in without.one_line()) == (2, True)
    done = call(peopled, "meters", "remove", "m00001", *BASIS)
    assert done.out == (
        "m00001 is out of the fleet.\n12.34 EUR were on its purse by its last report, or on their way to it: "
        "they are owed to the household.\n"
    )
    again = call(peopled, "meters", "remove", "m00001", *BASIS, "--json").found
    assert (again["new"], again["worth_ueur"], again["successor"]) == (False, 12_340_000, None)
    listed = call(peopled, "meters", "retired", settings={"COLUMNS": "80"}).out.splitlines()
    assert listed[1].startswith(f"m00001  removed at EAN {EAN} ")
    assert max(map(len, listed)) <= 80
    assert "m00001" not in call(peopled, "meters", "list").out
    back = call(peopled, "meters", "admit", "m00001", "--as", "anne")
    assert back.status == 0
    assert back.out.startswith("m00001: admitted, at link-1.\n12.34 EUR were told as owed when it left")
    assert call(peopled, "meters", "retired").out == "No meter has left the fleet.\n"


def test_an_unknown_balance_is_shown_as_unknown(peopled: Path) -> None:
    with store_of(peopled) as session:
        row = session.get_one(MeterRow, "m00001")
        row.balance_ueur = row.reported_ms = None
        session.add(row)
    refused = replace(peopled)
    assert (refused.status, "its balance is unknown" in refused.one_line()) == (1, True)
    out = call(peopled, "meters", "remove", "m00001", *BASIS).out
    assert "What its purse holds is unknown: it has reported nothing. What its display shows is owed." in out


def test_a_release_that_ends_with_a_meter_is_named_by_its_person(peopled: Path) -> None:
    order = call(peopled, "release", "m00001", "--as", "anne", "--json").found["orders"][0]["id"]
    out = call(peopled, "meters", "remove", "m00001", *BASIS).out
    assert f"Ended with it: {order} release/anne." in out


def test_a_payment_that_was_only_asked_for_waits_again_when_its_meter_comes_back(peopled: Path) -> None:
    topup = ("topup", "m00001", "--eur", "9.00", "--id", "p1", "--as", "anne")
    assert call(peopled, *topup).status == 0
    assert call(peopled, "meters", "remove", "m00001", *BASIS).status == 0
    back = call(peopled, "meters", "admit", "m00001", "--as", "anne").out
    assert "9.00 EUR of payments wait for it again, to be booked.\n21.34 EUR were told as owed" in back
    assert "is requested already.\nThe service books it as soon" in call(peopled, *topup).out


def test_a_payment_that_an_earlier_version_left_behind_is_not_promised(peopled: Path) -> None:
    topup = ("topup", "m00001", "--eur", "9.00", "--id", "p1", "--as", "anne")
    assert call(peopled, *topup).status == 0
    with store_of(peopled) as session:
        row = session.get_one(PaymentRequestRow, "p1")
        row.state = "included"
        session.add(row)
    told = call(peopled, *topup).out
    assert "is included already.\nIt is not booked: it was told as owed" in told
    assert "The service books it" not in told


def test_a_move_is_told_once_and_shown_as_it_stands(peopled: Path) -> None:

    move = ("meters", "move-out", "m00001", "--on", iso_from_ms(now_ms()), "--as", "anne")
    done = call(peopled, *move)
    assert (done.status, done.err) == (0, "")
    assert "12.34 EUR on the purse by the report" in done.out
    assert "Taken out of the file's row, which has no dates: language fr, flags medical.\n" in done.out
    again = call(peopled, *move)
    assert "That was recorded before: nothing has changed; these wait:\n" in again.out
    found = call(peopled, *move, "--json").found
    assert (again.status, found["new"], len(found["orders"])) == (0, False, 1)
    shown = " ".join(call(peopled, "meters", "show", "m00001").out.split())
    refund = found["orders"][0]["id"]
    assert f"refund {refund} waits for a signature; the purse still holds it." in shown
    (left,) = call(peopled, "meters", "show", "m00001", "--json").found["left"]
    assert left["refund"] == {"order": refund, "meter": "m00001", "stage": "waits"}
