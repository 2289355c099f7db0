"""Messages that somebody without a key made, or recorded, move no meter, burn no number, change no row."""

import msgspec
import pytest
from sqlalchemy import Engine, delete
from sqlmodel import select

from controller.database.engine import reading, writing
from controller.database.tables import LinkRow, MeterRow, OutboxRow, ReadingRow
from controller.exchange.words import IntakeRefusal
from controller.meters.views import show_meter
from controller.orders import store as orders
from controller.payments import store as payments
from emulator.firmware.guarded.told import holds_of
from protocols.documents import drafting
from protocols.documents.bodies import HoldBody, ReleaseBody
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS
from protocols.limits import REV_MAX
from protocols.link.carriage import Arrival
from protocols.link.messages import MeterHolds, StatementHeld, Status
from protocols.link.topics import Channel, Place
from protocols.reasons import Supply
from tests.controller.exchange.spoken import births, holdings, readings
from tests.controller.exchange.test_intake import (
    DIGESTS,
    KEY,
    NOW_MS,
    arrival,
    hold,
    link_of,
    reading_of,
    receipt,
    reported,
    said_over,
    state,
    take,
)
from tests.controller.service_bench import seal_order
from tests.emulator.firmware.guarded.workbench import ROOT, Workbench

OTHER_KEY = b"x" * 32
KEYS = pytest.mark.parametrize("forger", [None, OTHER_KEY], ids=["without a MAC", "with a wrong MAC"])


def holds(number: int, **changes: object) -> MeterHolds:
    return msgspec.structs.replace(holds_of(Workbench().meter, number), **changes)


def rows_of(engine: Engine) -> list[dict[str, object]]:
    with reading(engine) as session:
        tables = (MeterRow, LinkRow, ReadingRow)
        return [row.model_dump() for table in tables for row in session.exec(select(table))]


def begin(engine: Engine) -> None:
    """A meter with a link and a reading, all of it proved."""
    take(engine, births(KEY, Status(link="link-1", online=True, sequence=1, meters=1)))
    take(engine, holdings(KEY, holds(1)), said_over("link-1", 2), readings(KEY, reading_of("m1", 1)))


@KEYS
def test_a_forged_message_changes_nothing_and_is_counted(engine: Engine, forger: bytes | None) -> None:
    begin(engine)
    before, burnt = rows_of(engine), msgspec.structs.replace(reading_of("m1", 9), number=REV_MAX)
    refused = take(
        engine,
        holdings(forger, holds(REV_MAX, lease_rev=REV_MAX, root_version=REV_MAX), link="link-2"),
        holdings(forger, holds(REV_MAX, lease_rev=REV_MAX)),
        readings(forger, burnt, link="link-2"),
        readings(forger, burnt),
        births(forger, Status(link="link-1", online=False, sequence=REV_MAX, meters=0)),
        births(forger, Status(link="link-9", online=True, sequence=REV_MAX, meters=0)),
        holdings(forger, holds(1, meter="m9")),
        readings(forger, reading_of("m9", 1)),
    )
    reason = IntakeRefusal.UNVERIFIED if forger is None else IntakeRefusal.NOT_AUTHENTIC
    assert refused == {reason: 8}
    assert rows_of(engine) == before
    # No number is burnt: what the meter and the link say next counts.
    take(
        engine,
        holdings(KEY, holds(3, lease_rev=7)),
        readings(KEY, reading_of("m1", 2)),
        births(KEY, Status(link="link-1", online=False, sequence=2, meters=1)),
    )
    with reading(engine) as session:
        meter, link = session.get(MeterRow, "m1"), session.get(LinkRow, "link-1")
        assert meter is not None
        assert link is not None
        found = (meter.link, meter.lease_rev, meter.reading_number, link.state)
    assert found == ("link-1", 7, 2, "offline")


