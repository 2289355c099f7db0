"""`why METER`: what a meter recorded, in sentences."""

from zoneinfo import ZoneInfo

import msgspec
import pytest

from controller.orders.life import ActiveOrder, DeliveryState
from controller.why.rules import EventFact, MeterFact, explain
from emulator.firmware.effects import RecordEmitted
from protocols.cutting.hindrances import Hindrance, Obstacle
from protocols.documents import drafting
from protocols.documents.bodies import Named
from protocols.documents.drafting import Sheet
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.link.explanation import LastChange, LastReport, NextByOrders, NoChange, Unreadable
from protocols.reasons import Because, Source, Supply, SupplyReason
from protocols.units import QUANTA_PER_EUR
from protocols.words.en.why import WHY_SHUT, explanation_in_words
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, Workbench

BRUSSELS = ZoneInfo("Europe/Brussels")


# -- why ------------------------------------------------------------------------------------------


def told(bench: Workbench) -> list[EventFact]:
    """What a real meter noted, as it comes in."""
    notes = [effect for effect in bench.effects if isinstance(effect, RecordEmitted)]
    return [
        EventFact(
            number=number,
            time_ms=bench.began_ms + note.at_tick,
            record=msgspec.json.encode(note.record).decode(),
        )
        for number, note in enumerate(notes, start=1)
    ]


def why(bench: Workbench, *standing: ActiveOrder) -> str:
    fact = MeterFact(
        id="m1",
        supply=bench.supply,
        supply_reason=bench.meter.point.reason,
        clock="trusted",
        next_possible_ms=None,
        reported_ms=bench.now_ms,
    )
    found = explain(fact, told(bench), list(standing), bench.now_ms)
    return "\n".join(explanation_in_words(found, BRUSSELS))


def test_a_cut_is_explained_by_its_own_verdict() -> None:
    bench = Workbench(balance_q=QUANTA_PER_EUR // 10)
    start_ms = MONDAY_MS + 9 * HOUR_MS
    bench.permit((start_ms, start_ms + 3 * HOUR_MS))
    for _ in range(20):
        for source in (Source.HEADEND, Source.TIMESERVER):
            bench.witness(source)
        bench.wait(30 * MINUTE_MS)
    assert bench.supply == Supply.OFF
    text = why(bench)
    assert "supply from on to off by credit" in text
    assert "Its gate was open: clock trusted" in text
    assert "The window was Mon 2020-07-06 09:00 CEST (07:00 UTC)" in text
    assert "Holds it knew of: none" in text


def test_a_reason_that_is_added_to_a_supply_that_is_off_is_no_change_of_it() -> None:
    change = LastChange(
        number=7, before=Supply.OFF, after=Supply.OFF, reason=SupplyReason.SAFETY, time_ms=MONDAY_MS
    )
    (line,) = explanation_in_words([change], BRUSSELS)
    assert line.startswith("Entry 7: supply stays off, now by safety, at ")


def test_the_absence_of_a_cut_is_explained_by_the_hold_that_forbade_it() -> None:
    bench = Workbench(balance_q=QUANTA_PER_EUR // 10)
    bench.permit((MONDAY_MS, MONDAY_MS + DAY_MS), names=(Named("hold/mora", 0, (1,)),))
    bench.hold("mora", MONDAY_MS, MONDAY_MS + 10 * DAY_MS)
    bench.wait(3 * HOUR_MS)
    assert bench.supply == Supply.ON
    text = why(bench)
    assert "a cut for credit was considered at" in text
    assert "a hold forbids it: hold/mora until Thu 2020-07-16 00:00 CEST (2020-07-15 22:00 UTC)" in text


def test_a_wrong_date_is_told_with_its_source_and_how_wrong_it_was() -> None:
    bench = Workbench()
    bench.witness(Source.TIMESERVER)
    bench.witness(Source.HEADEND, DAY_MS)
    text = why(bench)
    assert "headend told it a date 24 h ahead of its own clock" in text
    assert "disagrees" in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (DeliveryState.STORED, "the meter has it"),
        (DeliveryState.SENT, "the meter has not confirmed it (sent)"),
    ],
)
def test_a_hold_is_told_with_whether_the_meter_has_it(state: DeliveryState, words: str) -> None:
    sheet = Sheet(id="o1", rev=1, now_ms=MONDAY_MS, basis="test")
    order = drafting.declare_moratorium(sheet, "mora", MONDAY_MS, MONDAY_MS + DAY_MS)
    assert words in why(Workbench(), ActiveOrder(order, state))


def test_a_meter_that_never_spoke_is_unknown() -> None:
    silent = MeterFact(
        id="m1", supply=None, supply_reason=None, clock=None, next_possible_ms=None, reported_ms=None
    )
    found = explain(silent, [], [], MONDAY_MS)
    assert found == [
        LastReport(meter="m1", supply=None, supply_reason=None, clock=None, reported_ms=None),
        NoChange(),
        NextByOrders(instant_ms=None, hindrances=(Hindrance(why=Obstacle.NO_CALENDAR),)),
    ]
    assert explanation_in_words(found, BRUSSELS)[0] == "m1 has never reported: its state is unknown."


def test_there_are_words_for_every_reason_for_which_a_gate_stays_shut() -> None:
    assert set(WHY_SHUT) == set(Because) - {Because.SAFETY, Because.PERMITTED}


@pytest.mark.parametrize("record", ['{"event":"dream"}', '{"event":"supply","after":"dimmed"}', "[]"])
def test_a_record_that_cannot_be_read_is_not_passed_over_in_silence(record: str) -> None:
    bench = Workbench()
    fact = MeterFact(
        id="m1", supply="on", supply_reason="none", clock="trusted", next_possible_ms=None, reported_ms=0
    )
    events = [EventFact(number=7, time_ms=bench.began_ms, record=record)]
    found = explain(fact, events, [], bench.now_ms)
    assert Unreadable((7,)) in found
    said = explanation_in_words(found, BRUSSELS)
    assert "Not readable by this version, and not considered: entry 7." in said
