"""What a technician on site may do to the clock: have it doubted, and be one witness of two (design §4.1)."""

from emulator.firmware.effects import RecordEmitted
from emulator.firmware.events import NewEpoch
from protocols.documents.bodies import ReleaseBody
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.records import ClockChanged
from protocols.reasons import Source
from tests.emulator.firmware.guarded.workbench import MINUTE_MS, MONDAY_MS, Workbench

TEN_MS = MONDAY_MS + 10 * HOUR_MS


def poor() -> Workbench:
    """A household without credit, that may be cut from ten to three on Monday and Tuesday."""
    bench = Workbench(balance_q=0)
    tomorrow_ms = TEN_MS + DAY_MS
    bench.permit((TEN_MS, TEN_MS + 5 * HOUR_MS), (tomorrow_ms, tomorrow_ms + 5 * HOUR_MS))
    return bench


def clock_changes(bench: Workbench) -> list[tuple[str, str]]:
    noted = [each.record for each in bench.effects if isinstance(each, RecordEmitted)]
    return [(each.status.value, each.cause) for each in noted if isinstance(each, ClockChanged)]


def test_a_dispute_is_over_once_a_technician_begins_an_epoch_and_two_witnesses_answer() -> None:
    bench = poor()
    for source in (Source.HEADEND, Source.TIMESERVER):
        bench.witness(source, DAY_MS)
    bench.do(NewEpoch())
    assert bench.clock == "lost"
    assert bench.meter.dispute_nonce == ""
    bench.witness(Source.TECHNICIAN)
    assert bench.clock == "lost"
    bench.witness(Source.HEADEND)
    assert clock_changes(bench) == [("disputed", "claim"), ("lost", "technician"), ("trusted", "claim")]
    assert bench.wait_until(TEN_MS + MINUTE_MS).supply == "off"


def test_a_technician_alone_neither_sets_the_clock_nor_cuts_anybody() -> None:
    bench = poor()
    bench.do(NewEpoch())
    for day in range(10):
        bench.witness(Source.TECHNICIAN, DAY_MS - day * HOUR_MS)
        bench.wait(6 * HOUR_MS)
    assert bench.clock == "lost"
    assert bench.supply_changes() == []


def test_the_hours_of_a_release_outlast_a_new_epoch() -> None:
    bench = poor()
    bench.give(Kind.RELEASE, "m1", ReleaseBody(24))
    bench.wait(HOUR_MS)
    bench.do(NewEpoch())
    for source in (Source.TECHNICIAN, Source.HEADEND):
        bench.witness(source)
    assert bench.wait_until(TEN_MS + HOUR_MS).supply == "on"
    # The next day, the 24 hours are surely over.
    assert bench.wait_until(TEN_MS + DAY_MS + HOUR_MS).supply == "off"


def test_it_gives_nothing_back_that_was_cut_by_a_clock_that_nobody_disputed() -> None:
    bench = poor().wait_until(TEN_MS + HOUR_MS)
    assert bench.supply == "off"
    bench.do(NewEpoch())
    assert bench.supply == "off"