def test_a_word_that_was_recorded_on_another_link_or_earlier_does_not_move_the_meter(engine: Engine) -> None:
    begin(engine)
    take(engine, said_over("link-2", 3))
    before = link_of(engine)
    late = [
        said_over("link-1", 2),
        holdings(KEY, holds(1)),
        readings(KEY, reading_of("m1", 1)),
        readings(KEY, reading_of("m1", 9)),
        # Without a name of the link: an older firmware's.
        arrival(reported(4)),
    ]
    carried = [
        Arrival(Place(each.place.channel, link="link-3", meter=each.place.meter), each.payload)
        for each in (said_over("link-2", 5), holdings(KEY, holds(6)), readings(KEY, reading_of("m1", 7)))
    ]
    assert take(engine, *late) == {}
    assert take(engine, *carried) == {IntakeRefusal.WRONG_PLACE: 3}
    assert (before, link_of(engine)) == ("link-2", "link-2")


def test_a_sync_that_is_repeated_later_neither_stores_nor_sends_anything(engine: Engine) -> None:
    begin(engine)
    first = holdings(KEY, holds(3, lease_rev=5))
    take(engine, first)
    take(engine, holdings(KEY, holds(4, lease_rev=6)))
    order = hold(engine)
    with reading(engine) as session:
        sent = len(session.exec(select(OutboxRow)).all())
    take(engine, first)
    with reading(engine) as session:
        assert len(session.exec(select(OutboxRow)).all()) == sent
        assert show_meter(session, "m1").lease_rev == 6
    assert state(engine, order) == "queued"


def test_an_old_firmware_is_shown_as_unverified_and_gets_what_has_no_receipt(engine: Engine) -> None:
    take(engine, arrival(reported(1)))
    order = hold(engine)
    assert take(engine, holdings(None, holds(0)), readings(None, reading_of("m1", 1))) == {}
    with reading(engine) as session:
        meter = show_meter(session, "m1")
        queued = [(row.order_id, row.meter) for row in session.exec(select(OutboxRow))]
        assert session.exec(select(ReadingRow)).all() == []
    assert meter.claimed is not None
    assert (meter.claimed.energy_wh, meter.firmware, meter.synced_ms) == (1, None, None)
    assert (state(engine, order), queued) == ("queued", [(order, "m1"), (None, "m1")])
    # Once it has proved its holdings, words without a MAC are nobody's.
    take(engine, holdings(KEY, holds(2)))
    assert take(engine, holdings(None, holds(3))) == {IntakeRefusal.UNVERIFIED: 1}
    with reading(engine) as session:
        assert show_meter(session, "m1").claimed is None


def test_an_unverified_sync_never_makes_an_order_stored(engine: Engine) -> None:
    take(engine, arrival(reported(1)))
    bench = Workbench()
    order = hold(engine)
    with reading(engine) as session:
        assert session.get(MeterRow, "m1") is not None
    named = holds_of(bench.meter).protections
    take(engine, holdings(None, holds(0, protections=named)))
    assert state(engine, order) == "queued"


def test_a_birth_of_a_link_needs_the_links_key_and_a_meters_key_is_none(engine: Engine) -> None:
    status = Status(link="m1", online=True, sequence=1, meters=0)
    word = births(KEY, msgspec.structs.replace(status, link="m1")).payload
    swapped = Arrival(Place(Channel.STATUS, link="link-1"), word)
    assert take(engine, swapped) == {IntakeRefusal.WRONG_PLACE: 1}


# -- effective --------------------------------------------------------------------------------------


def pay(engine: Engine, payment_id: str, amount_ueur: int) -> str:
    with writing(engine) as session:
        booked = payments.draw_statement(session, payment_id, "m1", amount_ueur, "anna", NOW_MS)
        assert booked.sheet is not None
        paid = booked.payment
        order = drafting.payment_statement(booked.sheet, "m1", paid.issuer, paid.number, paid.total_ueur)
        row = orders.submit(session, seal_order(order), ROOT, "anna", NOW_MS)
        payments.attach(session, payment_id, row.id)
        DIGESTS[row.id] = row.digest
        return row.id


def credited(number: int, total_ueur: int) -> Arrival:
    held = (StatementHeld("controller", 1, total_ueur),)
    return arrival(msgspec.structs.replace(reported(number), link="link-1", totals=held))


