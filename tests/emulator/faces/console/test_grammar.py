"""The console's lines: what each means, and that a wrong one says what is allowed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.console.answers import LineBuffer, answer, error
from emulator.faces.console.grammar import (
    COMMANDS,
    LINE_BYTES_MAX,
    USAGE,
    Command,
    ConsoleQuestion,
    DrawLoad,
    LastRecords,
    LoseClock,
    PressButton,
    SetClock,
    StepTime,
    SwitchMains,
    parse,
)
from emulator.firmware.events import ButtonName
from protocols.errors import InputError
from protocols.instants import DAY_MS, UtcMs, ms_from_iso
from tests.emulator.faces.views import installed, view

RIGHT: list[tuple[str, Command]] = [
    *((question.value, question) for question in ConsoleQuestion),
    ("  clock   set  2020-07-03T23:01+02:00 ", SetClock(ms_from_iso("2020-07-03T21:01Z"))),
    ("clock set 1970-01-01T00:00:00Z", SetClock(UtcMs(0))),
    ("clock lose", LoseClock()),
    ("step 90s", StepTime(90_000)),
    ("step 92d", StepTime(92 * DAY_MS)),
    ("journal", LastRecords(10)),
    ("journal 100", LastRecords(100)),
    ("mains on", SwitchMains(on=True)),
    ("mains off", SwitchMains(on=False)),
    ("press blue", PressButton(ButtonName.BLUE)),
    ("load 0", DrawLoad(0)),
]
WRONG = [
    ("balanc", '"balanc"; did you mean balance? allowed: help, identity, balance, clock,'),
    ("BALANCE", '"BALANCE"; allowed: help, identity,'),
    ("balance now", 'balance: "now"; allowed: balance'),
    ("clock set", 'clock: "set"; allowed: clock, clock set 2020-07-03T23:01Z, clock lose'),
    ("clock set 2020-07-03T23:01", 'clock set: "2020-07-03T23:01"; allowed: a date and time with its offset'),
    ("clock set 1969-12-31T23:59:59Z", 'clock set: "1969-12-31T23:59:59Z"; allowed: 1970-01-01T00:00:00Z to'),
    ("step", "step: nothing behind it; allowed: step 90s|15m|24h|60d"),
    ("step 93d", 'step: "93d"; allowed: step 90s|15m|24h|60d'),
    ("step 0s", 'step: "0s"; allowed: '),
    ("step -1h", 'step: "-1h"; allowed: '),
    ("journal 0", 'journal: "0"; allowed: 1 to 100'),
    ("journal x", 'journal: "x"; allowed: 1 to 100'),
    ("load 1 2", 'load: "1 2"; allowed: 0 to'),
    ("load 99999999999", 'load: "99999999999"; allowed: 0 to'),
    ("mains maybe", 'mains: "maybe"; allowed: mains, mains on|off'),
    ("press rd", 'press: "rd"; did you mean red? allowed: red, blue, breaker'),
    ("press", "press: nothing behind it; allowed: press red|blue|breaker"),
]


@pytest.mark.parametrize(("line", "command"), RIGHT)
def test_what_a_line_means(line: str, command: Command) -> None:
    assert parse(line) == command


@pytest.mark.parametrize(("line", "said"), WRONG)
def test_a_wrong_line_says_what_is_allowed(line: str, said: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse(line)
    assert str(refusal.value).startswith(said)


@given(
    st.one_of(
        st.text(max_size=60), st.lists(st.sampled_from([*COMMANDS, "set", "1", "on", "x"])).map(" ".join)
    )
)
def test_any_line_is_a_command_or_one_line_that_says_what_is_allowed(line: str) -> None:
    try:
        parse(line)
    except InputError as refusal:
        said = error(str(refusal))
        assert re.fullmatch(r"error: [^\r\n]*; ?.*allowed: [^\r\n]+", said), said


def test_help_lists_each_line_that_can_be_typed_and_each_can_be() -> None:
    listed = answer(ConsoleQuestion.HELP, view(), "guarded")
    assert [each.partition(": ")[0] for each in listed] == list(USAGE)
    for usage in USAGE:
        typed = re.sub(r"\[N\]", "5", re.sub(r"(\S+?)\|\S*", r"\1", usage)).replace("WATT", "500")
        parse(typed)


def test_questions_are_answered_by_keys_and_values() -> None:
    meter = installed()
    lines = [
        line
        for each in ConsoleQuestion
        for line in answer(each, meter.view(), "guarded")
        if each is not ConsoleQuestion.HELP
    ]
    assert lines == [
        "meter m1",
        "firmware guarded",
        "profile wallonia-smart",
        "energy electricity",
        "balance_eur 20.00",
        "emergency_eur 15.00",
        "emergency ready",
        "status trusted",
        "estimate 2020-07-02T21:00:59Z",
        "earliest 2020-07-02T21:00:58Z",
        "latest 2020-07-02T21:01:00.001Z",
        "mains on",
        "supply on",
        "reason none",
        "warned no",
        "code none",
        "screen none",
        "drawn_w 1000",
        "energy_wh 0",
    ]


PIECES = st.one_of(st.binary(max_size=20), st.sampled_from([b"x" * 150, b"\r\n", b"help\r", b"\n"]))


@given(st.lists(PIECES, max_size=20).map(b"".join), st.lists(st.integers(0, 2_000), max_size=10))
def test_in_whatever_pieces_bytes_come_the_lines_are_the_same_and_memory_is_bounded(
    data: bytes, cuts: list[int]
) -> None:
    whole = LineBuffer().take(data + b"\n")
    buffer, found, begun = LineBuffer(), list[str | None](), 0
    for cut in [*sorted(cuts), len(data)]:
        found += buffer.take(data[begun:cut])
        begun = max(begun, min(cut, len(data)))
        assert len(buffer._held) <= LINE_BYTES_MAX
    assert found + buffer.take(b"\n") == whole


def test_a_line_that_is_too_long_is_said_once_and_the_next_one_is_read() -> None:
    buffer = LineBuffer()
    assert buffer.take(b"x" * 10_000) == []
    assert buffer.take(b"y\r\nhelp\r") == [None, "help"]
