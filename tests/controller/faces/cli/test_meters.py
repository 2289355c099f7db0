"""`relance meters`: what each meter has reported, and why it cut or did not."""

import json
import re
from pathlib import Path

import pytest
from msgspec.json import encode as json_encode

from controller.database.tables import DeliveryRow, EventRow, LinkRow, MeterRow, OrderRow
from controller.orders.deliveries import step
from controller.orders.life import DeliveryEvent, OrderState
from controller.tariffs.views import charges_of
from protocols.documents.accounts import Account, RegisterSum
from protocols.instants import DAY_MS, MINUTE_MS, SECOND_MS, ms_from_iso
from protocols.rim.clocks import now_ms
from protocols.units import QUANTA_PER_UEUR
from tests.controller.faces.cli.fleet import SEEN_MS, store_of
from tests.controller.faces.cli.invocation import call


def test_the_list_shows_interval_witnesses_and_next_opening(home: Path) -> None:
    ended = call(home, "meters", "list", "--json")
    assert ended.status == 0
    first = ended.found["meters"][0]
    assert (first["id"], first["link"], first["online"], first["supply"]) == ("m00001", "link-1", True, "on")
    assert (first["earliest_ms"], first["latest_ms"]) == (SEEN_MS - 1_000, SEEN_MS + 1_500)
    assert first["next_possible"] == "2020-07-06T06:00:00Z"
    witnesses = [(each["source"], each["offset_ms"], each["verdict"]) for each in first["witnesses"]]
    assert witnesses == [("headend", DAY_MS, "disagrees"), ("card", -1_000, "agrees")]
    assert first["witnesses"][1] == {
        "source": "card",
        "verdict": "agrees",
        "fresh": False,
        "offset_ms": -1_000,
        "heard_ms": SEEN_MS - 120_000,
        "heard": "2020-07-02T20:57:00Z",
        "time_ms": SEEN_MS - 121_000,
        "time": "2020-07-02T20:56:59Z",
        "received_ms": SEEN_MS,
        "received": "2020-07-02T20:59:00Z",
    }
    assert first["balance_ueur"] == 12_340_000


def test_people_see_short_local_time_and_how_old_it_is(home: Path) -> None:
    with store_of(home) as session:
        row = session.get_one(MeterRow, "m00002")
        row.next_possible_ms, row.last_seen_ms = (
            ms_from_iso("2099-07-06T06:00:00Z"),
            now_ms() - 18 * MINUTE_MS,
        )
        session.add(row)
    head, first, second, _ = call(home, "meters", "list").out.splitlines()
    assert head.split("  ")[0] == "meter"
    assert first.split()[-2:] == ["over", "12.34"]
    assert "18 min  Mon 2099-07-06 08:00  12.34" in second
    assert "Mon 2099-07-06 06:00" in call(home, "meters", "list", "--zone", "UTC").out


def test_wide_shows_utc_the_interval_and_the_last_two_witnesses(home: Path) -> None:
    out = call(home, "meters", "list", "--wide").out
    assert "2020-07-02T20:58:59Z" in out
    assert "2.5 s" in out
    assert "headend +1 d, disagrees, since then; card ≥ −1 s, agrees, 2 min earlier" in out
    assert "timeserver" not in out
    assert "2020-07-06T06:00:00Z" in out


@pytest.mark.parametrize(
    ("argv", "status", "count"),
    [
        ([], 0, 3),
        (["--supply", "on"], 0, 3),
        (["--supply", "off"], 1, 0),
        (["--clock", "trusted", "--link", "link-1"], 0, 3),
        (["--link", "link-2"], 1, 0),
    ],
)
def test_a_list_without_a_match_ends_with_one(home: Path, argv: list[str], status: int, count: int) -> None:
    ended = call(home, "meters", "list", *argv, "--json")
    assert (ended.status, len(ended.found["meters"])) == (status, count)
    if not count:
        assert call(home, "meters", "list", *argv).out == "No meter matches.\n"


