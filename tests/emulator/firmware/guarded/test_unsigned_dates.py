"""Dates that nobody has signed: logged, counted, and never so many that anything else is washed out."""

from msgspec import UNSET

from emulator.firmware.effects import RecordEmitted
from emulator.firmware.events import Document, UnsignedDate
from emulator.firmware.guarded.unsigned_dates import DATES_NOTED_EVERY_MS
from emulator.firmware.journal import read_body
from protocols.instants import DAY_MS, MINUTE_MS, UtcMs
from protocols.limits import JOURNAL_ENTRIES_MAX
from protocols.link.records import ClaimHeard, OrderJudged, Record
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, Workbench

TWO_DAYS_OFF = UnsignedDate(UtcMs(MONDAY_MS + 2 * DAY_MS))


def journalled(bench: Workbench) -> list[Record]:
    return [read_body(each.body).record for each in bench.meter.journal.entries]


def test_a_flood_of_dates_does_not_wash_a_refusal_out_of_the_black_box() -> None:
    bench = Workbench()
    bench.do(Document(b"a cut that nobody has signed"))
    for _ in range(JOURNAL_ENTRIES_MAX + 88):
        bench.do(TWO_DAYS_OFF)
    records = journalled(bench)
    assert sum(isinstance(each, OrderJudged) for each in records) == 1
    assert sum(isinstance(each, ClaimHeard) for each in records) == 1


def test_the_next_date_that_is_logged_tells_how_many_were_not() -> None:
    bench = Workbench()
    for _ in range(4):
        bench.do(TWO_DAYS_OFF)
    bench.wait(DATES_NOTED_EVERY_MS - MINUTE_MS)
    bench.do(TWO_DAYS_OFF)
    bench.wait(MINUTE_MS)
    bench.do(TWO_DAYS_OFF)
    claims = [each for each in journalled(bench) if isinstance(each, ClaimHeard)]
    assert [each.passed_over for each in claims] == [UNSET, 4]


def test_each_date_is_emitted_and_says_whether_it_is_in_the_black_box() -> None:
    bench = Workbench()
    found = [
        each
        for _ in range(3)
        for each in bench.do(TWO_DAYS_OFF)
        if isinstance(each, RecordEmitted) and isinstance(each.record, ClaimHeard)
    ]
    assert [each.is_journalled for each in found] == [True, False, False]
