"""Who proves nothing, or comes while admission is closed, waits in a bounded list to be admitted."""

import msgspec
import pytest
from sqlalchemy import Engine, delete
from sqlmodel import select

from controller.database.engine import reading, writing
from controller.database.tables import MeterRow, OutboxRow
from controller.exchange.words import IntakeRefusal
from controller.meters.admission import (
    QUARANTINE_MAX,
    Admission,
    admit,
    list_quarantine,
    set_admission,
)
from controller.orders import store as orders
from protocols.documents import drafting
from protocols.documents.kind_rule import Kind
from protocols.errors import RefusedError
from protocols.instants import DAY_MS
from protocols.link.messages import Status
from tests.controller.exchange.spoken import births, holdings, readings
from tests.controller.exchange.test_forgeries import holds
from tests.controller.exchange.test_intake import KEY, NOW_MS, arrival, event, reading_of, reported
from tests.controller.exchange.test_lives import in_life, take
from tests.controller.service_bench import seal_order
from tests.emulator.firmware.guarded.workbench import ROOT


def waiting(engine: Engine) -> dict[str, tuple[str, str, int]]:
    with reading(engine) as session:
        return {view.name: (view.link, view.why, view.count) for view in list_quarantine(session)}


def known(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return sorted(session.exec(select(MeterRow.id)))


def close(engine: Engine) -> None:
    with writing(engine) as session:
        set_admission(session, Admission.CLOSED, "anna", NOW_MS)


def declare(engine: Engine) -> str:
    with writing(engine) as session:
        sheet = orders.draw_sheet(session, Kind.HOLD, "h", NOW_MS, "t")
        order = drafting.declare_moratorium(sheet, "h", NOW_MS, NOW_MS + DAY_MS)
        return orders.submit(session, seal_order(order), ROOT, "anna", NOW_MS).id


def test_who_proves_nothing_waits_with_a_count_and_becomes_no_meter(engine: Engine) -> None:
    take(engine, births(KEY, Status(link="link-1", online=True, sequence=1, meters=1)))
    for _ in range(3):
        take(engine, holdings(None, holds(1, meter="m9")), readings(None, reading_of("m8", 1)))
    take(engine, births(None, Status(link="link-7", online=True, sequence=1, meters=1)))
    assert waiting(engine) == {
        "meter/m9": ("link-1", "unverified", 3),
        "meter/m8": ("link-1", "unverified", 3),
        "link/link-7": ("link-7", "unverified", 1),
    }
    assert known(engine) == []


def test_forty_syncs_that_name_meters_that_do_not_exist_fill_the_list_and_no_more(engine: Engine) -> None:
    for number in range(40):
        named = [holds(1, meter=f"phantom-{number}-{each}") for each in range(35)]
        assert take(engine, holdings(None, *named)) == {IntakeRefusal.UNVERIFIED: 1}
    found = waiting(engine)
    assert len(found) == QUARANTINE_MAX + 1
    assert found[""][2] == 1_400 - QUARANTINE_MAX
    assert known(engine) == []


def test_while_admission_is_closed_a_new_meter_waits_and_those_that_are_known_are_heard(
    engine: Engine,
) -> None:
    take(engine, arrival(reported(1)))
    close(engine)
    refused = take(engine, holdings(KEY, holds(1, meter="m2"), holds(2)), arrival(reported(3, meter="m3")))
    assert refused == {IntakeRefusal.NOT_ADMITTED: 2}
    assert (known(engine), sorted(waiting(engine))) == (["m1"], ["meter/m2", "meter/m3"])
    with reading(engine) as session:
        row = session.get(MeterRow, "m1")
        assert row is not None
        assert row.holds_number == 2


@pytest.mark.parametrize("life", [0, 2**52])
def test_a_meter_that_a_person_admits_is_heard_in_its_life_and_gets_what_is_in_force(
    engine: Engine, life: int
) -> None:
    close(engine)
    take(engine, in_life(life, reported(5, meter="m2")))
    with writing(engine) as session:
        assert admit(session, ["m2"], None, "anna", NOW_MS) == ["m2"]
        assert admit(session, ["m2"], None, "anna", NOW_MS) == []
    order = declare(engine)
    with writing(engine) as session:
        session.execute(delete(OutboxRow))
    assert take(engine, in_life(life, reported(6, meter="m2")), in_life(life, event(1, {}, "m2"))) == {}
    with reading(engine) as session:
        row = session.get(MeterRow, "m2")
        assert row is not None
        assert (row.link, row.epoch, row.report_number) == ("link-1", life, 6)
        assert [(each.order_id, each.meter) for each in session.exec(select(OutboxRow))] == [(order, "m2")]
    # From then on it has a life, and another one must prove itself.
    strange = in_life(life + 1, msgspec.structs.replace(reported(9, meter="m2")))
    assert take(engine, strange) == {IntakeRefusal.UNKNOWN_EPOCH: 1}
    assert waiting(engine) == {}


def test_a_meter_that_was_never_heard_needs_a_link(engine: Engine) -> None:
    with writing(engine) as session:
        with pytest.raises(RefusedError, match="--link"):
            admit(session, ["m5"], None, "anna", NOW_MS)
        assert admit(session, ["m5"], "link-4", "anna", NOW_MS) == ["m5"]
    assert known(engine) == ["m5"]