def test_what_a_meter_has_never_said_is_unknown(home: Path) -> None:
    with store_of(home) as session:
        session.add(LinkRow(id="link-2", state="offline", sequence=1, meters=1, seen_ms=SEEN_MS))
        session.flush()
        session.add(MeterRow(id="silent", link="link-2", first_seen_ms=SEEN_MS))
    row = next(line for line in call(home, "meters", "list").out.splitlines() if "silent" in line)
    assert row.split() == ["silent", "link-2", "unknown", "unknown", "offline", "never", "unknown", "unknown"]
    shown = call(home, "meters", "show", "silent", "--json").found
    assert (shown["supply"], shown["clock"], shown["earliest_ms"]) == (None, None, None)
    assert "never reported" in call(home, "meters", "why", "silent").out


def test_a_meter_is_shown_with_the_orders_to_it(home: Path) -> None:
    assert call(home, "release", "m00001").status == 0
    shown = call(home, "meters", "show", "m00001", "--json").found
    [order] = shown["orders"]
    assert (order["id"], order["rev"], order["state"], order["reads"]) == ("o000001", 1, "queued", "queued")
    assert "release/anne no. 1: queued" in call(home, "meters", "show", "m00001").out


def test_all_witnesses_are_shown_of_one_meter_with_the_instant_of_each(home: Path) -> None:
    found = call(home, "meters", "show", "m00001", "--json").found["witnesses"]
    assert [each["source"] for each in found] == ["headend", "card", "timeserver"]
    out = call(home, "meters", "show", "m00001").out
    assert "+1 d, disagrees, at Thu 2020-07-02 23:00 by its own estimate" in out
    assert " 0 s, agrees, at Wed 2020-07-01 22:59 by its own estimate" in out
    assert " d ago\n" in next(line + "\n" for line in out.splitlines() if line.startswith("last seen"))
    wide = call(home, "meters", "show", "m00001", "--wide").out
    assert "+1 d, disagrees, at 2020-07-02T21:00:00Z by its own estimate" in wide


def test_why_names_who_vouched_as_of_the_last_report(home: Path) -> None:
    found = call(home, "meters", "why", "m00001", "--json").found["sentences"]
    witness_rows = [each for each in found if each.startswith("Witness")]
    assert witness_rows[0] == (
        "Witness card, at Thu 2020-07-02 22:57 CEST (20:57 UTC) by the meter's "
        "estimate: at the earliest a date 1 s behind its own clock; it agrees with what the meter believes."
    )
    assert [each.partition(": ")[2] for each in witness_rows[1:]] == [
        "a date equal to its own clock; it agrees with what the meter believes.",
        "a date 200 ms behind its own clock; it agrees with what the meter believes.",
    ]


def test_why_reads_the_black_box_and_says_which_orders_are_missing(home: Path) -> None:
    claim = {
        "event": "claim",
        "source": "headend",
        "verdict": "disagrees",
        "offset_ms": DAY_MS,
        "time_ms": SEEN_MS + DAY_MS,
    }
    with store_of(home) as session:
        session.add(
            EventRow(
                meter="m00001",
                number=7,
                time_ms=SEEN_MS,
                received_ms=SEEN_MS + SECOND_MS,
                event="claim",
                record=json.dumps(claim),
            )
        )
    assert call(home, "moratorium", "declare", "covid", "--until", "2099-01-01T00:00Z").status == 0
    found = call(home, "meters", "why", "m00001", "--json").found
    assert (found["meter"], found["supply"]) == ("m00001", "on")
    sentences = " ".join(found["sentences"])
    assert "Entry 7: headend told it a date 24 h ahead of its own clock" in sentences
    assert "hold/covid (revision 1) forbids cuts until Thu 2099-01-01 01:00 CET (00:00 UTC)" in sentences
    assert "the meter has not confirmed it (queued)" in sentences
    assert call(home, "meters", "why", "m00001").out.splitlines() == found["sentences"]


