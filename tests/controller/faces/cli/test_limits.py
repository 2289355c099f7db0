"""Every list says what it does not show, and a person can page through all of it."""

from pathlib import Path

import pytest
from sqlmodel import Session

from controller.database.tables import DeliveryRow, EventRow, OrderRow
from controller.why.views import facts_of
from protocols.limits import JOURNAL_ENTRIES_MAX
from tests.controller.faces.cli.fleet import SEEN_MS, store_of
from tests.controller.faces.cli.invocation import call

MANY = 1_007
# Every third order is a lease: 336 of them.
LEASES = len(range(0, MANY, 3))


def add_order(session: Session, number: int) -> None:
    """One order of a long book. The clock jumped meanwhile: only the numbers tell the sequence."""
    kind = "hold" if number % 3 else "lease"
    order_id = f"o{number:06}"
    session.add(
        OrderRow(
            id=order_id,
            kind=kind,
            object=f"{kind}/x{number % 5}",
            rev=number,
            scope='{"meters":["m00001"]}',
            state="withdrawn",
            issued_at_ms=SEEN_MS,
            not_before_ms=SEEN_MS,
            not_after_ms=SEEN_MS,
            basis="",
            envelope=b"",
            created_by="anne",
            created_ms=SEEN_MS - number if number % 2 else SEEN_MS + number,
            changed_ms=SEEN_MS,
        )
    )
    session.flush()
    if number % 4 == 0:
        session.add(DeliveryRow(order_id=order_id, meter="m00001", state="sent", queued_ms=SEEN_MS))


@pytest.fixture
def long_book(home: Path) -> Path:
    """A home with orders numbered from 999,600: the numbers grow a digit longer on the way."""
    with store_of(home) as session:
        for number in range(999_600, 999_600 + MANY):
            add_order(session, number)
    return home


def test_what_a_list_of_orders_leaves_out_is_said_to_people_and_programs(long_book: Path) -> None:
    found = call(long_book, "orders", "list", "--leases", "--json").found
    assert (len(found["orders"]), found["more"], found["leases_hidden"]) == (1_000, MANY - 1_000, 0)
    assert found["orders"][0]["id"] == f"o{999_600 + MANY - 1}"
    out = call(long_book, "orders", "list").out
    assert f"and {MANY - LEASES - 50} more: add --before o1000532, or --limit N" in out
    assert f"and {LEASES} of the service's leases: add --leases" in out


def test_all_orders_come_once_over_all_pages_latest_first(long_book: Path) -> None:
    seen: list[str] = []
    before: list[str] = []
    while True:
        page = call(long_book, "orders", "list", "--limit", "300", "--leases", *before, "--json").found
        seen += [each["id"] for each in page["orders"]]
        assert len(seen) + page["more"] == MANY
        if page["before"] is None:
            break
        before = ["--before", page["before"]]
    assert seen == [f"o{number:06}" for number in reversed(range(999_600, 999_600 + MANY))]


@pytest.mark.parametrize(
    ("argv", "count", "hidden"),
    [
        (["--kind", "lease"], LEASES, 0),
        (["--kind", "hold"], MANY - LEASES, 0),
        (["--meter", "m00001", "--leases"], 252, 0),
        (["--meter", "m00001"], 168, 84),
        (["--object", "hold/x1"], 135, 0),
        (["--object", "lease/x0"], 68, 0),
        (["--state", "withdrawn"], MANY - LEASES, LEASES),
        (["--state", "draft"], 0, 0),
    ],
)
def test_filters_and_hidden_leases_add_up(long_book: Path, argv: list[str], count: int, hidden: int) -> None:
    ended = call(long_book, "orders", "list", *argv, "--limit", "5", "--json")
    found = ended.found
    assert (len(found["orders"]) + found["more"], found["leases_hidden"]) == (count, hidden)
    assert ended.status == (0 if count else 1)


def test_unknown_ids_in_filters_are_refused(home: Path) -> None:
    assert call(home, "orders", "list", "--before", "o9").one_line().startswith('no such order: "o9"')
    assert call(home, "orders", "list", "--meter", "m9").one_line().startswith('no such meter: "m9"')


def test_meters_come_in_pages_too(home: Path) -> None:
    first = call(home, "meters", "list", "--limit", "2", "--json").found
    assert ([each["id"] for each in first["meters"]], first["more"]) == (["m00001", "m00002"], 1)
    assert "and 1 more: add --after m00002" in call(home, "meters", "list", "--limit", "2").out
    rest = call(home, "meters", "list", "--after", first["after"], "--json").found
    assert ([each["id"] for each in rest["meters"]], rest["more"], rest["after"]) == (["m00003"], 0, None)


def test_a_meter_names_how_many_more_orders_it_has(long_book: Path) -> None:
    assert call(long_book, "meters", "show", "m00001", "--json").found["more_orders"] == 242
    out = call(long_book, "meters", "show", "m00001").out
    assert "and 242 older orders: `relance orders list --meter m00001 --leases` lists all" in out


def test_the_audit_is_read_page_by_page(home: Path) -> None:
    for meter in ("m00001", "m00002"):
        assert call(home, "flag", "set", meter, "medical").status == 0
    whole = [each["number"] for each in call(home, "audit", "list", "--json").found["acts"]]
    first = call(home, "audit", "list", "--limit", "3", "--json").found
    assert (first["more"], first["before"]) == (whole[3], whole[2])
    rest = call(home, "audit", "list", "--before", str(first["before"]), "--json").found
    assert ([each["number"] for each in rest["acts"]], rest["more"], rest["before"]) == (whole[3:], 0, None)
    assert f"and {whole[3]} older: add --before {whole[2]}" in call(home, "audit", "list", "--limit", "3").out


def test_why_says_how_much_of_the_black_box_it_leaves_out(home: Path) -> None:
    with store_of(home) as session:
        for number in range(1, JOURNAL_ENTRIES_MAX + 4):
            session.add(
                EventRow(
                    meter="m00001",
                    number=number,
                    time_ms=SEEN_MS,
                    received_ms=SEEN_MS,
                    event="screen",
                    record='{"event":"screen","text":"","code":""}',
                )
            )
        session.flush()
        assert facts_of(session, "m00001").earlier == 3
    assert "Not considered: the 3 oldest entries" in call(home, "meters", "why", "m00001").out
