"""The readable form, and the JSON form, of what happened."""

import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.events import ButtonName
from emulator.scenario import model
from emulator.scenario.expectation import Comparison
from emulator.scenario.timeline import Part, Timeline, end_line, head_line, plain, wrapped
from emulator.scenario.trace import (
    Failure,
    Item,
    comparison_fields,
    input_fields,
    json_end_line,
    json_line,
    record_event,
    record_fields,
)
from protocols.instants import iso_or_none, ms_from_iso
from protocols.link.records import (
    ClaimHeard,
    ClockChanged,
    CreditChanged,
    FaultShown,
    GateJudged,
    OrderJudged,
    Record,
    ScreenShown,
    SupplyChanged,
    WarningShown,
)
from protocols.reasons import (
    Because,
    ClaimSource,
    ClaimVerdict,
    ClockCause,
    ClockStatus,
    CreditCause,
    OrderVerdict,
    ScreenCode,
    Supply,
    SupplyReason,
)
from tests.emulator.scenario.scripted_meter import PROFILE, scenario, spec
from tests.protocols.link.link_messages import QUESTION

AT_MS = ms_from_iso("2020-07-02T20:59:00.004Z")
TIMELINE = Timeline(scenario(spec("m1"), spec("a-long-one")))

TABLE: list[tuple[Record, str, dict[str, object]]] = [
    (
        SupplyChanged(Supply.ON, Supply.OFF, SupplyReason.PROGRAMMED_CUT),
        "supply   on → off (programmed_cut)",
        {"from": "on", "to": "off", "reason": "programmed_cut"},
    ),
    (
        ClaimHeard(ClaimSource.HEADEND, ClaimVerdict.DISAGREES, 86_400_000, AT_MS),
        "claim    headend says +86,400 s (+1 day): disagrees",
        {
            "source": "headend",
            "verdict": "disagrees",
            "offset_s": 86_400,
            "offset_ms": 86_400_000,
            "time": "2020-07-02T20:59:00.004Z",
        },
    ),
    (
        ClaimHeard(ClaimSource.CARD, ClaimVerdict.OBEYED, -172_799_500, 10**18),
        "claim    card says −172,799 s: obeyed",
        {
            "source": "card",
            "verdict": "obeyed",
            "offset_s": -172_799,
            "offset_ms": -172_799_500,
            "time": None,
        },
    ),
    (
        ClaimHeard(ClaimSource.UNSIGNED, ClaimVerdict.LOGGED, None, 0),
        "claim    unsigned says a date: logged",
        {
            "source": "unsigned",
            "verdict": "logged",
            "offset_s": None,
            "offset_ms": None,
            "time": "1970-01-01T00:00:00Z",
        },
    ),
    (
        ClockChanged(ClockStatus.LOST, 0, None, ClockCause.TICKS_LOST),
        "clock    lost: 1970-01-01T00:00:00Z to no one knows when (ticks_lost)",
        {
            "status": "lost",
            "earliest": "1970-01-01T00:00:00Z",
            "latest": None,
            "cause": "ticks_lost",
            "nonce": "",
        },
    ),
    (
        ClockChanged(ClockStatus.TRUSTED, 0, 1_000, ClockCause.CARD_METER_MAINS_BACK),
        "clock    trusted: 1970-01-01T00:00:00Z to 1970-01-01T00:00:01Z (mains back)",
        {
            "status": "trusted",
            "earliest": "1970-01-01T00:00:00Z",
            "latest": "1970-01-01T00:00:01Z",
            "cause": "mains back",
            "nonce": "",
        },
    ),
    (
        OrderJudged("hold-1", "hold", "hold/moratorium", 3, OrderVerdict.REFUSED, "too_few_signers"),
        "order    hold/moratorium rev 3 refused: too_few_signers",
        {
            "order": "hold-1",
            "kind": "hold",
            "object": "hold/moratorium",
            "rev": 3,
            "verdict": "refused",
            "reason": "too_few_signers",
        },
    ),
    (
        CreditChanged(-4_999, 0, CreditCause.ZERO),
        "credit   0.00 € (zero)",
        {"balance_ueur": -4_999, "emergency_ueur": 0, "cause": "zero"},
    ),
    (
        CreditChanged(-1_234_567_890, 0, CreditCause.ZERO),
        "credit   −1,234.57 € (zero)",
        {"balance_ueur": -1_234_567_890, "emergency_ueur": 0, "cause": "zero"},
    ),
    (
        WarningShown(SupplyReason.CREDIT, 3_600),
        "warning  a cut for credit, not before 3,600 s have run",
        {"cause": "credit", "warning_s": 3_600},
    ),
    (
        ScreenShown("non-relance", ScreenCode.NOT_RELANCED),
        "screen   [8] non-relance",
        {"text": "non-relance", "code": "8"},
    ),
    (ScreenShown("", ScreenCode.NONE), "screen   (blank)", {"text": "", "code": ""}),
    (
        FaultShown("date_only", "the hour is dropped"),
        "fault    date_only: the hour is dropped",
        {"name": "date_only", "effect": "the hour is dropped"},
    ),
    (
        GateJudged(False, Because.HOLD, QUESTION),
        "verdict  stays closed: hold",
        {"open": False, "reason": "hold", "question": json.loads(msgspec.json.encode(QUESTION))},
    ),
]


