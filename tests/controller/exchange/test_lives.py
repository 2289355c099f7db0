"""A meter made anew under its old id is heard, and no recording of an earlier life ever counts again."""

import msgspec
from sqlalchemy import Engine
from sqlmodel import col, select

from controller.database.engine import reading, writing
from controller.database.tables import EventRow, LinkRow, MeterRow, ReadingRow
from controller.exchange.intake import take_in
from controller.exchange.key_book import KeyBook
from controller.exchange.words import IntakeRefusal
from controller.meters.views import show_meter
from controller.payments.rules import PurseFault
from controller.payments.store import verify_purses
from controller.why.views import facts_of
from emulator.firmware.credit import Credit, account_of, opened
from protocols.link.carriage import Arrival
from protocols.link.messages import Report, Status
from protocols.link.records import SupplyChanged
from protocols.reasons import ClockStatus, Supply, SupplyReason
from tests.controller.exchange.spoken import births, holdings, readings
from tests.controller.exchange.test_forgeries import holds
from tests.controller.exchange.test_intake import (
    KEY,
    NOW_MS,
    ROOT_SENT,
    arrival,
    event,
    hold,
    reading_of,
    receipt,
    reported,
    state,
)

NONCE = "a" * 32
FIRST, SECOND = 7, 2**52


def take(engine: Engine, *arrivals: Arrival, nonce: str = NONCE) -> dict[IntakeRefusal, int]:
    with writing(engine) as session:
        return take_in(session, arrivals, KeyBook.of(KEY), ROOT_SENT, NOW_MS, nonce=nonce)


def in_life(epoch: int, report: Report, echo: str = "") -> Arrival:
    changes = {"epoch": epoch} | ({"echo": echo} if echo else {})
    return arrival(msgspec.structs.replace(report, **changes))


def held(epoch: int, number: int = 1, echo: str = "") -> Arrival:
    return holdings(KEY, holds(number, epoch=epoch, echo=echo))


def change(number: int) -> Report:
    return event(number, SupplyChanged(Supply.ON, Supply.OFF, SupplyReason.CREDIT))


def meter(engine: Engine) -> dict[str, object]:
    with reading(engine) as session:
        row = session.get(MeterRow, "m1")
        assert row is not None
        return row.model_dump()


def test_a_meter_made_anew_is_heard_though_its_numbers_begin_again(engine: Engine) -> None:
    take(engine, held(FIRST, 100), in_life(FIRST, reported(101, Supply.OFF)), in_life(FIRST, change(50)))
    take(engine, readings(KEY, msgspec.structs.replace(reading_of("m1", 900), epoch=FIRST)))
    disputed = msgspec.structs.replace(reported(2), clock=ClockStatus.DISPUTED)
    refused = take(
        engine,
        held(SECOND, 1, NONCE),
        in_life(SECOND, disputed),
        in_life(SECOND, change(1)),
        readings(KEY, msgspec.structs.replace(reading_of("m1", 1), epoch=SECOND)),
    )
    assert refused == {}
    with reading(engine) as session:
        shown = show_meter(session, "m1")
        events = [each.number for each in facts_of(session, "m1").events]
        stored = list(session.exec(select(EventRow.number).order_by(col(EventRow.number))))
        kept = len(session.exec(select(ReadingRow)).all())
    assert (shown.supply, shown.clock) == (Supply.ON, ClockStatus.DISPUTED)
    assert (events, stored, kept) == ([1], [1, 50], 2)


def test_the_account_of_an_old_life_is_not_taken_for_that_of_the_new_one(engine: Engine) -> None:
    account = account_of(opened(Credit(0, 0, 0, 0, 0), 5_000_000))
    take(engine, held(FIRST, 100), in_life(FIRST, msgspec.structs.replace(reported(101), account=account)))
    with reading(engine) as session:
        assert [each.fault for each in verify_purses(session)] == [PurseFault.LEDGER]
    take(engine, held(SECOND, 1, NONCE))
    with reading(engine) as session:
        assert verify_purses(session) == []


def test_a_life_without_the_present_nonce_changes_nothing(engine: Engine) -> None:
    take(engine, held(FIRST, 5), in_life(FIRST, reported(6)))
    before = meter(engine)
    for echo in ("", "b" * 32):
        strange = (held(SECOND, 9, echo), in_life(SECOND, reported(99, Supply.OFF), echo))
        assert take(engine, *strange, in_life(SECOND, change(3))) == {IntakeRefusal.UNKNOWN_EPOCH: 3}
    # A controller without a nonce begins no life either: an empty echo is none.
    assert take(engine, held(SECOND, 9), nonce="") == {IntakeRefusal.UNKNOWN_EPOCH: 1}
    assert meter(engine) == before


def test_a_life_that_is_over_never_comes_back(engine: Engine) -> None:
    recorded = (held(FIRST, 5, NONCE), in_life(FIRST, reported(2**40, Supply.OFF), NONCE))
    take(engine, *recorded)
    take(engine, held(SECOND, 1, NONCE))
    before = meter(engine)
    assert take(engine, *recorded, in_life(FIRST, change(9))) == {IntakeRefusal.UNKNOWN_EPOCH: 3}
    assert meter(engine) == before


def test_a_recording_of_the_old_life_in_one_batch_with_the_new_one_does_not_hide_it(engine: Engine) -> None:
    take(engine, in_life(FIRST, reported(5)))
    old, new = in_life(FIRST, reported(2**40, Supply.OFF)), in_life(SECOND, reported(1), NONCE)
    for batch in ((old, new), (new, old)):
        take(engine, *batch)
        assert (meter(engine)["epoch"], meter(engine)["supply"]) == (SECOND, "on")


def test_a_receipt_of_the_old_life_proves_nothing_in_the_new_one(engine: Engine) -> None:
    take(engine, held(FIRST, 1))
    order = hold(engine)
    take(engine, in_life(FIRST, receipt(order, number=3)))
    assert state(engine, order) == "stored"
    take(engine, in_life(SECOND, reported(1, journal=99), NONCE))
    assert state(engine, order) == "stored"
    take(engine, held(SECOND, 2))
    assert state(engine, order) == "queued", "the new meter does not have it"


def test_a_link_made_anew_is_online_though_its_births_begin_again(engine: Engine) -> None:
    def state_after(sequence: int, epoch: int, *, online: bool, echo: str = "") -> str:
        status = Status(link="link-1", online=online, sequence=sequence, meters=1, epoch=epoch, echo=echo)
        take(engine, births(KEY, status))
        with reading(engine) as session:
            row = session.get(LinkRow, "link-1")
            assert row is not None
            return row.state

    assert state_after(1_000, FIRST, online=True) == "online"
    assert state_after(1_001, FIRST, online=False) == "offline"
    assert state_after(1, SECOND, online=True) == "offline", "it does not echo the nonce"
    assert state_after(1, SECOND, online=True, echo=NONCE) == "online"
    assert state_after(2_000, FIRST, online=False, echo=NONCE) == "online", "that life is over"
    assert state_after(2, SECOND, online=False) == "offline"
