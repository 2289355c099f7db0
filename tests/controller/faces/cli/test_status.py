"""Commands say when no service serves, and `relance status` shows what a person asks first."""

import json
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from controller.database.tables import MeterRow
from controller.orders.deliveries import step
from controller.orders.life import DeliveryEvent
from protocols.instants import DAY_MS, MINUTE_MS
from protocols.rim.clocks import now_ms
from tests.controller.faces.cli.fleet import SEEN_MS, book_requests, seed_service, store_of
from tests.controller.faces.cli.invocation import RELANCE, call, environment, found_home

UNTIL = ("--until", "2099-01-01T00:00Z")


def stop_service(home: Path) -> None:
    """As after an orderly end: no sign of life is left."""
    with store_of(home) as session:
        session.connection().execute(text("DELETE FROM service"))


@pytest.mark.parametrize(
    "argv",
    [
        ("release", "m00001"),
        ("release", "--all"),
        ("moratorium", "declare", "covid", *UNTIL),
        ("flag", "set", "m00001", "medical"),
        ("cut", "cancel", "m00001", "--name", "debts"),
    ],
)
def test_what_protects_says_that_it_waits_where_no_service_runs(home: Path, argv: tuple[str, ...]) -> None:
    stop_service(home)
    ended = call(home, *argv)
    assert ended.status == 0
    line = "warning: `relance serve` is not running: o000001 waits in the store until it serves\n"
    assert ended.err == line
    assert call(home, "status", "--json").found["queued"] in {1, 3}


def test_an_order_to_a_fleet_of_which_no_meter_has_come_waits_for_the_service_too(tmp_path: Path) -> None:
    found_home(tmp_path / "home")
    ended = call(tmp_path / "home", "release", "--all")
    assert ended.status == 0
    assert (
        ended.err == "warning: `relance serve` is not running: o000001 waits in the store until it serves\n"
    )
    drafted = call(tmp_path / "home", "release", "--all", "--json").found
    assert (drafted["orders"][0]["deliveries"], drafted["service"]) == ({}, "absent")


def test_a_payment_above_the_allowance_is_not_told_as_done_before_two_have_signed(home: Path) -> None:
    big = ("topup", "m00001", "--eur", "30000", "--id", "big", "--as", "anne")
    call(home, *big)
    call(home, "topup", "m00002", "--eur", "20", "--id", "small", "--as", "anne")
    book_requests(home)
    told = "o000001 is above the allowance of 500.00 EUR a day of the issuer controller"
    for argv in (big, ("orders", "show", "o000001")):
        shown = call(home, *argv).out
        assert f"{told}: two people sign it with\n  relance orders sign o000001 --as anne\n" in shown
    order = call(home, *big, "--json").found["order"]
    assert (order["signatures_needed"], order["signatures_missing"]) == (2, 2)
    assert order["above_allowance"] == {"issuer": "controller", "allowance_ueur_per_day": 500_000_000}
    small = call(home, "orders", "show", "o000002", "--json").found
    assert (small["signatures_needed"], small["signatures_missing"], small["above_allowance"]) == (1, 0, None)
    waits = "Payments above their issuer's allowance: o000001; `relance orders sign ID`."
    assert waits in call(home, "status").out
    first = call(home, "orders", "sign", "o000001", "--as", "bart").out
    assert f"{told}; signed by bart, needs 1 more: two people" in first
    assert call(home, "status", "--json").found["payments_above_allowance"] == ["o000001"]
    second = call(home, "orders", "sign", "o000001", "--as", "carl").out
    assert "o000001 is active, for 1 meter" in second
    assert call(home, "status", "--json").found["payments_above_allowance"] == []


@pytest.mark.parametrize(("reason", "waits"), [("over_limit", ["o000001"]), ("credited", [])])
def test_what_the_meter_has_answered_says_whether_a_payment_waits(
    home: Path, reason: str, waits: list[str]
) -> None:
    """A small payment stands above what an earlier one has left; a great one may be covered by now."""
    call(home, "topup", "m00001", "--eur", "20" if waits else "900", "--id", "p", "--as", "anne")
    book_requests(home)
    with store_of(home) as session:
        step(session, DeliveryEvent.ACCEPTED, SEEN_MS, order_id="o000001", meters=["m00001"], reason=reason)
    assert call(home, "status", "--json").found["payments_above_allowance"] == waits


def test_a_payment_says_that_it_waits_where_no_service_runs(home: Path) -> None:
    stop_service(home)
    ended = call(home, "topup", "m00001", "--eur", "20", "--id", "till-1")
    assert ended.status == 0
    line = "warning: `relance serve` is not running: payment till-1 waits in the store until it serves\n"
    assert ended.err == line
    assert call(home, "status", "--json").found["payments_requested"] == 1


def test_programs_get_the_presence_of_the_service(home: Path) -> None:
    assert call(home, "release", "m00001", "--json").found["service"] == "serving"
    stop_service(home)
    ended = call(home, "release", "m00001", "m00002", "--json")
    assert ended.found["service"] == "absent"
    assert "o000002 and 1 more wait in the store" in ended.err


