"""`relance cut` and what the lists say of a cut, before it has happened and after."""

from pathlib import Path

import msgspec
from sqlalchemy import text

from controller.database.tables import EventRow
from protocols.instants import HOUR_MS, ms_from_iso
from protocols.link.question import Evidence, Flags, Interval, Permission, Question
from protocols.link.records import GateJudged
from protocols.reasons import Because, ClockStatus, SupplyReason
from tests.controller.faces.cli.fleet import store_of
from tests.controller.faces.cli.invocation import call

FROM = "2099-06-02T08:00+02:00"
UNTIL = "2099-06-02T11:00+02:00"
FROM_MS, UNTIL_MS = ms_from_iso(FROM), ms_from_iso(UNTIL)
CUT = ("cut", "order", "m00001", "m00002", "--name", "debts", "--from", FROM, "--until", UNTIL)


def sign_cut(home: Path) -> None:
    assert call(home, *CUT).status == 0
    assert call(home, "orders", "sign", "o000001", "--as", "bart").status == 0


def reach(home: Path, state: str, *, order_id: str = "o000001") -> None:
    """As if the meters had answered: their deliveries are in this state."""
    with store_of(home) as session:
        session.connection().execute(
            text("UPDATE delivery SET state = :state WHERE order_id = :order"),
            {"state": state, "order": order_id},
        )


def tell_of_a_cut(home: Path, meter: str) -> None:
    """As if the meter had sent the verdict by which it opened."""
    verdict = GateJudged(
        open=True,
        reason=Because.PERMITTED,
        question=Question(
            cause=SupplyReason.CUT_ORDER,
            interval=Interval(ClockStatus.TRUSTED, FROM_MS + HOUR_MS, FROM_MS + HOUR_MS),
            permission=Permission(),
            holds=(),
            evidence=Evidence(order_from_ms=FROM_MS, order_until_ms=UNTIL_MS),
            flags=Flags(),
        ),
    )
    with store_of(home) as session:
        session.add(
            EventRow(
                meter=meter,
                number=9,
                time_ms=FROM_MS + HOUR_MS,
                received_ms=FROM_MS + HOUR_MS,
                event="verdict",
                record=msgspec.json.encode(verdict).decode(),
            )
        )


def test_a_cut_signed_for_later_is_planned_and_not_done(home: Path) -> None:
    sign_cut(home)
    reach(home, "effective")
    assert "2 planned" in call(home, "orders", "list").out
    (order,) = call(home, "orders", "list", "--json").found["orders"]
    assert (order["deliveries"], order["reads"]) == ({"effective": 2}, {"planned": 2})
    assert "Meters: 2 planned." in call(home, "orders", "show", "o000001").out
    shown = call(home, "orders", "show", "o000001", "--json").found
    assert shown["reads"] == {"planned": 2}
    assert [(each["state"], each["reads"]) for each in shown["meters"]] == [("effective", "planned")] * 2
    assert "cut/debts rev 1: planned" in call(home, "meters", "show", "m00001").out


def test_it_is_cut_where_the_meter_has_told_of_it(home: Path) -> None:
    sign_cut(home)
    reach(home, "effective")
    tell_of_a_cut(home, "m00002")
    shown = call(home, "orders", "show", "o000001", "--json").found
    assert shown["reads"] == {"planned": 1, "cut": 1}
    assert {each["meter"]: each["reads"] for each in shown["meters"]} == {
        "m00001": "planned",
        "m00002": "cut",
    }


def test_a_cancelled_cut_is_planned_until_the_meter_holds_the_cancellation(home: Path) -> None:
    sign_cut(home)
    reach(home, "effective")
    assert call(home, "cut", "cancel", "m00001", "--name", "debts").status == 0
    assert call(home, "orders", "show", "o000001", "--json").found["reads"] == {"planned": 2}
    reach(home, "stored", order_id="o000002")
    assert call(home, "orders", "show", "o000001", "--json").found["reads"] == {"planned": 1, "superseded": 1}


def test_other_orders_are_read_by_the_states_of_their_deliveries(home: Path) -> None:
    assert call(home, "flag", "set", "m00001", "medical").status == 0
    reach(home, "effective")
    (order,) = call(home, "orders", "list", "--json").found["orders"]
    assert order["reads"] == order["deliveries"] == {"effective": 1}
