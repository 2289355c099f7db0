"""The black box asked again: an honest one agrees with itself, a forged verdict is named by its number."""

import msgspec
import pytest

from emulator.firmware.journal import Journal, read_body
from emulator.firmware.replay import replay
from emulator.firmware.ticks import Tick
from protocols.chain import Entry
from protocols.errors import DocumentError
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.records import GateJudged, ScreenShown
from protocols.reasons import ScreenCode
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, Workbench


def black_box() -> tuple[Entry, ...]:
    """Of a household without credit: a verdict that says no in a hold, and the opening after it."""
    bench = Workbench(balance_q=0)
    bench.permit((MONDAY_MS, MONDAY_MS + DAY_MS))
    bench.hold("dispute", MONDAY_MS, MONDAY_MS + 3 * HOUR_MS)
    bench.wait(6 * HOUR_MS)
    return bench.meter.journal.entries


def with_verdict(entry: Entry, **changed: object) -> Entry:
    """An entry whose verdict somebody has rewritten."""
    logged = read_body(entry.body)
    assert isinstance(logged.record, GateJudged)
    forged = msgspec.structs.replace(logged.record, **changed)
    body = msgspec.json.encode({"tick": logged.tick, "record": forged})
    return msgspec.structs.replace(entry, body=body)


def test_every_verdict_of_a_black_box_comes_out_again() -> None:
    replayed = list(replay(black_box()))
    assert [(each.recorded_open, each.recorded_reason) for each in replayed] == [
        (False, "hold"),
        (True, "permitted"),
    ]
    assert all(each.agrees for each in replayed)


def test_a_rewritten_verdict_is_named_by_its_number() -> None:
    entries = black_box()
    numbers = [each.number for each in replay(entries)]
    forged = [
        with_verdict(entry, open=True, reason="permitted") if entry.number == numbers[0] else entry
        for entry in entries
    ]
    assert [each.number for each in replay(forged) if not each.agrees] == numbers[:1]


def test_a_rewritten_reason_is_no_agreement_either() -> None:
    refusal = next(iter(replay(black_box())))
    (entry,) = (each for each in black_box() if each.number == refusal.number)
    (replayed,) = replay([with_verdict(entry, reason="no_window")])
    assert not replayed.agrees


def test_a_rewritten_question_gives_another_verdict() -> None:
    entries = black_box()
    opening = list(replay(entries))[-1]
    question = msgspec.to_builtins(opening.question)
    question["permission"]["windows_ms"] = []
    (entry,) = (each for each in entries if each.number == opening.number)
    (replayed,) = replay([with_verdict(entry, question=question)])
    assert (replayed.agrees, replayed.verdict.reason) == (False, "no_window")


def test_a_question_that_is_none_is_an_error_that_names_its_entry() -> None:
    opening = list(replay(black_box()))[-1]
    (entry,) = (each for each in black_box() if each.number == opening.number)
    with pytest.raises(DocumentError, match=rf"entry {entry.number}: journal entry: .*question"):
        list(replay([with_verdict(entry, question={"cause": "hunger"})]))
    garbage = msgspec.structs.replace(entry, body=b"{}")
    with pytest.raises(DocumentError, match=rf"entry {entry.number}: journal entry: "):
        list(replay([garbage]))


def test_a_box_without_verdicts_has_nothing_to_replay() -> None:
    journal = Journal()
    journal.append(Tick(0), ScreenShown("", ScreenCode.NONE))
    assert list(replay(journal.entries)) == []
