"""`relance cut` and what the lists say of a cut, before it has happened and after."""

from pathlib import Path

import msgspec
from sqlalchemy import text

from controller.database.tables import EventRow, MeterRow
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


CALENDAR = ("calendar", "set", "--rule", "mon-thu 08:00-12:00", "--from", "2099-05-01T00:00+02:00")


def warnings_of(home: Path, *argv: str) -> list[str]:
    ended = call(home, *argv)
    assert ended.status == 0, ended
    return [line.removeprefix("warning: ") for line in ended.err.splitlines()]


def set_calendar(home: Path) -> None:
    assert call(home, *CALENDAR, "--until", "2099-07-01T00:00+02:00").status == 0
    assert call(home, "orders", "sign", "o000001", "--as", "bart").status == 0


def test_who_drafts_and_who_signs_hears_which_meters_will_not_be_cut(home: Path) -> None:
    set_calendar(home)
    assert call(home, "moratorium", "declare", "winter", "--until", "2099-06-10T00:00+02:00").status == 0
    assert call(home, "flag", "set", "m00001", "medical").status == 0
    told = warnings_of(home, *CUT)
    until = "Wed 2099-06-10 00:00 CEST (2099-06-09 22:00 UTC)"
    assert told == [
        f"m00001, m00002 will not be cut: the hold winter forbids it until {until}.",
        "m00001 will not be cut: the flag medical forbids it until two people clear it.",
    ]
    assert warnings_of(home, "orders", "sign", "o000004", "--as", "bart") == told


def test_programs_get_the_reasons_as_values_and_the_exit_status_stays_0(home: Path) -> None:
    assert call(home, "release", "m00002", "--hours", "240").status == 0
    ended = call(home, *CUT, "--json")
    assert ended.status == 0
    (group,) = ended.found["not_cut"]
    assert (group["why"], group["meters"], group["until"]) == ("no_calendar", ["m00001", "m00002"], None)
    signed = call(home, "orders", "sign", "o000002", "--as", "bart", "--json")
    assert (signed.status, signed.found["not_cut"]) == (0, ended.found["not_cut"])
    assert signed.found["state"] == "active"


def test_a_cut_outside_the_calendar_and_one_without_a_lease_are_told(home: Path) -> None:
    set_calendar(home)
    assert warnings_of(home, *CUT) == [
        "m00001, m00002 will not be cut: no lease is in force; `relance serve` issues them."
    ]
    other = ("cut", "order", "m00003", "--name", "x", "--from", "2099-07-07T08:00+02:00")
    told = warnings_of(home, *other, "--until", "2099-07-07T11:00+02:00")
    assert told == ["m00003 will not be cut: its calendar has no window then."]


def test_a_calendar_wholly_inside_a_moratorium_is_told_at_both_signatures(home: Path) -> None:
    assert call(home, "moratorium", "declare", "winter", "--until", "2099-08-01T00:00+02:00").status == 0
    (told,) = warnings_of(home, *CALENDAR, "--until", "2099-07-01T00:00+02:00")
    assert told.startswith("m00001, m00002, m00003 will not be cut: the hold winter forbids it until")
    assert warnings_of(home, "orders", "sign", "o000002", "--as", "bart") == [told]


def test_a_calendar_that_outlives_the_moratorium_is_told_nothing(home: Path) -> None:
    assert call(home, "moratorium", "declare", "winter", "--until", "2099-06-01T00:00+02:00").status == 0
    assert warnings_of(home, *CALENDAR, "--until", "2099-07-01T00:00+02:00") == []


SEASON = ("calendar", "set", "--rule", "mon-thu 08:00-15:00", "--until", "2099-01-02T00:00+01:00")
IN_WINTER = ("--from", "2098-12-01T00:00+01:00")


def test_the_eves_are_left_out_on_request_and_what_that_costs_is_said(home: Path) -> None:
    warned = call(home, *SEASON, *IN_WINTER)
    assert "comes on the last office day before a holiday" in warned.err
    ended = call(home, *SEASON, *IN_WINTER, "--without-eves", "--json")
    assert "before a holiday" not in ended.err
    cost = ended.found["eves_left_out"]
    assert cost["windows"] > 0
    assert cost["length_ms"] == cost["windows"] * 3 * HOUR_MS
    windows = "1 window is" if cost["windows"] == 1 else f"{cost['windows']} windows are"
    assert f"warning: without the eves {windows} shorter or gone: {3 * cost['windows']} h of " in ended.err
    assert [each["lost_ms"] for each in cost["eves"]] == [3 * HOUR_MS] * cost["windows"]
    assert cost["stay_supplied"] == 0


def test_each_eve_is_a_row_and_who_would_stay_supplied_is_counted(home: Path) -> None:
    with store_of(home) as session:
        session.get_one(MeterRow, "m00002").balance_ueur = 0
    ended = call(home, *SEASON, *IN_WINTER, "--without-eves")
    assert "in which no meter can cut; now 1 meter is on with an empty purse\n" in ended.err
    rows = [line.split() for line in ended.out.splitlines()]
    assert ["window", "until", "lost", "left"] in rows
    lost = [row for row in rows if row[-4:] == ["3", "h", "4", "h"]]
    assert len(lost) == len({tuple(row) for row in lost}) > 0


def test_a_calendar_is_drawn_by_months(home: Path) -> None:
    nothing = call(home, "calendar", "show")
    assert (nothing.status, nothing.out) == (1, "No calendar is in force: no meter can cut.\n")
    draft = call(home, *SEASON, *IN_WINTER, "--without-eves", "--json").found["id"]
    assert call(home, "calendar", "show").status == 1
    assert (
        f"calendar/fleet rev 1 ({draft}, draft): mon-thu 08:00-15:00"
        in call(home, "calendar", "show", draft).out
    )
    assert call(home, "orders", "sign", draft, "--as", "bart").status == 0
    shown = call(home, "calendar", "show").out.splitlines()
    assert shown[0].startswith(f"calendar/fleet rev 1 ({draft}, active)")
    assert any(line.startswith("Of the rule, ") and line.endswith(" h are left out.") for line in shown)
    assert " 1#  2#  3#  4#  5   6   7" in {line.rstrip() for line in shown}
    assert shown[-1].startswith("# a cut is possible")
    found = call(home, "calendar", "show", "--json").found["calendars"]
    assert [each["id"] for each in found] == [draft]
    assert found[0]["length_ms"] == sum(each["end_ms"] - each["start_ms"] for each in found[0]["windows"])


def test_an_order_that_is_no_calendar_is_not_drawn(home: Path) -> None:
    assert call(home, "release", "m00001").status == 0
    wrong = call(home, "calendar", "show", "o000001")
    assert wrong.status == 1
    assert "o000001 is a release, no cut calendar" in wrong.err
    assert call(home, "calendar", "show", "o009999").status == 1
