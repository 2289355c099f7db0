"""The judge of the kills sees each kind of wrong cut, a doubled release, and what a start takes away."""

from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from emulator.firmware.journal import write_body
from emulator.firmware.ticks import Tick
from emulator.fleet.files import write_journal
from protocols.chain import GENESIS, Entry, append
from protocols.documents.drafting import Sheet, declare_moratorium, release, set_flag
from protocols.documents.kind_rule import Kind
from protocols.instants import iso_from_ms
from protocols.link.question import Evidence, Flags, Interval, Permission, Question
from protocols.link.records import (
    ClockChanged,
    GateJudged,
    OrderJudged,
    Record,
    SupplyChanged,
    WarningShown,
)
from protocols.reasons import (
    Because,
    ClockCause,
    ClockStatus,
    Did,
    FlagName,
    OrderVerdict,
    Supply,
    SupplyReason,
)
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, SIGNERS
from tests.kills.black_boxes import BlackBoxes, cuts_of
from tests.kills.judging import Facts, releases, wrong_cut

METER: Final = "m1"
WINDOW: Final = (MONDAY_MS, MONDAY_MS + 6_000)
FACTS: Final = Facts((WINDOW,), (), {}, ())
KEYID: Final = SIGNERS["anna"].keyid
PAUSE: Final = declare_moratorium(
    Sheet("o1", 1, MONDAY_MS, ""), "pause", MONDAY_MS + 2_000, MONDAY_MS + 4_000
)
ORDERS: Final = {
    "o1": PAUSE,
    "o2": release(Sheet("o2", 2, MONDAY_MS, ""), KEYID),
    "o3": set_flag(Sheet("o3", 1, MONDAY_MS, ""), METER, FlagName.MEDICAL),
}
OPENED: Final = SupplyChanged(Supply.ON, Supply.OFF, SupplyReason.CREDIT)
WARNED: Final = WarningShown(SupplyReason.CREDIT, 1)


def judged(earliest_ms: int = 500, latest_ms: int | None = 1_900, *, owes: bool = True) -> GateJudged:
    """A verdict that opened, by a clock that said this after the begin of the window."""
    latest = None if latest_ms is None else MONDAY_MS + latest_ms
    interval = Interval(ClockStatus.TRUSTED, MONDAY_MS + earliest_ms, latest)
    question = Question(SupplyReason.CREDIT, interval, Permission(), (), Evidence(nothing_left=owes), Flags())
    return GateJudged(open=True, reason=Because.PERMITTED, question=question)


def taken(order: str, kind: Kind = Kind.HOLD, did: Did = Did.STORED) -> OrderJudged:
    return OrderJudged(order, kind, "any", 1, OrderVerdict.ACCEPTED, did)


def lost() -> ClockChanged:
    return ClockChanged(ClockStatus.LOST, MONDAY_MS, None, ClockCause.TICKS_LOST)


def box_of(folder: Path, *records: tuple[int, Record], seen_ms: int = MONDAY_MS + 5_000) -> BlackBoxes:
    """A black box with these records, each with its tick."""
    entries: list[Entry] = []
    for tick, record in records:
        entries.append(append(entries[-1].head if entries else GENESIS, write_body(Tick(tick), record)))
    write_journal(folder / f"{METER}.jsonl", entries)
    boxes = BlackBoxes(folder)
    boxes.look(seen_ms)
    return boxes


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (((0, WARNED), (1_000, judged()), (1_000, OPENED)), ""),
        (((0, WARNED), (1_000, judged(-1)), (1_000, OPENED)), "in no window"),
        (((0, WARNED), (1_000, judged(5_000, 6_000)), (1_000, OPENED)), "in no window"),
        (((0, WARNED), (1_000, judged(500, None)), (1_000, OPENED)), "did not know the time"),
        (((0, WARNED), (1_000, judged(5_001, 5_500)), (1_000, OPENED)), "ahead"),
        (((0, WARNED), (900, judged()), (900, OPENED)), "warned of it 900 ms"),
        (((0, WARNED), (500, lost()), (2_000, judged()), (2_000, OPENED)), "warned of it None ms"),
        (((0, WARNED), (1_000, judged(owes=False)), (1_000, OPENED)), "credit left"),
        (((0, WARNED), (1_000, OPENED)), "the gate was not asked"),
        (((0, WARNED), (0, taken("o2")), (1_000, judged()), (1_000, OPENED)), "o2"),
        (((0, WARNED), (0, taken("o2", did=Did.REPEATED)), (1_000, judged()), (1_000, OPENED)), ""),
        (((0, WARNED), (0, taken("o3")), (1_000, judged()), (1_000, OPENED)), "o3"),
        (((0, WARNED), (0, taken("o1")), (1_000, judged()), (1_000, OPENED)), ""),
        (((0, WARNED), (0, taken("o1")), (1_000, judged(500, 2_000)), (1_000, OPENED)), "o1"),
        (((0, WARNED), (1_000, judged()), (1_000, OPENED), (1_000, taken("o3"))), ""),
    ],
)
def test_a_wrong_cut_is_named_and_a_right_one_is_not(
    tmp_path: Path, records: tuple[tuple[int, Record], ...], why: str
) -> None:
    (cut,) = cuts_of(METER, box_of(tmp_path, *records).of(METER))
    found = list(wrong_cut(cut, ORDERS, FACTS))
    assert len(found) == bool(why), (found, iso_from_ms(MONDAY_MS))
    assert all(why in each for each in found)
    flagged = replace(FACTS, flagged=(METER,))
    assert why or list(wrong_cut(cut, ORDERS, flagged)) == ["its household is flagged"]


@pytest.mark.parametrize(
    ("times", "after", "wrong"), [(1, Supply.ON, 0), (0, Supply.ON, 1), (2, Supply.OFF, 2)]
)
def test_a_release_that_was_lost_or_doubled_or_undone_is_named(
    tmp_path: Path, times: int, after: Supply, wrong: int
) -> None:
    done = taken("o2", Kind.RELEASE, Did.RELEASED)
    again = taken("o2", Kind.RELEASE, Did.REPEATED)
    records: list[Record] = [*(times * [done]), again, SupplyChanged(Supply.OFF, after, SupplyReason.RELEASE)]
    written = box_of(tmp_path, *((0, each) for each in records)).of(METER)
    assert len(list(releases(METER, written, ["o2"]))) == wrong


def test_lines_that_a_start_takes_away_did_not_happen(tmp_path: Path) -> None:
    boxes = box_of(tmp_path, (0, WARNED), (1, judged()), (1, OPENED))
    assert len(boxes.of(METER)) == 3
    first = append(GENESIS, write_body(Tick(0), WARNED))
    other = append(first.head, write_body(Tick(1), lost()))
    write_journal(tmp_path / f"{METER}.jsonl", [first, other])
    boxes.look(MONDAY_MS + 6_000)
    assert [(each.record, each.seen_ms - MONDAY_MS) for each in boxes.of(METER)] == [
        (WARNED, 5_000),
        (lost(), 6_000),
    ]
    # What the ring has forgotten since was seen, and still counts.
    third = append(other.head, write_body(Tick(2), WARNED))
    write_journal(tmp_path / f"{METER}.jsonl", [third])
    boxes.look_again(MONDAY_MS + 7_000)
    assert [each.number for each in boxes.of(METER)] == [1, 2, 3]