def item(record: Record) -> Item:
    return Item(AT_MS, "m1", record_event(record), record_fields(record))


@pytest.mark.parametrize(("record", "words", "fields"), TABLE)
def test_every_record_has_its_words_and_its_json(
    record: Record, words: str, fields: dict[str, object]
) -> None:
    line = plain(TIMELINE.line(item(record)))
    assert line == f"Thu 2020-07-02 22:59:00  m1          {words}"
    head = {"t": "2020-07-02T20:59:00.004Z", "meter": "m1", "event": record_event(record)}
    assert json.loads(json_line(item(record))) == head | fields


def test_instant_meter_and_event_come_first_in_a_json_line() -> None:
    assert json_line(item(ScreenShown("a", ScreenCode.NONE))) == (
        '{"t":"2020-07-02T20:59:00.004Z","meter":"m1","event":"screen","text":"a","code":""}'
    )


def test_the_columns_of_all_lines_are_aligned() -> None:
    lines = {plain(TIMELINE.line(Item(AT_MS, meter, "screen", {"text": "x", "code": ""}))).index("screen")
             for meter in ("m1", "a-long-one")}  # fmt: skip
    assert len(lines) == 1


def test_each_meter_is_told_in_the_legal_time_of_its_own_zone() -> None:
    winter_ms = ms_from_iso("2020-12-31T23:30:00Z")
    line = plain(TIMELINE.line(Item(winter_ms, "m1", "screen", {"text": "x", "code": ""})))
    assert line.startswith("Fri 2021-01-01 00:30:00  m1")
    elsewhere = replace(spec("m1"), profile=replace(PROFILE, zone="Atlantic/Azores"))
    line = plain(
        Timeline(scenario(elsewhere)).line(Item(winter_ms, "m1", "screen", {"text": "x", "code": ""}))
    )
    assert line.startswith("Thu 2020-12-31 22:30:00  m1")


def test_an_expectation_says_whether_it_held() -> None:
    held = Item(AT_MS, "m1", "expect", comparison_fields(Comparison(True, "cuts", 0, 0)))
    failed = Item(AT_MS, "m1", "expect", comparison_fields(Comparison(False, "supply", "on", "off")))
    assert plain(TIMELINE.line(held)).endswith("expect   cuts is 0: held")
    assert plain(TIMELINE.line(failed)).endswith("expect   supply is off: failed, expected on")


