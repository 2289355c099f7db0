"""The console of a bench: a meter in memory, the fake of docs/console.md on a terminal, and damaged ones."""

import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.bench_spec import SerialPlace
from hil.capabilities import BenchError
from hil.drivers import typed
from hil.drivers.console_answers import one
from hil.drivers.serial_port import SerialPort
from hil.drivers.typed import TypedConsole, TypedPower, TypedSupply, TypedTime
from hil.drivers.wall_time import SteadyClock
from hil.wire_log import WireLog
from protocols.instants import UtcMs
from tests.hil.drivers.terminal import device

PAGE = Path(__file__).parents[3] / "docs" / "console.md"


class Pieces:
    """A port in memory that says what it was given, piece by piece, and then nothing."""

    def __init__(self, *pieces: bytes) -> None:
        self.log = WireLog("console")
        self.sent = b""
        self._pieces = list(pieces)

    def send(self, data: bytes) -> None:
        self.sent += data

    def receive(self, timeout_ms: int) -> bytes:
        assert timeout_ms > 0
        return self._pieces.pop(0) if self._pieces else b""

    def forget(self) -> None:
        pass


def ask(line: str, *pieces: bytes) -> dict[str, tuple[str, ...]]:
    return dict(TypedConsole(Pieces(*pieces), "desk").ask(line))


@given(st.integers(1, 40), st.sampled_from([b"\r\n", b"\n", b"\r"]))
def test_an_answer_is_the_same_in_any_pieces(size: int, end: bytes) -> None:
    whole = end.join(
        [b"balance_eur 20.00", b"emergency ready", b"screen two words", b"screen again", b"ok", b""]
    )
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert ask("balance", *pieces) == {
        "balance_eur": ("20.00",),
        "emergency": ("ready",),
        "screen": ("two words", "again"),
    }


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ((), "an answer that ends with ok within 5000 ms expected; found: nothing"),
        ((b"balance_eur 20",), "found: b'balance_eur 20'"),
        (
            (b"error: balance: no; allowed: help\r\n",),
            "ok expected; found: error: balance: no; allowed: help",
        ),
        ((b"\xff\x00\x80\r\n",), r"found: b'\xff\x00\x80\r\n'"),
        ((b"x" * 300_000,), "an answer of at most 262144 bytes expected; found: more"),
    ],
)
def test_what_is_no_answer_is_told_with_what_came(pieces: tuple[bytes, ...], told: str) -> None:
    with pytest.raises(BenchError, match=re.escape(told)) as refusal:
        ask("balance", *pieces)
    assert str(refusal.value).startswith('console desk, "balance": ')


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_no_garbage_is_more_than_an_answer_or_a_bench_error(pieces: list[bytes]) -> None:
    try:
        answer = ask("supply", *[each for each in pieces if each])
    except BenchError:
        return
    assert b"ok" in b"".join(pieces)
    assert all(isinstance(value, str) for values in answer.values() for value in values)


def test_a_late_answer_is_not_the_next_questions() -> None:
    port = Pieces(b"balance_eur 1", b"", b".00\r\nok\r\n", b"", b"mains on\r\nok\r\n")
    console = TypedConsole(port, "desk")
    with pytest.raises(BenchError):
        console.ask("balance")
    assert console.ask("mains") == {"mains": ("on",)}


def test_one_value_is_asked_for_and_no_other_number_will_do() -> None:
    assert one({"mains": ("on",)}, "mains") == "on"
    for answer in ({}, {"mains": ("on", "off")}):
        with pytest.raises(BenchError, match="one line mains VALUE expected"):
            one(answer, "mains")


@pytest.mark.parametrize(
    ("supply", "mains", "is_supplied"),
    [
        ("on", "on", True),
        ("limited", "on", True),
        ("off", "on", False),
        ("armed", "on", False),
        ("on", "off", False),
    ],
)
def test_who_is_supplied_by_the_meters_word(
    supply: str,
    mains: str,
    is_supplied: bool,  # a column of the table
) -> None:
    pieces = [f"supply {supply}\r\nok\r\n".encode(), f"mains {mains}\r\nok\r\n".encode()]
    assert TypedSupply(TypedConsole(Pieces(*pieces), "desk")).is_supplied() is is_supplied


def test_time_is_stepped_in_whole_seconds_and_added_to_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("hil.drivers.typed.time.sleep", slept.append)
    monkeypatch.setattr(typed, "SteadyClock", lambda: SteadyClock(lambda: UtcMs(1_000_000), lambda: 0))
    port = Pieces(*[b"ok\r\n"] * 2)
    base = TypedTime(TypedConsole(port, "desk"))
    base.let_pass(93 * 86_400_000 + 250)
    assert port.sent == b"step 7948800s\r\nstep 86400s\r\n"
    assert slept == [0.25]
    assert base.now_ms() == 1_000_000 + 93 * 86_400_000


def fake_source() -> str:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_fake_of_the_page_is_a_meter_to_the_bench(tmp_path: Path) -> None:
    program = tmp_path / "fake.py"
    program.write_text(fake_source())
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True) as fake:
        try:
            assert fake.stdout is not None
            path = fake.stdout.readline().strip()
            with closing(SerialPort(SerialPlace(path, 9600), "console")) as port:
                console = TypedConsole(port, path)
                assert one(console.ask("identity"), "meter") == "fake-1"
                supply = TypedSupply(console)
                assert supply.is_supplied()
                TypedPower(console).switch(on=False)
                assert not supply.is_supplied()
                with pytest.raises(BenchError, match="'press red'; allowed: help"):
                    console.ask("press red")
                assert "> mains off\n< ok" in port.log.text()
        finally:
            fake.kill()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda _heard: b"", "found: nothing"),
        (lambda heard: heard, "found: b"),
        (lambda _heard: b"\x00\xff" * 8, r"\\xff"),
    ],
)
def test_a_device_that_is_silent_echoes_or_babbles_is_told(
    answer: Callable[[bytes], bytes], told: str
) -> None:
    with device(answer) as path, closing(SerialPort(SerialPlace(path, 9600), "console")) as port:
        with pytest.raises(BenchError, match=told):
            TypedConsole(port, path).ask("identity", timeout_ms=200)
        assert "> identity" in port.log.text()


def test_a_port_that_is_not_there_is_told() -> None:
    with pytest.raises(BenchError, match="/dev/tty-none: a serial port expected"):
        SerialPort(SerialPlace("/dev/tty-none", 9600), "console")
