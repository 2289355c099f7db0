"""A report counts when it was seen to arrive: never what stood in the store before."""

from typing import Final

import pytest
from sqlalchemy import Engine, update
from sqlmodel import col

from controller.database.engine import reading, writing
from controller.database.tables import LinkRow, MeterRow
from controller.timing import fleet
from controller.timing.fleet import REPORT_DELAY_MS, FleetReports
from protocols.instants import HOUR_MS, SECOND_MS
from tests.protocols.test_timing import true_ms

LOOK_MS: Final = 10 * SECOND_MS


def add_meter(engine: Engine, name: str, number: int, tick: int) -> None:
    with writing(engine) as session:
        if session.get(LinkRow, "link-1") is None:
            session.add(LinkRow(id="link-1", state="online", sequence=1, meters=1, seen_ms=0))
            session.flush()
        at_ms = true_ms(tick)
        row = MeterRow(id=name, link="link-1", first_seen_ms=at_ms, clock="trusted", report_number=number)
        row.earliest_ms, row.latest_ms = at_ms - SECOND_MS, at_ms + SECOND_MS
        session.add(row)


def look(engine: Engine, reports: FleetReports, tick: int) -> tuple[int, int] | None:
    with reading(engine) as session:
        said = reports.look(session, tick)
    return None if said is None else (said.lower_ms - true_ms(tick), said.upper_ms - true_ms(tick))


@pytest.mark.parametrize("page", [1, 2_000])
def test_only_what_arrives_between_two_looks_is_heard(
    engine: Engine, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "_METERS_AT_ONCE", page)
    reports = FleetReports()
    add_meter(engine, "old", 7, 0)
    ticks = iter(range(LOOK_MS, HOUR_MS, LOOK_MS))
    for _ in range(3):
        assert look(engine, reports, next(ticks)) is None
    add_meter(engine, "young", 1, 3 * LOOK_MS)
    said = [look(engine, reports, next(ticks)) for _ in range(3)]
    heard = next(each for each in said if each is not None)
    assert -2 * LOOK_MS - 2 * SECOND_MS - LOOK_MS <= heard[0] <= 0 < REPORT_DELAY_MS <= heard[1]


def test_a_meter_that_doubts_its_clock_and_a_report_that_is_repeated_say_nothing(engine: Engine) -> None:
    reports = FleetReports()
    add_meter(engine, "m1", 7, 0)
    assert look(engine, reports, LOOK_MS) is None
    assert look(engine, reports, 2 * LOOK_MS) is None
    with writing(engine) as session:
        session.execute(
            update(MeterRow).where(col(MeterRow.id) == "m1").values(report_number=8, clock="disputed")
        )
    assert look(engine, reports, 3 * LOOK_MS) is None


def test_a_meter_in_a_new_life_is_heard_though_its_numbers_begin_again(engine: Engine) -> None:
    reports = FleetReports()
    add_meter(engine, "m1", 7, 0)
    assert look(engine, reports, LOOK_MS) is None
    # Its new life has begun, and what the row says of the time is still of the old one.
    for number, heard in ((0, False), (1, True)):
        tick = (2 + number) * LOOK_MS
        news: dict[str, int] = {"report_number": number}
        if heard:
            at_ms = true_ms(tick)
            news |= {"earliest_ms": at_ms - SECOND_MS, "latest_ms": at_ms + SECOND_MS}
        with writing(engine) as session:
            session.execute(update(MeterRow).where(col(MeterRow.id) == "m1").values(**news))
        assert (look(engine, reports, tick) is not None) is heard
