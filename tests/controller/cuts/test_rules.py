"""A cut is planned until the meter has told of it; a real meter's verdict proves which order it obeyed."""

import pytest

from controller.cuts.rules import CutReading, carried_out, reading_of
from controller.orders.life import DeliveryState
from emulator.firmware.effects import RecordEmitted
from protocols.documents.bodies import CutOrderBody
from protocols.documents.kind_rule import Kind
from protocols.instants import HOUR_MS, MINUTE_MS
from protocols.link.records import Record
from protocols.reasons import Source
from protocols.spans import Span
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, Workbench

TEN = MONDAY_MS + 10 * HOUR_MS
ORDERED = Span(TEN, TEN + 2 * HOUR_MS)


def records_of_a_cut() -> list[Record]:
    """What a meter notes from Monday 8 o'clock to noon, with a cut ordered at 10."""
    bench = Workbench(now_ms=MONDAY_MS + 8 * HOUR_MS)
    bench.permit((MONDAY_MS + 8 * HOUR_MS, MONDAY_MS + 13 * HOUR_MS))
    order = bench.order(
        Kind.CUT_ORDER,
        "c1",
        CutOrderBody(),
        not_before_ms=ORDERED.from_ms,
        not_after_ms=ORDERED.until_ms,
    )
    assert bench.send(order).verdict == "accepted"
    for _ in range(8):
        for source in (Source.HEADEND, Source.TIMESERVER):
            bench.witness(source)
        bench.wait(30 * MINUTE_MS)
    return [effect.record for effect in bench.effects if isinstance(effect, RecordEmitted)]


def test_a_real_meter_tells_by_which_order_it_cut() -> None:
    records = records_of_a_cut()
    assert any(carried_out(record, ORDERED) for record in records)
    for other in (Span(TEN, TEN + HOUR_MS), Span(TEN - HOUR_MS, ORDERED.until_ms), Span(0, 0)):
        assert not any(carried_out(record, other) for record in records)


def test_a_refusal_of_the_gate_is_no_cut() -> None:
    bench = Workbench(now_ms=TEN)
    bench.permit((MONDAY_MS, MONDAY_MS + HOUR_MS))
    from_ms, until_ms = ORDERED
    body = CutOrderBody()
    order = bench.order(Kind.CUT_ORDER, "c1", body, not_before_ms=from_ms, not_after_ms=until_ms)
    assert bench.send(order).verdict == "accepted"
    bench.wait(2 * HOUR_MS)
    records = [effect.record for effect in bench.effects if isinstance(effect, RecordEmitted)]
    assert not any(carried_out(record, ORDERED) for record in records)


# State · has cut · replaced · minutes from the interval's end · reading; `-`: its state.
LEDGER = """
queued     no  no  -600  -
sent       no  no  -600  -
stored     no  no  -600  -
effective  no  no  -600  planned
effective  no  no  -1    planned
effective  no  no  0     over
stored     no  no  0     over
effective  yes no  -60   cut
effective  yes no  600   cut
timed_out  yes no  -60   cut
effective  yes yes -60   cut
effective  no  yes -60   superseded
effective  no  yes 60    superseded
stored     no  yes -60   superseded
refused    no  no  60    -
refused    no  yes -60   -
expired    no  no  60    -
superseded no  yes -60   -
timed_out  no  no  60    -
"""


@pytest.mark.parametrize("row", LEDGER.strip().splitlines())
def test_the_ledger_of_readings(row: str) -> None:
    state, has_cut, replaced, minutes, reading = row.split()
    found = reading_of(
        DeliveryState(state),
        ORDERED,
        ORDERED.until_ms + int(minutes) * MINUTE_MS,
        has_cut=has_cut == "yes",
        is_replaced=replaced == "yes",
    )
    assert found == (None if reading == "-" else CutReading(reading))