def test_a_failure_is_explained_with_what_led_there() -> None:
    failed = Item(AT_MS, "m1", "expect", comparison_fields(Comparison(False, "supply", "on", "off")))
    led_there = (item(SupplyChanged(Supply.ON, Supply.OFF, SupplyReason.CREDIT)),)
    assert TIMELINE.explain(Failure(3, failed, led_there)) == (
        "expect[3]: Thu 2020-07-02 22:59:00: m1: supply: expected on, found off"
    )
    assert [plain(line) for line in TIMELINE.led_there(Failure(3, failed, led_there))] == [
        "  what led there:",
        "    Thu 2020-07-02 22:59:00  m1          supply   on → off (credit)",
    ]
    assert [plain(line) for line in TIMELINE.led_there(Failure(3, failed, ()))] == ["  the journal is empty"]


def test_a_line_is_broken_between_words_below_where_its_words_begin() -> None:
    line = TIMELINE.line(
        item(OrderJudged("h", "hold", "hold/" + "m" * 30, 3, OrderVerdict.ACCEPTED, "till " * 9))
    )
    rows = [plain(row) for row in wrapped(line, 80, TIMELINE.indent)]
    assert rows[0] == "Thu 2020-07-02 22:59:00  m1          order    hold/" + "m" * 30
    assert rows[1:] == [
        " " * TIMELINE.indent + "rev 3 accepted: till till till",
        " " * TIMELINE.indent + "till till till till till till",
    ]


STYLES = st.sampled_from(["", "red"])
TEXTS = st.text("ab →", min_size=1, max_size=30)


@given(st.lists(st.tuples(TEXTS, STYLES), max_size=8), st.integers(1, 60), st.integers(0, 60))
def test_no_word_is_broken_lost_or_wider_than_it_must_be(line: list[Part], width: int, indent: int) -> None:
    rows = list(wrapped(line, width, indent))
    assert " ".join(plain(row) for row in rows).split() == plain(line).split()
    longest = max((len(word) for word in plain(line).split()), default=0)
    blank = len(plain(line)) - len(plain(line).lstrip(" "))
    for row in rows:
        assert len(plain(row)) <= max(width, max(indent, 2, blank) + longest)


@given(st.lists(st.tuples(TEXTS, STYLES), max_size=8))
def test_a_line_that_fits_is_left_as_it_is(line: list[Part]) -> None:
    (row,) = wrapped(line, 10_000, 2)
    assert plain(row) == plain(line)


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (model.SetMainsSpec(on=False), "mains_off"),
        (model.SetMainsSpec(on=True), "mains_on"),
        (model.RtcLostSpec(), "rtc_lost"),
        (model.PressSpec(ButtonName.RED), "button red"),
        (model.SetLoadSpec(400), "set_load 400"),
        (model.OvercurrentSpec(), "overcurrent"),
    ],
)
def test_inputs_of_the_world_are_told_in_the_words_of_the_file(do: model.Do, words: str) -> None:
    fields = input_fields(do)
    assert fields is not None
    assert plain(TIMELINE.line(Item(AT_MS, "m1", "input", fields))).endswith(f"input    {words}")


def test_instants_that_no_calendar_has_are_null() -> None:
    assert iso_or_none(10**17) is None
    assert iso_or_none(-(10**17)) is None


def test_head_and_end_of_a_file() -> None:
    assert plain(head_line(scenario(spec("m1")))) == "scripted  s.toml · 1 meter · seed 7"
    assert plain(end_line(0, 0, "ab" * 32)) == "0 expectations: nothing to fail  decisions abababababababab"
    assert plain(end_line(1, 0, "ab" * 32)) == "1 expectation: all held  decisions abababababababab"
    assert plain(end_line(1_200, 3, "ab" * 32)).startswith("1,200 expectations: 3 failed")
    assert json.loads(json_end_line("s.toml", 3, "ab" * 32)) == {
        "event": "end",
        "failed": 3,
        "decisions_sha256": "ab" * 32,
        "file": "s.toml",
    }
