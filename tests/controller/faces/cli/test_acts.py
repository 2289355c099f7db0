"""Acts of people: one may protect, two may harm; every act is in the outbox, the deliveries and the audit."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from controller.database.tables import MeterRow, OutboxRow
from controller.meters.registry import place_at_cards
from controller.office.audit import recent
from controller.orders import deliveries
from controller.orders.life import DeliveryEvent
from protocols.instants import HOUR_MS
from tests.controller.faces.cli.fleet import store_of
from tests.controller.faces.cli.invocation import Ended, call

UNTIL = ("--until", "2099-01-01T00:00+01:00")
AUTUMN = "2098-11-24T00:00+01:00"
LATER = ("--until", "2099-06-01T00:00+02:00")
CALENDAR = (
    "calendar",
    "set",
    "--rule",
    "mon-thu 08:00-12:00",
    "--zone",
    "Europe/Brussels",
    "--holidays",
    "BE",
)


def done(ended: Ended) -> Ended:
    assert (ended.status, ended.err) == (0, ""), ended
    return ended


def refused(ended: Ended, status: int = 1) -> str:
    assert ended.status == status, ended
    return ended.one_line()


def waiting(home: Path) -> list[tuple[str, int, int]]:
    """The queued messages: topic, whether retained, whether sent at most once."""
    with store_of(home) as session:
        return [(row.topic, row.retain, row.once) for row in session.exec(select(OutboxRow))]


def test_one_person_declares_and_extends_and_the_fleet_is_told(home: Path) -> None:
    declared = done(call(home, "moratorium", "declare", "covid", *UNTIL, "--basis", "decree", "--json")).found
    assert (declared["state"], declared["signed_by"], declared["signatures_missing"]) == (
        "active",
        ["anne"],
        0,
    )
    assert (declared["object"], declared["rev"], declared["basis"]) == ("hold/covid", 1, "decree")
    assert declared["deliveries"] == {"queued": 3}
    assert waiting(home) == [(f"relance/v1/fleet/orders/{declared['id']}", 1, 0)]
    assert "stands until" in refused(call(home, "moratorium", "declare", "covid", *UNTIL))
    assert "allowed: later than" in refused(call(home, "moratorium", "extend", "covid", *UNTIL), 2)
    extended = done(call(home, "moratorium", "extend", "covid", *LATER, "--as", "bart", "--json")).found
    assert extended["signed_by"] == ["bart"]
    (hold,) = done(call(home, "moratorium", "status", "--json")).found["holds"]
    assert hold["until"] == "2099-05-31T22:00:00Z"
    assert hold["meters"] == {"stored": 0, "sent": 0, "refused": 0, "card": 0, "unknown": 3, "total": 3}


def test_only_two_people_lift_and_the_same_one_twice_is_one(home: Path) -> None:
    assert "no moratorium covid in force" in refused(call(home, "moratorium", "lift", "covid"))
    done(call(home, "moratorium", "declare", "covid", *UNTIL))
    assert "; did you mean covid? `relance" in refused(call(home, "moratorium", "lift", "corvid"))
    ended = done(call(home, "moratorium", "lift", "covid"))
    assert "needs 1 more of 2 people; signed by anne." in ended.out
    assert ended.out.endswith("  relance orders sign o000002 --as bart\n")
    before = waiting(home)
    twice = refused(call(home, "orders", "sign", "o000002", "--as", "anne"))
    assert twice == "anne has signed o000002 already; it takes a different person: bart or carl"
    assert refused(call(home, "orders", "sign", "o000002", "--as", "dora"), 2).startswith(
        "--as: dora does not have the role harm"
    )
    assert waiting(home) == before
    signed = done(call(home, "orders", "sign", "o000002", "--as", "carl", "--json")).found
    assert (signed["state"], signed["signed_by"]) == ("active", ["anne", "carl"])
    assert all(once for topic, _, once in waiting(home) if "meters" in topic)
    (hold,) = done(call(home, "moratorium", "status", "covid", "--json")).found["holds"]
    assert not hold["in_force"]
    assert "waits for no signature" in refused(call(home, "orders", "sign", "o000002", "--as", "bart"))


def test_a_lift_that_did_not_reach_every_meter_is_decided_anew(home: Path) -> None:
    done(call(home, "moratorium", "declare", "covid", *UNTIL))
    first = done(call(home, "moratorium", "lift", "covid", "--json")).found
    done(call(home, "orders", "sign", "o000002", "--as", "carl"))
    again = done(call(home, "moratorium", "lift", "covid", "--json")).found
    assert (again["id"], again["state"]) == ("o000003", "draft")
    assert again["rev"] > first["rev"] > 2
    done(call(home, "orders", "sign", "o000003", "--as", "carl"))
    with store_of(home) as session:
        deliveries.step(session, DeliveryEvent.ACCEPTED, 1, order_id="o000003")
    assert "no moratorium covid in force" in refused(call(home, "moratorium", "lift", "covid"))


def test_a_calendar_that_would_harm_is_refused_in_words_before_anybody_signs(home: Path) -> None:
    rule = ("--rule", "fri 20:00-24:00", "--zone", "Europe/Brussels", "--holidays", "BE")
    line = refused(
        call(home, "calendar", "set", *rule, "--until", "2098-12-31T00:00+01:00", "--from", AUTUMN)
    )
    assert line.startswith("calendar/fleet is refused. A cut between Friday ")
    assert "falls on a Friday evening: the offices open again on Monday " in line
    assert done(call(home, "orders", "list", "--json")).found["orders"] == []


def test_windows_that_are_refused_alike_are_counted(home: Path) -> None:
    argv = ("calendar", "set", "--rule", "fri 18:00-19:00", "--from", "2099-06-01T00:00+02:00", "--until")
    assert "So does one more window." in refused(call(home, *argv, "2099-06-13T00:00+02:00"))
    assert "So do 2 more windows." in refused(call(home, *argv, "2099-06-20T00:00+02:00"))


def test_a_calendar_takes_two_people(home: Path) -> None:
    ended = done(call(home, *CALENDAR, "--from", AUTUMN, "--until", "2098-12-19T00:00+01:00", "--json"))
    assert (ended.found["state"], ended.found["signatures_missing"]) == ("draft", 1)
    assert waiting(home) == []
    assert len(ended.found["body"]["windows"]) == 16
    signed = done(call(home, "orders", "sign", ended.found["id"], "--as", "bart"))
    assert "is active, for 3 meters" in signed.out
    assert len(waiting(home)) == 3


def test_a_tariff_with_registers_takes_two_people_and_reaches_the_meters_that_it_names(home: Path) -> None:
    argv = ("tariff", "set", "m00001", "--name", "dual", "--eur-per-kwh", "0.30", "--eur-per-day", "0.24")
    registers = (
        *("--register", "1-0:1.8.1 0.40 0.24 mon-fri 07:00-22:00"),
        *("--register", "1-0:1.8.2 0.20 0.24 rest"),
    )
    span = ("--from", "2099-06-01T00:00+02:00", "--until", "2099-06-08T00:00+02:00")
    found = done(call(home, *argv, *registers, *span, "--json")).found
    assert (found["state"], found["signatures_missing"]) == ("draft", 1)
    assert [each["obis"] for each in found["body"]["registers"]] == ["1-0:1.8.1", "1-0:1.8.2"]
    # Whit Monday is a holiday: four days with two switches, around them the rest, and the end.
    assert [place for _, place in found["body"]["switches"]] == [2, *(1, 2) * 4, 0]
    signed = done(call(home, "orders", "sign", found["id"], "--as", "bart"))
    assert "while 1-0:1.8.1 is in use energy at 0.40 EUR/kWh, 0.24 EUR a day" in signed.out
    assert "is active, for 1 meter" in signed.out
    assert [once for topic, _, once in waiting(home) if "m00001" in topic] == [1]


def test_a_debt_takes_two_people_and_says_its_terms(home: Path) -> None:
    argv = ("debt", "set", "m00001", "--eur", "120", "--share", "350", "--period-cap", "5", "--json")
    found = done(call(home, *argv)).found
    assert (found["state"], found["signatures_missing"]) == ("draft", 1)
    assert found["body"] == {
        "total_ueur": 120_000_000,
        "share_permille": 350,
        "period_cap_ueur": 5_000_000,
    }
    signed = done(call(home, "orders", "sign", found["id"], "--as", "bart"))
    assert "to which 35 % of each payment goes, at most 5.00 EUR in 7 days" in signed.out


def test_whoever_drafts_or_signs_a_refund_beyond_the_purse_is_warned(home: Path) -> None:
    """Its balance is 12.34 EUR by the last report; the meter would refuse it."""
    told = "the purse of m00001 held 12.34 EUR by its last report of"
    beyond = call(home, "refund", "m00001", "--eur", "12.35", "--as", "anne")
    assert told in beyond.err
    assert "it refuses to pay out 12.35 EUR (out_of_range)" in beyond.err
    assert told in call(home, "orders", "sign", "o000001", "--as", "bart").err
    assert call(home, "refund", "m00002", "--eur", "12.34", "--as", "anne").err == ""


def test_refunds_of_a_meter_wait_for_one_another(home: Path) -> None:
    refund = ("refund", "m00001", "--eur", "12")
    first = done(call(home, *refund, "--json")).found
    waits = refused(call(home, *refund))
    assert (
        "refund o000001 of m00001 waits for a signature; allowed: one at a time: `relance orders sign"
        in waits
    )
    done(call(home, "orders", "withdraw", first["id"]))
    second = done(call(home, *refund, "--json")).found
    done(call(home, "orders", "sign", second["id"], "--as", "bart"))
    assert "refund o000002 of m00001 waits for its answer" in refused(call(home, *refund))
    assert [each["body"]["total_ueur"] for each in (first, second)] == [12_000_000, 12_000_000]
    assert done(call(home, "refund", "m00002", "--eur", "1", "--json")).found["body"] == {
        "total_ueur": 1_000_000
    }


def test_parameters_are_versions_and_go_back_to_one(home: Path) -> None:
    date = ("--from", "2099-06-01T00:00+02:00")
    first = done(call(home, "parameters", "set", "m00001", "--mode", "credit", *date, "--json")).found
    assert (first["object"], first["rev"], first["state"]) == ("parameters/m00001", 1, "draft")
    assert first["body"] == {"from_ms": 4_083_948_000_000, "mode": "credit"}
    signed = done(call(home, "orders", "sign", first["id"], "--as", "bart"))
    assert "the payment mode is on credit, the groups are as commissioned" in signed.out
    back = done(call(home, "parameters", "back", "m00001", "--to", "0", *date, "--json")).found
    assert (back["rev"], back["body"]["back_to"]) == (2, 0)
    grouped = done(call(home, "parameters", "set", "m00001", "--group", "a", "--group", "b", "--json")).found
    assert grouped["body"]["groups"] == ["a", "b"]


def test_a_deferral_of_the_fleet_takes_two_people(home: Path) -> None:
    found = done(call(home, "tariff", "defer", "--name", "covid", *UNTIL, "--json")).found
    assert (found["object"], found["state"], found["signatures_missing"]) == ("deferral/covid", "draft", 1)
    signed = done(call(home, "orders", "sign", found["id"], "--as", "bart"))
    assert "nothing is charged from " in signed.out
    assert "is active, for 3 meters" in signed.out


def test_a_warning_is_shown_to_both_who_sign(home: Path) -> None:
    """Tuesday 10 November 2099 is the day before a public holiday."""
    argv = ("cut", "order", "m00001", "--name", "debts", "--from", "2099-11-10T12:30+01:00")
    ended = call(home, *argv, "--until", "2099-11-10T14:00+01:00")
    assert ended.status == 0
    assert ended.err.startswith("warning: A cut between Tuesday 10 November 2099 12:30 and 14:00")
    again = call(home, "orders", "sign", "o000001", "--as", "bart")
    assert (again.status, again.err) == (0, ended.err)


def test_the_friday_evening_of_2020_is_refused_again(home: Path) -> None:
    argv = ("cut", "order", "m00001", "--name", "night", "--from", "2099-07-03T23:01+02:00")
    line = refused(call(home, *argv, "--until", "2099-07-03T23:30+02:00"))
    assert "falls on a Friday evening" in line


def test_a_cut_is_ordered_by_two_and_cancelled_by_one(home: Path) -> None:
    argv = ("cut", "order", "m00001", "m00002", "--name", "debts", "--from", "2099-06-02T08:00+02:00")
    drafted = call(home, *argv, "--until", "2099-06-02T11:00+02:00", "--json").found
    assert drafted["not_after_ms"] - drafted["not_before_ms"] == 3 * HOUR_MS
    cancelled = done(call(home, "cut", "cancel", "m00001", "--name", "debts", "--json")).found
    assert (cancelled["state"], cancelled["body"]) == ("active", {"cut": "cut/debts"})
    withdrawn = done(call(home, "orders", "withdraw", drafted["id"]))
    assert withdrawn.out.endswith("o000001 is withdrawn, and was never sent.\n")
    assert "waits for no signature" in refused(call(home, "orders", "sign", drafted["id"], "--as", "bart"))


def test_a_release_is_one_persons_act_for_some_or_for_all(home: Path) -> None:
    released = done(call(home, "release", "m00002", "m00001", "--hours", "24", "--json")).found["orders"]
    assert [order["scope"]["meters"] for order in released] == [["m00002"], ["m00001"]]
    (numbered,) = {order["object"] for order in released}
    assert [order["rev"] for order in released] == [1, 2]
    (everybody,) = done(call(home, "release", "--all", "--json")).found["orders"]
    assert (everybody["object"], everybody["body"], everybody["deliveries"]) == (
        numbered,
        {"hours": 72},
        {"queued": 3},
    )


def test_a_release_that_no_service_sends_ends_with_one(home: Path) -> None:
    """`relance serve` does not run: the wait ends, and no supply is reported."""
    ended = call(home, "release", "--all", "--wait", "--patience", "1", "--json")
    assert ended.status == 1
    found = ended.found
    assert (found["meters"], found["effective"], found["p50_ms"], found["p99_ms"]) == (3, 0, None, None)


def test_meters_that_only_a_card_reaches_are_named_and_not_waited_for(home: Path) -> None:
    with store_of(home) as session:
        for name in ("k00001", "k00002"):
            place_at_cards(session, name, 1, HOUR_MS)
    told = call(home, "release", "k00002", "k00001", "--wait", "--patience", "3600")
    assert told.status == 1
    assert "Only a card reaches k00001, k00002: not waited for here." in told.out
    assert "Supply is back at 0 of 2 meters" in told.out
    ended = call(home, "release", "--all", "--wait", "--patience", "1", "--json")
    assert (ended.status, ended.found["meters"], ended.found["by_card"]) == (1, 5, ["k00001", "k00002"])


def test_a_payment_is_requested_once_however_often_it_is_sent(home: Path) -> None:
    first = done(call(home, "topup", "m00001", "--eur", "20.00", "--id", "till-1", "--json")).found
    assert first["payment"] == {
        "id": "till-1",
        "meter": "m00001",
        "new": True,
        "state": "requested",
        "amount_cents": 2_000,
        "amount_ueur": 20_000_000,
        "number": None,
        "total_ueur": None,
    }
    assert (first["order"], first["service"]) == (None, "serving")
    again = done(call(home, "topup", "m00001", "--eur", "20", "--id", "till-1", "--json")).found
    assert again["payment"] == first["payment"] | {"new": False}
    elsewhere = refused(call(home, "topup", "m00002", "--eur", "20", "--id", "till-1"), 2)
    assert "requested already, 20.00 EUR for m00001" in elsewhere
    told = done(call(home, "topup", "m00001", "--eur", "20", "--id", "till-1"))
    assert told.out.startswith("Payment till-1 of 20.00 EUR is requested already.")
    verified = done(call(home, "audit", "verify", "--json")).found
    assert (verified["whole"], verified["ledger_discrepancies"]) == (True, [])


def test_a_meter_whose_firmware_knows_no_issuers_gets_a_statement_of_the_clerk(home: Path) -> None:
    with store_of(home) as session:
        session.connection().execute(text("UPDATE meter SET issuers_version = -1 WHERE id = 'm00001'"))
    first = done(call(home, "topup", "m00001", "--eur", "20.00", "--id", "till-1", "--json")).found
    paid = (first["payment"]["state"], first["payment"]["number"], first["payment"]["total_ueur"])
    assert paid == ("booked", 1, 20_000_000)
    again = done(call(home, "topup", "m00001", "--eur", "20", "--id", "till-1", "--json")).found
    assert again["payment"] == first["payment"] | {"new": False}
    assert again["order"]["id"] == first["order"]["id"]
    second = done(call(home, "topup", "m00001", "--eur", "0.50", "--id", "till-2", "--json")).found
    assert second["order"]["body"] == {"issuer": "controller", "number": 2, "total_ueur": 20_500_000}
    elsewhere = refused(call(home, "topup", "m00002", "--eur", "20", "--id", "till-1"), 2)
    assert "booked already, 20.00 EUR for m00001 by controller" in elsewhere


def test_issuers_take_two_people(home: Path) -> None:
    shown = done(call(home, "issuers", "show", "--json")).found
    (first,) = shown["issuers"]["issuers"]
    assert (shown["issuers"]["version"], first["name"], first["epoch"]) == (1, "controller", 1)
    assert first["allowance_eur_per_day"] == "500.00"
    proposed = done(call(home, "issuers", "propose", "--new-epoch", "--allowance", "controller=80", "--json"))
    assert proposed.found["in_force"] is False
    assert done(call(home, "issuers", "show", "--json")).found["issuers"]["version"] == 1
    code = ("--code", proposed.found["code"])
    signed = done(call(home, "issuers", "sign", *code, "--as", "bart", "--json")).found
    (second,) = signed["issuers"]
    assert (signed["in_force"], second["epoch"], second["allowance_ueur_per_day"]) == (True, 2, 80_000_000)
    assert second["keyid"] != first["keyid"]
    assert "no issuers wait for a signature" in refused(call(home, "issuers", "sign", *code, "--as", "carl"))
    assert "nothing would change" in refused(call(home, "issuers", "propose"), 2)
    wrong = refused(call(home, "issuers", "propose", "--allowance", "kiosk=5"), 2)
    assert wrong == 'issuer "kiosk"; allowed: controller'
    assert "allowed: NAME=EUR" in refused(call(home, "issuers", "propose", "--allowance", "controller"), 2)


def test_nobody_signs_issuers_unseen_that_a_stolen_key_put_in_the_place_of_others(home: Path) -> None:
    meant = done(call(home, "issuers", "propose", "--allowance", "controller=600", "--as", "anne", "--json"))
    call(home, "issuers", "propose", "--allowance", "controller=400000", "--as", "carl")
    signing = ("issuers", "sign", "--code", meant.found["code"], "--as", "bart")
    assert "is not the code of those that wait" in refused(call(home, *signing))
    shown = done(call(home, "issuers", "show", "--json")).found
    assert shown["issuers"]["issuers"][0]["allowance_eur_per_day"] == "500.00"
    assert shown["proposed"]["code"] != meant.found["code"]
    told = done(call(home, "issuers", "show")).out
    assert f"relance issuers sign --code {shown['proposed']['code']}" in told


def test_a_flag_is_set_by_one_and_cleared_by_two(home: Path) -> None:
    assert done(call(home, "flag", "set", "m00001", "medical", "--json")).found["state"] == "active"
    cleared = done(call(home, "flag", "clear", "m00001", "medical", "--json")).found
    assert (cleared["state"], cleared["signatures_missing"]) == ("draft", 1)


def test_a_rebase_needs_a_dispute(home: Path) -> None:
    assert "has reported no dispute" in refused(call(home, "clock", "rebase", "m00001"))
    drafted = done(call(home, "clock", "rebase", "m00001", "--nonce", "n1", "--json")).found
    assert (drafted["state"], drafted["body"]) == ("draft", {"nonce": "n1"})


def test_every_act_is_in_the_audit_under_its_persons_name(home: Path) -> None:
    done(call(home, "moratorium", "declare", "covid", *UNTIL, "--as", "carl"))
    done(call(home, "moratorium", "lift", "covid", settings={"RELANCE_OPERATOR": "bart"}))
    done(call(home, "orders", "sign", "o000002", "--as", "anne"))
    with store_of(home) as session:
        acts = [(entry.act.actor, entry.act.act, entry.act.subject) for entry in recent(session)]
    assert acts[:3] == [
        ("anne", "approve", "o000002"),
        ("anne", "supersede", "o000001"),
        ("anne", "sign", "o000002"),
    ]
    assert ("bart", "propose", "o000002") in acts
    assert ("carl", "approve", "o000001") in acts


@pytest.mark.parametrize("change", ["body = x'00'", "hash = x'00'", "previous_hash = x'00'"])
def test_an_audit_that_was_changed_is_found_out(home: Path, change: str) -> None:
    with store_of(home) as session:
        session.connection().execute(text(f"UPDATE audit SET {change} WHERE number = 2"))  # noqa: S608
    assert refused(call(home, "audit", "verify")).startswith("audit: broken at entry 2 of 3")
    ended = call(home, "audit", "verify", "--json")
    assert (ended.status, ended.found["broken_at"]) == (1, 2)


def test_an_audit_that_was_cut_short_is_found_out_by_its_head(home: Path) -> None:
    head = done(call(home, "audit", "verify", "--json")).found["head"]
    done(call(home, "audit", "verify", "--head", head))
    with store_of(home) as session:
        session.connection().execute(text("DELETE FROM audit WHERE number = 3"))
    done(call(home, "audit", "verify"))
    assert "broken at entry 3" in refused(call(home, "audit", "verify", "--head", head))


def test_a_ledger_that_does_not_add_up_is_found_out(home: Path) -> None:
    with store_of(home) as session:
        session.connection().execute(text("UPDATE meter SET issuers_version = -1 WHERE id = 'm00001'"))
    done(call(home, "topup", "m00001", "--eur", "20.00", "--id", "till-1"))
    with store_of(home) as session:
        session.connection().execute(text("UPDATE payment SET amount_ueur = 19000000"))
    assert refused(call(home, "audit", "verify")).startswith("ledger: meter m00001, issuer controller: ")
    ended = call(home, "audit", "verify", "--json")
    assert (ended.status, ended.found["whole"], ended.found["broken_at"]) == (1, False, None)


@pytest.mark.parametrize(
    ("off_q", "told"),
    [
        (-216_000_000_000_000_000, "€ too little"),
        (216_000_000_000_000_000, "€ too much"),
        (1, "less than a millionth of a euro apart"),
    ],
)
def test_a_purse_that_does_not_add_up_is_told_in_euro(home: Path, off_q: int, told: str) -> None:
    zero = dict.fromkeys(
        ("start_q", "credited_q", "consumed_mq", "fixed_mq", "lent_q", "repaid_q", "owed_q"), "0"
    )
    with store_of(home) as session:
        row = session.get_one(MeterRow, "m00001")
        row.account = json.dumps(zero | {"balance_q": str(off_q)})
        session.add(row)
    ended = call(home, "audit", "verify")
    assert "quanta" not in ended.err
    assert told in ended.err