def test_a_query_chooses_the_meters_that_are_listed(home: Path) -> None:
    ended = call(home, "meters", "list", "--json", "--where", "supply==on;id==m00001")
    assert [each["id"] for each in ended.found["meters"]] == ["m00001"]
    nobody = call(home, "meters", "list", "--where", "supply==on;supply==off")
    assert (nobody.status, nobody.out) == (1, "No meter matches.\n")
    wrong = call(home, "meters", "list", "--where", "suply==on")
    assert wrong.status == 2
    assert 'no field "suply"; near: supply' in wrong.err


def test_a_query_chooses_the_orders_that_are_listed(home: Path) -> None:
    call(home, "release", "m00001")
    call(home, "release", "m00002", "--basis", "storm")
    found = call(home, "orders", "list", "--json", "--where", "kind==release;basis==storm").found["orders"]
    assert [each["basis"] for each in found] == ["storm"]


def test_a_query_releases_the_meters_that_it_chooses_and_nobody_where_it_chooses_none(home: Path) -> None:
    ended = call(home, "release", "--where", "id=in=(m00001,m00002)", "--json")
    assert len(ended.found["orders"]) == 2
    nobody = call(home, "release", "--where", "id==nobody")
    assert (nobody.status, nobody.out) == (1, "No meter matches: nobody is released.\n")
    for wrong in (["--where", ""], ["--where", "id==m*", "--all"], ["m00001", "--where", "id==m*"]):
        assert call(home, "release", *wrong).status == 2


def test_sentences_and_tables_tell_time_in_one_way(home: Path) -> None:
    call(home, "moratorium", "declare", "frost", "--until", "2099-01-01T00:00+01:00")
    call(home, "release", "m00001")
    told = ("meters show m00001", "meters why m00001", "moratorium status", "orders list", "root show")
    said = "\n".join(call(home, *command.split()).out for command in told)
    assert "Thu 2099-01-01 00:00 CET (2098-12-31 23:00 UTC)" in said
    assert "Thu 2099-01-01 00:00" in said
    assert re.search(r"\dT\d\d:|day \d+ [A-Z]|\(Europe/Brussels\)", said) is None


@pytest.mark.parametrize(
    ("state", "reason", "read"),
    [
        ("stored", "stored", "stored"),
        ("stored", "", "stored"),
        ("refused", "rev_too_low", "refused rev_too_low"),
    ],
)
def test_a_reason_that_says_no_more_than_the_state_is_left_out(
    home: Path, state: str, reason: str, read: str
) -> None:
    call(home, "release", "m00001", "--as", "anne")
    with store_of(home) as session:
        row = session.get_one(DeliveryRow, ("o000001", "m00001"))
        row.state, row.reason = state, reason
        session.add(row)
    (told,) = (
        line for line in call(home, "meters", "show", "m00001").out.splitlines() if line.startswith("order ")
    )
    assert told.endswith(f"no. 1: {read}")


def test_the_registers_of_a_tariff_are_shown_with_what_they_cost(home: Path) -> None:
    zeros = ("start_q", "credited_q", "consumed_mq", "fixed_mq", "lent_q", "repaid_q", "balance_q", "owed_q")
    dear = RegisterSum("1-0:1.8.1", str(12_345 * 3_600_000), str(3_700_000 * QUANTA_PER_UEUR * 1_000))
    none = RegisterSum("deferred", "3600000", "0")
    told = Account(**dict.fromkeys(zeros, "0"), registers=(dear, none))
    with store_of(home) as session:
        row = session.get_one(MeterRow, "m00001")
        row.account = json_encode(told).decode()
        session.add(row)
    out = " ".join(call(home, "meters", "show", "m00001").out.split())
    assert "register 1-0:1.8.1 12.345 kWh, 3.70 EUR charged" in out
    assert "register deferred 0.001 kWh, 0.00 EUR charged" in out
    assert call(home, "meters", "show", "m00001", "--json").found["registers"][0]["obis"] == "1-0:1.8.1"


def two_sign(home: Path, *argv: str) -> str:
    """An order that two people sign; returns its id."""
    order = str(call(home, *argv, "--as", "anne", "--json").found["id"])
    assert call(home, "orders", "sign", order, "--as", "bart").status == 0
    return order


