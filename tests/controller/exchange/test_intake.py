"""Intake takes each message once, whatever the order of arrival, and only from its real sender."""

from collections import Counter
from collections.abc import Sequence
from functools import cache

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete
from sqlmodel import col, func, select

from controller.database.engine import open_store, reading, writing
from controller.database.tables import (
    ClaimRow,
    DeliveryRow,
    EventRow,
    LinkRow,
    MeterRow,
    OutboxRow,
    ReadingRow,
)
from controller.exchange.intake import take_in
from controller.exchange.key_book import KeyBook
from controller.exchange.sync_answer import RootSent
from controller.exchange.words import IntakeRefusal
from controller.meters.black_boxes import Missing, boxes_of, count_gaps, give_up_lost, missing_of
from controller.meters.views import show_meter
from controller.orders import store as orders
from protocols.documents import drafting
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope
from protocols.instants import DAY_MS
from protocols.link.carriage import Arrival
from protocols.link.keys import meter_key
from protocols.link.messages import (
    MeterEvent,
    Reading,
    Receipt,
    Report,
    Reported,
    Status,
    write_message,
    write_report,
)
from protocols.link.records import ClaimHeard, SupplyChanged
from protocols.link.topics import Channel, Place
from protocols.reasons import ClaimSource, ClaimVerdict, ClockStatus, Supply, SupplyReason
from tests.controller.exchange.spoken import births, holdings, readings
from tests.controller.service_bench import seal_order
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT, Workbench

NOW_MS = MONDAY_MS
KEY = b"f" * 32
ROOT_SENT = RootSent(1, b"")
# The digests of the orders of the test that runs.
DIGESTS: dict[str, str] = {}
CHANGE = SupplyChanged(Supply.ON, Supply.OFF, SupplyReason.CREDIT)
CHANNELS: dict[type[Report], Channel] = {
    Receipt: Channel.RECEIPTS,
    Reported: Channel.REPORTED,
    MeterEvent: Channel.EVENTS,
}


def arrival(report: Report, meter: str | None = None, key: bytes = KEY) -> Arrival:
    place = Place(CHANNELS[type(report)], link="link-1", meter=meter or report.meter)
    return Arrival(place, write_report(report, meter_key(key, report.meter)))


def reported(number: int, supply: Supply = Supply.ON, meter: str = "m1", journal: int = 0) -> Reported:
    """A report made when the black box ended with entry `journal` (default: `number`)."""
    return Reported(
        meter=meter,
        number=number,
        journal=journal or number,
        supply=supply,
        reason=SupplyReason.NONE,
        clock=ClockStatus.TRUSTED,
        earliest_ms=NOW_MS - 1_000,
        latest_ms=NOW_MS + 1_000,
        time_ms=NOW_MS + number,
        balance_ueur=-5,
        emergency_ueur=0,
        next_possible_ms=None,
        dispute_nonce="",
        code="",
    )


def receipt(
    order: str,
    verdict: str = "accepted",
    meter: str = "m1",
    number: int = 2,
    document: str | None = None,
) -> Receipt:
    """The meter's answer to an order; `document` None: of the order that has this id."""
    return msgspec.convert(
        {
            "report": "receipt",
            "meter": meter,
            "order": order,
            "kind": "hold",
            "object": "hold/h",
            "rev": 1,
            "verdict": verdict,
            "reason": "stored",
            "number": number,
            "document": DIGESTS.get(order, "") if document is None else document,
        },
        Receipt,
    )


def event(number: int, record: object, meter: str = "m1") -> MeterEvent:
    return MeterEvent(
        meter=meter, number=number, time_ms=NOW_MS, record=msgspec.Raw(msgspec.json.encode(record))
    )


def told(number: int, after: int) -> Arrival:
    """An event of a firmware that says which event came before."""
    word = msgspec.structs.replace(event(number, CHANGE), after=after)
    place = Place(Channel.EVENTS, link="link-1", meter="m1")
    return Arrival(place, write_report(word, meter_key(KEY, "m1")))


