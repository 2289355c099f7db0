"""Messages that somebody without a key made, or recorded, move no meter, burn no number, change no row."""

import msgspec
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import reading
from controller.database.tables import LinkRow, MeterRow, OutboxRow, ReadingRow
from controller.exchange.words import IntakeRefusal
from controller.meters.views import show_meter
from emulator.links.syncing import holds_of
from protocols.limits import REV_MAX
from protocols.link.carriage import Arrival
from protocols.link.messages import MeterHolds, Status
from protocols.link.topics import Channel, Place
from tests.controller.exchange.spoken import births, holdings, readings
from tests.controller.exchange.test_intake import (
    KEY,
    arrival,
    hold,
    link_of,
    reading_of,
    reported,
    said_over,
    state,
    take,
)
from tests.emulator.firmware.guarded.workbench import Workbench

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