def take(home: Path, order: str, *, at_ms: int) -> None:
    """As if every meter that it addresses had said that it has the order."""
    with store_of(home) as session:
        for event in (DeliveryEvent.TAKEN, DeliveryEvent.ACCEPTED):
            step(session, event, at_ms, order_id=order)


def test_show_tells_what_stands_at_a_meter_of_money(home: Path) -> None:
    plain = re.sub(" +", " ", call(home, "meters", "show", "m00001").out)
    for row in ("tariff as commissioned", "debt none", "payment mode as commissioned"):
        assert row in plain
    tariff = ("--eur-per-kwh", "0.30", "--eur-per-day", "0.24")
    night = ("--until", "2027-06-01T00:00+02:00", "--register", "1-0:1.8.2 0.20 0.24 rest")
    take(home, two_sign(home, "tariff", "set", "--name", "base", *tariff), at_ms=SEEN_MS)
    take(home, two_sign(home, "tariff", "set", "--name", "dual", *tariff, *night), at_ms=SEEN_MS + 1)
    two_sign(home, "tariff", "set", "--name", "next", *tariff)
    over = ("--from", "2026-01-01T00:00+01:00", "--until", "2099-01-01T00:00+01:00")
    two_sign(home, "tariff", "defer", "--name", "frost", *over)
    two_sign(home, "debt", "set", "m00001", "--eur", "120.00", "--share", "350")
    two_sign(home, "parameters", "set", "m00001", "--mode", "credit")
    out = re.sub(r"\s+", " ", call(home, "meters", "show", "m00001", settings={"COLUMNS": "400"}).out)
    for row in (
        "tariff dual: energy at 0.30 EUR/kWh, 0.24 EUR a day; while 1-0:1.8.2 is in use energy at 0.20 EUR",
        "tariff on its way next: energy at 0.30 EUR/kWh, 0.24 EUR a day; not confirmed: queued",
        "deferral frost: nothing is charged from",
        "debt a debt of 120.00 EUR in all, to which 35 % of each payment goes",
        "payment mode on credit",
    ):
        assert row in out, row
    terms = call(home, "meters", "show", "m00001", "--json").found["terms"]
    assert (terms["tariff"]["name"], terms["tariff"]["registers"][0]["price_ueur_per_kwh"]) == (
        "dual",
        200_000,
    )
    assert [each["name"] for each in terms["tariffs_coming"]] == ["next"]
    assert [each["name"] for each in terms["deferrals"]] == ["frost"]
    assert (terms["debt"]["total_ueur"], terms["debt"]["share_permille"]) == (120_000_000, 350)
    assert (terms["mode"], terms["modes_coming"]) == ("credit", [])
    other = call(home, "meters", "show", "m00002", "--json").found["terms"]
    assert (other["tariff"]["name"], other["debt"], other["mode"]) == ("dual", None, None)


def test_a_tariff_stays_in_force_when_its_order_has_ended(home: Path) -> None:
    """A meter charges by it until it takes another one; a deferral that is over is told no more."""
    tariff = ("--eur-per-kwh", "0.30", "--eur-per-day", "0.24")
    order = two_sign(home, "tariff", "set", "--name", "base", *tariff)
    take(home, order, at_ms=SEEN_MS)
    span = ("--from", "2026-01-01T00:00+01:00", "--until", "2099-01-01T00:00Z")
    take(home, two_sign(home, "tariff", "defer", "--name", "old", *span), at_ms=SEEN_MS)
    with store_of(home) as session:
        row = session.get_one(OrderRow, order)
        row.state = OrderState.EXPIRED
        session.add(row)
    with store_of(home) as session:
        before, after = (
            charges_of(session, "m00001", ms_from_iso("2099-01-01T00:00:00Z") - since) for since in (1, 0)
        )
    assert [len(each.deferrals) for each in (before, after)] == [1, 0]
    assert after.tariff is not None
    assert after.tariff.name == "base"