def take(engine: Engine, *arrivals: Arrival) -> Counter[IntakeRefusal]:
    with writing(engine) as session:
        return take_in(session, arrivals, KeyBook.of(KEY), ROOT_SENT, NOW_MS)


def hold(engine: Engine, meter: str = "m1", kind: Kind = Kind.HOLD) -> str:
    with writing(engine) as session:
        sheet = orders.draw_sheet(session, kind, "h", NOW_MS, "t")
        scope = Scope(meters=(meter,))
        order = (
            drafting.release(sheet, "h", 72, scope)
            if kind is Kind.RELEASE
            else drafting.declare_moratorium(sheet, "h", NOW_MS, NOW_MS + DAY_MS, scope)
        )
        row = orders.submit(session, seal_order(order), ROOT, "anna", NOW_MS)
        DIGESTS[row.id] = row.digest
        return row.id


def state(engine: Engine, order_id: str, meter: str = "m1") -> str:
    with reading(engine) as session:
        row = session.get(DeliveryRow, (order_id, meter))
        assert row is not None
        return row.state


def test_an_older_report_that_comes_later_is_no_news(engine: Engine) -> None:
    take(engine, arrival(reported(5, Supply.OFF)))
    take(engine, arrival(reported(4, Supply.ON)), arrival(reported(5, Supply.ON)))
    with reading(engine) as session:
        meter = show_meter(session, "m1")
    assert (meter.supply, meter.estimate_ms, meter.balance_ueur) == (Supply.OFF, NOW_MS + 5, -5)


def test_a_report_reads_back_the_receipts_that_it_covers_and_no_other(engine: Engine) -> None:
    take(engine, arrival(reported(1)))
    order = hold(engine)
    take(engine, arrival(receipt(order, number=7)), arrival(reported(2, journal=6)))
    assert state(engine, order) == "stored"
    take(engine, arrival(reported(3, journal=7)))
    assert state(engine, order) == "effective"


def test_a_report_that_overtakes_its_receipt_reads_it_back_all_the_same(engine: Engine) -> None:
    take(engine, arrival(reported(1)))
    first, second = hold(engine), hold(engine)
    take(engine, arrival(reported(2, journal=7)))
    take(engine, arrival(receipt(first, number=7)), arrival(receipt(second, number=8)))
    assert (state(engine, first), state(engine, second)) == ("effective", "stored")


def test_a_release_is_not_effective_while_the_supply_is_off(engine: Engine) -> None:
    take(engine, arrival(reported(1)))
    order = hold(engine, kind=Kind.RELEASE)
    take(engine, arrival(receipt(order)), arrival(reported(2, Supply.OFF)))
    assert state(engine, order) == "stored"
    take(engine, arrival(reported(3, Supply.ARMED)))
    assert state(engine, order) == "effective"


def test_a_refusal_is_stored_with_its_reason_and_a_later_acceptance_counts(engine: Engine) -> None:
    take(engine, arrival(reported(1)))
    order = hold(engine)
    take(engine, arrival(receipt(order, "refused")))
    assert state(engine, order) == "refused"
    take(engine, arrival(receipt(order)))
    assert state(engine, order) == "stored"


def test_nobody_speaks_for_another_meter(engine: Engine) -> None:
    forged = arrival(reported(1), key=b"x" * 32)
    misplaced = arrival(reported(1), meter="m2")
    swapped = Arrival(Place(Channel.RECEIPTS, link="link-1", meter="m1"), arrival(reported(1)).payload)
    garbage = Arrival(Place(Channel.REPORTED, link="link-1", meter="m1"), b"{}")
    down = Arrival(Place(Channel.ORDERS, link="link-1", meter="m1"), b"{}")
    other = Status(link="link-2", online=True, sequence=1, meters=0)
    status = Arrival(Place(Channel.STATUS, link="link-1"), write_message(other))
    refused = take(engine, forged, misplaced, swapped, garbage, down, status)
    assert refused == {
        IntakeRefusal.NOT_AUTHENTIC: 1,
        IntakeRefusal.WRONG_PLACE: 3,
        IntakeRefusal.MALFORMED: 1,
        IntakeRefusal.NOT_EXPECTED: 1,
    }
    with reading(engine) as session:
        assert session.exec(select(MeterRow)).all() == []
        assert session.exec(select(LinkRow)).all() == []