def test_a_draft_waits_for_people_and_not_for_the_service(home: Path) -> None:
    assert call(home, "moratorium", "declare", "covid", *UNTIL).status == 0
    stop_service(home)
    assert call(home, "moratorium", "lift", "covid").err == ""


def test_nobody_calls_a_link_of_an_older_firmware_online_or_offline(home: Path) -> None:
    with store_of(home) as session:
        session.connection().execute(text("UPDATE link SET state = 'unverified' WHERE id = 'link-1'"))
    assert ", 1 not known: an older firmware, or not heard yet." in call(home, "status").out
    rows = call(home, "meters", "list", "--link", "link-1").out
    assert "offline" not in rows
    assert "link-1 (unverified)" in call(home, "meters", "show", "m00001").out
    with store_of(home) as session:
        session.connection().execute(text("UPDATE link SET state = 'offline' WHERE id = 'link-1'"))
    assert "offline" in call(home, "meters", "list", "--link", "link-1").out


@pytest.mark.parametrize(
    ("connected", "old_ms", "presence", "words"),
    [
        (True, 0, "serving", "Service: `relance serve` on here serves at mqtt://broker:1883, for 1 h."),
        (False, 0, "no_broker", "Service: `relance serve` has no connection to mqtt://broker:1883."),
        (True, 3 * MINUTE_MS, "silent", "Service: `relance serve` on here gave its last sign of life 3 min"),
    ],
)
def test_status_tells_how_the_service_stands(
    home: Path, connected: bool, old_ms: int, presence: str, words: str
) -> None:
    seed_service(home, connected=connected, age_ms=old_ms)
    ended = call(home, "status")
    assert ended.out.startswith(words)
    found = call(home, "status", "--json")
    assert found.found["service"]["presence"] == presence
    assert (ended.status, found.status) == ((0, 0) if presence == "serving" else (1, 1))


def test_a_sign_of_an_earlier_boot_is_no_life(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The beats do not go on while one looks."""
    monkeypatch.setattr("controller.faces.cli.presence.LOOK_MS", 300)
    with store_of(home) as session:
        session.connection().execute(text("UPDATE service SET boot_id = 'before'"))
    ended = call(home, "status")
    assert ended.status == 1
    assert "`relance serve` on here gives no sign of life" in ended.out


def test_status_counts_what_is_and_what_waits(home: Path) -> None:
    assert call(home, "flag", "set", "m00001", "medical").status == 0
    assert call(home, "flag", "clear", "m00001", "medical").status == 0
    with store_of(home) as session:
        session.connection().execute(
            text(
                "UPDATE meter SET clock = 'disputed', dispute_nonce = 'n1', supply = 'off' "
                "WHERE id = 'm00002'"
            )
        )
    found = call(home, "status", "--json").found
    assert found["meters"] == {
        "total": 3,
        "supply": {"off": 1, "on": 2},
        "clock": {"disputed": 1, "trusted": 2},
    }
    assert (found["drafts"], found["disputed"], found["queued"]) == (["o000002"], ["m00002"], 1)
    out = call(home, "status").out
    assert "Meters: 3. Supply: 1 off, 2 on. Clock: 1 disputed, 2 trusted." in out
    assert "Waiting for a further signature: o000002; `relance orders list --state draft`." in out
    assert "Links: 1, 1 of 1 online." in out


def test_nobody_is_online_where_nobody_listens(home: Path) -> None:
    stop_service(home)
    ended = call(home, "meters", "list", "--json")
    assert ended.found["service"] == "absent"
    assert [meter["online"] for meter in ended.found["meters"]] == [False] * 3
    listed = call(home, "meters", "list", "--wide")
    assert "not heard" in listed.out
    assert "`relance serve` is not running: shown is what the meters said before" in listed.err
    assert "Links: 1, not heard: nobody listens." in call(home, "status").out


def test_watch_shows_the_status_again_and_again(home: Path) -> None:
    argv = [RELANCE, "status", "--watch", "--json"]
    with subprocess.Popen(argv, env=environment(home), stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        try:
            lines = [json.loads(watching.stdout.readline()) for _ in range(2)]
            assert watching.poll() is None
        finally:
            watching.kill()
    assert lines[0]["meters"] == lines[1]["meters"]


def test_a_meter_that_a_flag_or_a_release_protects_does_not_cut_whatever_its_lease_says(home: Path) -> None:
    with store_of(home) as session:
        for row in session.exec(select(MeterRow)):
            row.lease_rev, row.lease_ends_ms = 7, now_ms() + DAY_MS
            session.add(row)
    call(home, "flag", "set", "m00002", "medical")
    call(home, "flag", "set", "m00001", "protected")
    call(home, "release", "m00003")
    first, second, third, *remarks = call(home, "lease", "status").out.splitlines()[1:]
    assert first.endswith(" yes"), "a protected meter is limited in place of a cut"
    assert second.endswith(" no")
    assert third.endswith(" no")
    assert remarks == ["No cut by flag/medical: m00002.", "No cut by release: m00003."]
    found = {each["meter"]: each for each in call(home, "lease", "status", "--json").found["meters"]}
    assert [(each["alive"], each["cuts"]) for each in found.values()] == [
        (True, True),
        (True, False),
        (True, False),
    ]
    assert found["m00002"]["forbidden_by"] == ["flag/medical"]