@KEYS
def test_a_forged_sync_and_an_old_report_do_not_bring_the_supply_back(
    engine: Engine, forger: bytes | None
) -> None:
    on = arrival(msgspec.structs.replace(reported(2), link="link-1"))
    take(engine, holdings(KEY, holds(1)), on)
    take(engine, arrival(msgspec.structs.replace(reported(3, Supply.OFF), link="link-1")))
    order = hold(engine, kind=Kind.RELEASE)
    bench = Workbench()
    bench.send(bench.order(Kind.RELEASE, "h", ReleaseBody(72), rev=1))
    held = holds_of(bench.meter).protections
    assert [each.object for each in held] == ["release/h"]
    take(engine, holdings(forger, holds(REV_MAX, protections=held)), on)
    assert state(engine, order) == "queued"
    # The meter's own sync shows that it has the release: stored, and no more.
    take(engine, holdings(KEY, holds(4, protections=held, supply=Supply.ON)), on)
    assert state(engine, order) == "stored"
    take(engine, arrival(reported(5, journal=5)))
    assert state(engine, order) == "stored"
    take(engine, arrival(receipt(order, number=6)))
    assert state(engine, order) == "stored"
    take(engine, arrival(reported(6, journal=6)))
    assert state(engine, order) == "effective"


def test_a_receipt_for_another_document_with_the_id_of_a_payment_says_nothing_of_the_payment(
    engine: Engine,
) -> None:
    take(engine, arrival(reported(1)))
    order = pay(engine, "p1", 5_000_000)
    other = arrival(receipt(order, number=2, document="0" * 64))
    for verdict in ("accepted", "refused"):
        other = arrival(receipt(order, verdict, number=2, document="0" * 64))
        assert take(engine, other, arrival(reported(2))) == {IntakeRefusal.OTHER_DOCUMENT: 1}
        assert state(engine, order) == "queued"
    # An older firmware names no document: it has something, and nobody knows that it works.
    take(engine, arrival(receipt(order, number=3, document="")), arrival(reported(9)))
    assert state(engine, order) == "stored"
    take(engine, arrival(receipt(order, number=4)), arrival(reported(10)))
    assert state(engine, order) == "stored", "not even its own receipt proves a payment: its totals do"


def test_a_payment_is_effective_when_the_meters_own_totals_include_it(engine: Engine) -> None:
    take(engine, arrival(reported(1)))
    first = pay(engine, "p1", 5_000_000)
    take(engine, credited(2, 4_999_999))
    assert state(engine, first) == "queued"
    take(engine, credited(3, 5_000_000))
    second = pay(engine, "p2", 3_000_000)
    take(engine, credited(4, 5_000_000))
    assert (state(engine, first), state(engine, second)) == ("effective", "queued")
    take(engine, holdings(KEY, holds(5, statements=(StatementHeld("controller", 2, 8_000_000),))))
    assert state(engine, second) == "effective"


def test_an_order_that_a_sync_shows_without_a_receipt_is_sent_again_until_one_names_it(
    engine: Engine,
) -> None:
    take(engine, holdings(KEY, holds(1)))
    order = hold(engine)
    bench = Workbench()
    bench.send(bench.order(Kind.HOLD, "h", HoldBody(NOW_MS, NOW_MS + DAY_MS), rev=1))
    held = holds_of(bench.meter).protections

    def sent_at_sync(number: int) -> int:
        with writing(engine) as session:
            session.execute(delete(OutboxRow))
        take(engine, holdings(KEY, holds(number, protections=held)))
        with reading(engine) as session:
            return sum(row.order_id == order for row in session.exec(select(OutboxRow)))

    assert (sent_at_sync(2), state(engine, order), sent_at_sync(3)) == (1, "stored", 1)
    take(engine, arrival(receipt(order, number=7)))
    assert sent_at_sync(4) == 0


def test_an_order_that_the_meter_has_lost_is_not_effective_by_its_earlier_receipt(engine: Engine) -> None:
    take(engine, holdings(KEY, holds(1)))
    order = hold(engine)
    take(engine, arrival(receipt(order, number=7)), arrival(reported(7, journal=7)))
    assert state(engine, order) == "effective"
    take(engine, holdings(KEY, holds(8)))
    take(engine, arrival(reported(9, journal=9)), arrival(receipt(order, number=3, document="")))
    assert state(engine, order) == "stored"