def test_events_are_kept_by_their_number_and_claims_with_their_offset(engine: Engine) -> None:
    claim = event(2, ClaimHeard(ClaimSource.HEADEND, ClaimVerdict.DISAGREES, DAY_MS, NOW_MS + DAY_MS))
    change = event(1, SupplyChanged(Supply.ON, Supply.OFF, SupplyReason.CREDIT))
    strange = event(3, ["no", "record"])
    for _ in range(2):
        take(engine, arrival(claim), arrival(change), arrival(strange))
    with reading(engine) as session:
        rows = session.exec(select(EventRow).order_by(col(EventRow.number))).all()
        assert [(row.number, row.event) for row in rows] == [(1, "supply"), (2, "claim"), (3, "unreadable")]
        (kept,) = session.exec(select(ClaimRow)).all()
        assert (kept.source, kept.verdict, kept.offset_ms) == ("headend", "disagrees", DAY_MS)
        assert [each.source for each in show_meter(session, "m1").witnesses] == ["headend"]


def test_a_meter_with_an_old_root_is_sent_the_new_one_once(engine: Engine) -> None:
    for number in (1, 2):
        sync = holdings(KEY, Workbench().meter, number=number)
        with writing(engine) as session:
            take_in(session, [sync], KeyBook.of(KEY), RootSent(2, b"new root"), NOW_MS)
    with reading(engine) as session:
        (row,) = session.exec(select(OutboxRow)).all()
        assert (row.payload, row.meter, row.retain) == (b"new root", "m1", 0)


def test_a_meter_that_first_speaks_by_a_report_is_sent_what_is_in_force(engine: Engine) -> None:
    take(engine, arrival(reported(1)))
    with writing(engine) as session:
        sheet = orders.draw_sheet(session, Kind.HOLD, "h", NOW_MS, "t")
        order = drafting.declare_moratorium(sheet, "h", NOW_MS, NOW_MS + DAY_MS)
        orders.submit(session, seal_order(order), ROOT, "anna", NOW_MS)
    take(engine, arrival(reported(1, meter="m2")))
    with reading(engine) as session:
        waiting = [(row.order_id, row.meter) for row in session.exec(select(OutboxRow))]
    assert waiting == [(order.id, ""), (order.id, "m2")]


def test_harm_to_the_fleet_is_not_sent_to_a_meter_that_joins_later(engine: Engine) -> None:
    take(engine, arrival(reported(1)))
    with writing(engine) as session:
        sheet = orders.draw_sheet(session, Kind.LIFT_HOLD, "h", NOW_MS, "t")
        order = drafting.lift_moratorium(sheet, "h")
        orders.submit(session, seal_order(order), ROOT, "dora", NOW_MS)
    take(engine, arrival(reported(1, meter="m2")))
    with reading(engine) as session:
        waiting = [(row.order_id, row.meter) for row in session.exec(select(OutboxRow))]
    assert waiting == [(order.id, "m1")]


def test_a_sync_says_what_each_meter_is(engine: Engine) -> None:
    bench = Workbench()
    bench.permit((NOW_MS, NOW_MS + DAY_MS))
    take(engine, holdings(KEY, bench.meter))
    with reading(engine) as session:
        meter = show_meter(session, "m1")
    assert (meter.link, meter.firmware, meter.energy, meter.profile) == (
        "link-1",
        "guarded",
        "electricity",
        "test",
    )
    assert (meter.supply, meter.clock, meter.lease_rev) == (Supply.ON, ClockStatus.TRUSTED, 1)
    assert (meter.lease_ends_ms, meter.synced_ms) == (NOW_MS + 30 * DAY_MS, NOW_MS)


