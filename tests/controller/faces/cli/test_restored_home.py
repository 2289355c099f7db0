"""A home whose store comes from a backup: what the commands say of it, and how they number from then on."""

import shutil
from pathlib import Path

import pytest

from controller.office.keys import load_signer
from controller.orders.deliveries import step
from controller.orders.life import DeliveryEvent
from controller.orders.numbering import note_held, note_known_number
from controller.orders.store import get_order
from controller.restores.acts import mark_of
from controller.restores.mark_file import write_mark
from protocols.link.marks import seal_mark
from tests.controller.faces.cli.fleet import SEEN_MS, seed_meters, store_of
from tests.controller.faces.cli.invocation import PASSPHRASE, Ended, call

UNTIL = ("--until", "2099-06-02T11:00+02:00")
RELEASE = ("release", "m00001", "--as", "anne", "--json")


def leave_mark(home: Path, signer: str = "service") -> None:
    """As the service does before it sends."""
    with store_of(home) as session:
        mark = mark_of(session, 1)
    assert mark is not None
    write_mark(home / "mark.json", seal_mark(mark, load_signer(home / "keys", signer, PASSPHRASE)))


def rev_of(home: Path, order: str) -> int:
    with store_of(home) as session:
        return get_order(session, order).rev


def order_of(ended: Ended) -> str:
    """The one order that a release has made."""
    (order,) = ended.found["orders"]
    return str(order["id"])


@pytest.fixture
def restored(home: Path) -> Path:
    """Five releases were given and sent after the backup, which is in place now; the mark was left there."""
    call(home, *RELEASE)
    shutil.copy(home / "relance.db", home / "backup.db")
    for _ in range(5):
        assert call(home, *RELEASE).status == 0
    leave_mark(home)
    (home / "backup.db").replace(home / "relance.db")
    return home


def test_a_command_on_a_restored_store_numbers_above_and_says_so(restored: Path) -> None:
    ended = call(restored, *RELEASE)
    assert ended.status == 0
    assert ended.err.count("entries of the audit are lost") == 1
    assert "a backup was restored" in ended.err
    assert rev_of(restored, order_of(ended)) > 6
    assert order_of(ended) > "o000006"
    again = call(restored, *RELEASE)
    assert (again.status, again.err) == (0, "")
    assert rev_of(restored, order_of(again)) == rev_of(restored, order_of(ended)) + 1


def test_the_audit_is_not_whole_until_a_person_takes_the_loss_as_known(restored: Path) -> None:
    before = call(restored, "audit", "verify")
    assert before.status == 1
    assert "a backup was restored" in before.one_line()
    assert [each["found_at"] for each in call(restored, "audit", "verify", "--json").found["lost"]] == [0]

    call(restored, *RELEASE)
    (loss,) = call(restored, "audit", "verify", "--json").found["lost"]
    assert loss["found_at"] > loss["after"] > 0
    told = call(restored, "audit", "verify")
    assert told.status == 1
    command = told.one_line().rpartition("`relance ")[2].partition("`")[0]
    assert call(restored, *command.split()).status == 0
    assert f"lost by a restored backup: {loss['entries']}" in call(restored, "status").out
    assert call(restored, "status", "--json").found["lost_entries"] == loss["entries"]


def test_a_store_that_goes_on_from_its_mark_is_whole(home: Path) -> None:
    call(home, *RELEASE)
    leave_mark(home)
    assert call(home, *RELEASE).err == ""
    assert call(home, "audit", "verify").status == 0
    assert "restored" not in call(home, "status").out


@pytest.mark.parametrize("damage", ["another key's", "cut short", "empty", "a folder"])
def test_a_mark_that_says_nothing_holds_up_no_release(home: Path, damage: str) -> None:
    path = home / "mark.json"
    match damage:
        case "another key's":
            leave_mark(home, "anne")
        case "cut short":
            leave_mark(home)
            path.write_bytes(path.read_bytes()[:40])
        case "empty":
            path.write_bytes(b"")
        case _:
            path.mkdir()
    ended = call(home, *RELEASE)
    assert ended.status == 0
    assert len(ended.err.splitlines()) == 1
    assert f"{path}: " in ended.err
    assert "Traceback" not in ended.err
    # Nor does it hide whether the audit itself is whole.
    verified = call(home, "audit", "verify")
    assert (verified.status, f"{path}: " in verified.err) == (0, True)
    assert "The audit is whole" in verified.out


