"""Class 7: rows that are read whole, by time or by number, against a naive filter."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.demand import QUARTER_MS
from emulator.faces.dlms.dates import write_instant
from emulator.faces.dlms.profiles import EVENT_CODES
from emulator.faces.dlms.values import Datum, Tag, array, octets, structure, write_value
from emulator.faces.load_profile import LoadProfile, QuarterFlag, QuarterRow
from emulator.faces.view import FaceView, LoggedRecord
from emulator.firmware.journal import write_body
from emulator.firmware.ticks import Tick
from protocols.cutting.zones import load_zone
from protocols.instants import UtcMs
from protocols.link.records import RECORDS, WarningShown
from protocols.reasons import ClockStatus, Energy, SupplyReason
from tests.emulator.faces.dlms.talking import ALL, VIEW, opened
from tests.emulator.faces.views import SUMMER_MS, installed, view

ZONE = load_zone("Europe/Brussels")
LOAD, LOG = "0007 0100630100ff 02", "0007 0000636200ff 02"
FIRST_QUARTER = SUMMER_MS // QUARTER_MS
CLOCK = (8, "0000010000ff", 2)
LOAD_COLUMNS = [CLOCK, (1, "0000600a01ff", 2), (3, "0100010800ff", 2)]


def with_quarters(quarters: list[int]) -> FaceView:
    """Rows of these quarters, in this order; the register of each is its place."""
    rows = tuple(
        QuarterRow(UtcMs((FIRST_QUARTER + each) * QUARTER_MS), place, QuarterFlag.NONE)
        for place, each in enumerate(quarters)
    )
    return replace(VIEW, load_profile=LoadProfile(0, rows=rows))


def asked(shown: FaceView, request: str, selection: Datum | None, selector: int = 1) -> Datum | str:
    """The value that a GET brings; or how it is refused."""
    talk = opened(conformance=ALL)
    talk.view = shown
    part = "00" if selection is None else f"01 {selector:02x} {write_value(selection).hex()}"
    return talk.get(f"{request} {part}")


def captured(column: tuple[int, str, int]) -> Datum:
    class_id, name, attribute = column
    return structure(
        Datum(Tag.LONG_UNSIGNED, class_id),
        octets(bytes.fromhex(name)),
        Datum(Tag.INTEGER, attribute),
        Datum(Tag.LONG_UNSIGNED),
    )


def by_range(low_ms: int, high_ms: int, *columns: tuple[int, str, int]) -> Datum:
    ends = (octets(write_instant(UtcMs(each), ZONE, 0)) for each in (low_ms, high_ms))
    return structure(captured(CLOCK), *ends, array(*(captured(each) for each in columns)))


def by_entry(first: int, last: int, first_column: int = 1, last_column: int = 0) -> Datum:
    return structure(
        Datum(Tag.DOUBLE_LONG_UNSIGNED, first),
        Datum(Tag.DOUBLE_LONG_UNSIGNED, last),
        Datum(Tag.LONG_UNSIGNED, first_column),
        Datum(Tag.LONG_UNSIGNED, last_column),
    )


def registers(found: Datum | str) -> list[int]:
    assert isinstance(found, Datum)
    return [row.items[-1].number for row in found.items]


QUARTERS = st.lists(st.integers(0, 40), max_size=30)


@given(QUARTERS, st.integers(-40, 700), st.integers(-40, 700))
def test_a_range_is_what_a_naive_filter_leaves(quarters: list[int], low_min: int, high_min: int) -> None:
    """Also of rows that a clock which was set has put in no order."""
    begin_ms = FIRST_QUARTER * QUARTER_MS
    low_ms, high_ms = (begin_ms + each * 60_000 for each in (low_min, high_min))
    wanted = [
        place for place, each in enumerate(quarters) if low_ms <= begin_ms + each * QUARTER_MS <= high_ms
    ]
    assert registers(asked(with_quarters(quarters), LOAD, by_range(low_ms, high_ms))) == wanted


@given(QUARTERS, st.integers(1, 40), st.integers(0, 40), st.integers(1, 5), st.integers(0, 5))
def test_entries_are_counted_from_one_and_zero_is_the_last(
    quarters: list[int], first: int, last: int, first_column: int, last_column: int
) -> None:
    shown = with_quarters(quarters)
    whole, part = (
        asked(shown, LOAD, None),
        asked(shown, LOAD, by_entry(first, last, first_column, last_column), 2),
    )
    assert isinstance(whole, Datum)
    rows = [row for at, row in enumerate(whole.items, 1) if first <= at <= (last or len(quarters))]
    assert part == array(
        *(
            structure(*(c for at, c in enumerate(row.items, 1) if first_column <= at <= (last_column or 3)))
            for row in rows
        )
    )


@given(QUARTERS, st.lists(st.sampled_from(LOAD_COLUMNS), max_size=3))
def test_a_range_brings_the_columns_that_are_named(
    quarters: list[int], columns: list[tuple[int, str, int]]
) -> None:
    shown = with_quarters(quarters)
    whole = asked(shown, LOAD, None)
    assert isinstance(whole, Datum)
    places = [LOAD_COLUMNS.index(each) for each in columns] or [0, 1, 2]
    rows = (structure(*(row.items[place] for place in places)) for row in whole.items)
    assert asked(shown, LOAD, by_range(0, 4_000_000_000_000, *columns)) == array(*rows)


OTHER, DENIED, UNMATCHED = "fa", "03", "0c"
WRONG = [
    # Restricted by another column than the time, or by a part of it; a column that there is not; too many.
    (structure(captured(LOAD_COLUMNS[2]), *by_range(0, 1).items[1:]), 1, OTHER),
    (by_range(0, 1, (3, "0100020800ff", 2)), 1, OTHER),
    (by_range(0, 1, *[CLOCK] * 4), 1, OTHER),
    # Times that are none, or leave something open.
    (structure(captured(CLOCK), octets(b""), octets(b""), array()), 1, UNMATCHED),
    (structure(captured(CLOCK), octets(b"\xff" * 12), octets(b"\xff" * 12), array()), 1, UNMATCHED),
    (structure(captured(CLOCK), Datum(Tag.DOUBLE_LONG), Datum(Tag.DOUBLE_LONG), array()), 1, UNMATCHED),
    # What is no descriptor.
    (Datum(Tag.NULL), 1, UNMATCHED),
    (Datum(Tag.NULL), 2, UNMATCHED),
    (by_range(0, 1), 2, UNMATCHED),
    (by_entry(1, 2), 1, UNMATCHED),
    # Nothing is entry 0, or column 0.
    (by_entry(0, 2), 2, OTHER),
    (by_entry(1, 2, 0), 2, OTHER),
    # Selectors that there are not.
    (by_entry(1, 2), 0, DENIED),
    (by_entry(1, 2), 3, DENIED),
]


@pytest.mark.parametrize(("selection", "selector", "refused"), WRONG)
def test_a_selection_that_means_nothing_is_refused(selection: Datum, selector: int, refused: str) -> None:
    assert asked(with_quarters([0, 1]), LOAD, selection, selector) == refused


@given(st.binary(max_size=40), st.integers(0, 255))
def test_whatever_a_selector_is_given_it_is_answered(data: bytes, selector: int) -> None:
    talk = opened(conformance=ALL)
    answer = talk.say(bytes.fromhex("c001c1" + LOAD.replace(" ", "") + f"01{selector:02x}") + data)
    assert answer[:4] in ("c401", "d801")


def test_only_a_buffer_is_read_in_parts() -> None:
    assert asked(VIEW, "0007 0100630100ff 07", by_entry(1, 0), 2) == DENIED
    talk = opened(conformance="001e19")
    assert talk.say(f"c001c1 {LOAD} 01 02 {write_value(by_entry(1, 0)).hex()}") == "c401c10103"


def test_nobody_resets_a_profile_or_writes_to_it() -> None:
    talk = opened(conformance=ALL)
    for name in ("0100630100ff", "0000636200ff"):
        for method in (1, 2):
            assert talk.say(f"c301c1 0007 {name} {method:02x} 01 0f00") == "c701c10300"
        for attribute in range(2, 9):
            assert talk.say(f"c101c1 0007 {name} {attribute:02x} 00 06 00000000") == "c501c103"
    assert talk.brought == []


def test_a_row_says_what_is_to_be_doubted_and_whether_it_is_summer() -> None:
    rows = (
        QuarterRow(UtcMs(1_593_727_200_000), 7, QuarterFlag.CLOCK_INVALID | QuarterFlag.POWER_DOWN),
        QuarterRow(UtcMs(1_577_833_200_000), 8, QuarterFlag.NONE),
    )
    found = asked(replace(VIEW, load_profile=LoadProfile(0, rows=rows)), LOAD, None)
    assert isinstance(found, Datum)
    summer, winter = ([cell.octets.hex() or cell.number for cell in row.items] for row in found.items)
    assert summer == ["07e407030500000000ff8882", 0x82 | 0x08, 7]
    assert winter == ["07e401010300000000ffc400", 0, 8]


def test_a_gas_meter_keeps_cubic_metres() -> None:
    shown = view(energy=Energy.GAS)
    rows = (QuarterRow(UtcMs(1_593_727_200_000), 1_239, QuarterFlag.NONE),)
    found = asked(replace(shown, load_profile=LoadProfile(0, rows=rows)), "0007 0700630100ff 02", None)
    assert registers(found) == [123]


def test_the_log_is_the_black_box_as_its_hashes_have_it() -> None:
    record = WarningShown(SupplyReason.CREDIT, 900)
    body = write_body(Tick(5), record)
    entry = LoggedRecord(12, UtcMs(1_593_727_200_000), ClockStatus.LOST, record, body)
    found = asked(replace(VIEW, log=(entry,)), LOG, None)
    assert isinstance(found, Datum)
    ((time, code, number, text),) = (row.items for row in found.items)
    assert (time.octets.hex(), code.number, number.number) == ("07e407030500000000ff8881", 133, 12)
    assert text.octets == body


def test_every_kind_of_record_has_a_code_of_its_own() -> None:
    assert set(EVENT_CODES) == set(RECORDS)
    assert len(set(EVENT_CODES.values())) == len(RECORDS)


def test_a_meter_at_work_fills_both() -> None:
    meter = installed(load_w=4_000)
    for minutes in (20, 31, 46, 61):
        meter.advance(UtcMs(SUMMER_MS + minutes * 60_000))
    meter.bring_unsigned(b"no document")
    shown = meter.view()
    found = asked(shown, LOAD, None)
    # The meter begins a second before a minute is full, and draws 4 kW.
    assert registers(found) == [934, 1_934, 2_934, 3_934]
    assert [row.flags for row in shown.load_profile.rows] == [QuarterFlag.NONE] * 4
    assert [entry.number for entry in shown.log] == list(range(1, shown.readout.journal_number + 1))
    last = shown.log[-1]
    assert last.at_ms == shown.readout.estimate_ms
    assert last.body.startswith(b'{"tick":')