def test_a_link_is_as_its_latest_birth_says(engine: Engine) -> None:
    def send(sequence: int, *, online: bool) -> None:
        take(engine, births(KEY, Status(link="link-1", online=online, sequence=sequence, meters=2)))

    def shown() -> str:
        with reading(engine) as session:
            row = session.get(LinkRow, "link-1")
            assert row is not None
            return row.state

    send(2, online=True)
    send(1, online=False)
    assert shown() == "online"
    send(2, online=False)
    assert shown() == "offline"
    send(2, online=True)
    assert shown() == "offline", "a birth that comes late or again, after its own last will"
    send(3, online=True)
    send(2, online=False)
    assert shown() == "online", "a last will that comes late or again, after the next birth"


def test_the_store_says_which_entries_of_a_black_box_it_lacks_and_which_are_lost(engine: Engine) -> None:
    def missing() -> Missing:
        with reading(engine) as session:
            row = session.get(MeterRow, "m1")
            assert row is not None
            box = boxes_of(session, [("m1", 0)])["m1", 0]
            return missing_of(box, row.last_event, row.oldest_entry)

    take(engine, *(told(each, after=each - 2) for each in (2, 4, 10)))
    assert missing() == Missing((), ()), "no report has said yet which is the last"
    said = msgspec.structs.replace(reported(5), last_event=14, oldest_entry=1)
    place = Place(Channel.REPORTED, link="link-1", meter="m1")
    take(engine, Arrival(place, write_report(said, meter_key(KEY, "m1"))))
    assert missing() == Missing(((5, 8), (11, 14)), ())
    said = msgspec.structs.replace(reported(6), last_event=14, oldest_entry=8)
    take(engine, Arrival(place, write_report(said, meter_key(KEY, "m1"))))
    assert missing() == Missing(((8, 8), (11, 14)), ((5, 7),))
    with writing(engine) as session:
        assert (count_gaps(session), give_up_lost(session, 10), give_up_lost(session, 10)) == (1, 1, 0)
    assert missing() == Missing(((8, 8), (11, 14)), ((5, 7),)), "named for good"
    take(engine, told(14, after=7))
    assert missing() == Missing((), ((5, 7),))
    with reading(engine) as session:
        assert count_gaps(session) == 0


def said_over(link: str, number: int, named: str | None = None) -> Arrival:
    """A report that arrives over `link` and names `named` (default: that link)."""
    report = msgspec.structs.replace(reported(number), link=link if named is None else named)
    place = Place(Channel.REPORTED, link=link, meter="m1")
    return Arrival(place, write_report(report, meter_key(KEY, "m1")))


def link_of(engine: Engine) -> str:
    with reading(engine) as session:
        return show_meter(session, "m1").link


def test_a_meter_moves_by_its_own_newest_word_that_names_the_link(engine: Engine) -> None:
    take(engine, said_over("link-1", 1))
    take(engine, said_over("link-2", 2))
    assert link_of(engine) == "link-2"
    take(engine, holdings(KEY, Workbench().meter, link="link-3", number=3))
    assert link_of(engine) == "link-3"


def reading_of(meter: str, number: int) -> Reading:
    return Reading(
        meter=meter,
        number=number,
        time_ms=NOW_MS + number,
        energy_wh=number,
        balance_ueur=number,
        supply=Supply.ON,
    )


def batch(numbers: Sequence[int], meter: str = "m1") -> Arrival:
    return readings(KEY, *(reading_of(meter, number) for number in numbers))


@cache
def in_memory() -> Engine:
    """One store for all examples: each begins by emptying it."""
    return open_store("sqlite:///:memory:", create=True)


@given(st.lists(st.lists(st.integers(1, 30), max_size=8), max_size=8))
def test_readings_are_kept_once_and_the_highest_is_shown(batches: list[list[int]]) -> None:
    engine = in_memory()
    with writing(engine) as session:
        for table in (ReadingRow, MeterRow, LinkRow):
            session.execute(delete(table))
    seen: set[int] = set()
    for numbers in batches:
        take(engine, batch(numbers))
        seen |= set(numbers)
    with reading(engine) as session:
        assert session.exec(select(func.count()).select_from(ReadingRow)).one() == len(seen)
        meter = session.get(MeterRow, "m1")
        assert (meter.energy_wh if meter else None) == (max(seen) if seen else None)