def test_a_moratorium_that_meters_refused_is_declared_again_above_what_they_hold(home: Path) -> None:
    first = call(home, "moratorium", "declare", "winter", *UNTIL, "--as", "anne", "--json").found
    assert call(home, "moratorium", "declare", "winter", *UNTIL, "--as", "anne").status != 0
    with store_of(home) as session:
        step(
            session,
            DeliveryEvent.REFUSED,
            SEEN_MS,
            order_id=first["id"],
            meters=("m00002",),
            reason="below_floor",
        )
        note_known_number(session, first["id"], "m00002", 4_000)
    shown = call(home, "moratorium", "status")
    assert "winter was refused by 1 of its meters" in shown.out
    again = call(home, "moratorium", "declare", "winter", *UNTIL, "--as", "anne", "--json").found
    assert rev_of(home, again["id"]) == 4_001


def test_flags_that_are_set_or_that_only_meters_know_are_listed(home: Path) -> None:
    assert call(home, "flag", "list").out == "No flag is set.\n"
    for meter in ("m00002", "m00001"):
        call(home, "flag", "set", meter, "medical", "--as", "anne", "--basis", "a certificate")
    with store_of(home) as session:
        note_held(session, {"m00003": {"flag/dispute": 7}})
    found = call(home, "flag", "list", "--json").found
    assert [(each["meter"], each["flag"], each["by"]) for each in found["flags"]] == [
        ("m00001", "medical", "anne"),
        ("m00002", "medical", "anne"),
    ]
    assert found["not_in_this_store"] == [{"flag": "dispute", "meters": 1, "number": 7}]
    assert "1 meter knows flag dispute by number 7" in call(home, "flag", "list").out

    draft = call(home, "flag", "clear", "m00001", "medical", "--as", "anne", "--json").found
    assert len(call(home, "flag", "list", "m00001", "--json").found["flags"]) == 1
    call(home, "orders", "sign", draft["id"], "--as", "bart")
    assert call(home, "flag", "list", "m00001", "--json").found["flags"] == []
    assert call(home, "flag", "list", "m0001").status != 0


def test_names_that_one_stolen_meter_makes_up_do_not_fill_the_screen(home: Path) -> None:
    with store_of(home) as session:
        note_held(session, {"m00003": {f"hold/made-up-{number}": 7 for number in range(300)}})
        note_held(session, {meter: {"hold/winter": 9} for meter in ("m00001", "m00002")})
    lines = call(home, "moratorium", "status").out.splitlines()
    assert len(lines) < 30
    assert any(line.startswith("2 meters know winter") for line in lines)
    assert lines[-1] == "and 281 more that only meters know: add --json"


def test_a_home_that_has_lost_its_store_gets_an_empty_one_that_numbers_above(home: Path) -> None:
    call(home, *RELEASE)
    call(home, "moratorium", "declare", "winter", *UNTIL, "--as", "anne")
    leave_mark(home)
    (home / "relance.db").unlink()
    assert "relance init --new-store" in call(home, "orders", "list").one_line()
    assert "--operator" in call(home, "init", "--new-store", "--operator", "anne").one_line()

    made = call(home, "init", "--new-store")
    assert made.status == 0
    assert "entries of the audit are lost" in made.err
    assert call(home, "init", "--new-store").status != 0
    seed_meters(home, "m00001")
    released = call(home, *RELEASE)
    assert (released.status, released.err.count("restored")) == (0, 0)
    assert rev_of(home, order_of(released)) > 1
    assert call(home, "issuers", "show").status == 0


def test_a_new_store_needs_a_home(tmp_path: Path) -> None:
    assert "root.json: no such file" in call(tmp_path / "none", "init", "--new-store").one_line()
    assert not (tmp_path / "none").exists()
