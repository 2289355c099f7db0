"""Relay, supply line, customer port, card by hand, and the log of a wire."""

import os
import termios
import tty
from contextlib import closing
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.p1.crc import crc16
from hil.bench_spec import ModemLine, SerialPlace, SupplyLineSpec
from hil.capabilities import BenchError
from hil.drivers import modem_line, p1_reader
from hil.drivers.lcus import RelayPower, frame
from hil.drivers.modem_line import SupplyLine
from hil.drivers.operator_slot import OperatorSlot
from hil.drivers.p1_reader import P1Reader
from hil.drivers.serial_port import SerialPort
from hil.wire_log import LINES_MAX, WireLog
from tests.hil.drivers.terminal import device
from tests.hil.drivers.test_typed import Pieces


def test_the_frames_of_a_relay_board_are_those_of_its_maker() -> None:
    assert frame(1, energised=True) == bytes.fromhex("a00101a2")
    assert frame(1, energised=False) == bytes.fromhex("a00100a1")
    assert frame(8, energised=True) == bytes.fromhex("a00801a9")


WIRED = [(True, "a00101a2 a00100a1"), (False, "a00100a1 a00101a2")]


@pytest.mark.parametrize(("energised_is_on", "frames"), WIRED)
def test_mains_go_on_and_off_as_the_contact_is_wired(
    energised_is_on: bool,  # a column of the table
    frames: str,
) -> None:
    heard: list[bytes] = []

    def board(data: bytes) -> bytes:
        heard.append(data)
        return b""

    with device(board) as path, closing(SerialPort(SerialPlace(path, 9600), "relay")) as port:
        power = RelayPower(port, 1, energised_is_on=energised_is_on)
        power.switch(on=True)
        power.switch(on=False)
        while len(b"".join(heard)) < len(bytes.fromhex(frames)):
            port.receive(50)
    assert b"".join(heard) == bytes.fromhex(frames)


class Adapter:
    """A serial adapter whose control line stands as it is told."""

    def __init__(self, *cts: bool, gone: Exception | None = None) -> None:
        self._cts = cycle(cts)
        self._gone = gone

    @property
    def cts(self) -> bool:
        if self._gone is not None:
            raise self._gone
        return next(self._cts)

    def close(self) -> None:
        pass


def sensor(monkeypatch: pytest.MonkeyPatch, adapter: Adapter, *, high_is_supplied: bool) -> SupplyLine:
    monkeypatch.setattr(modem_line, "open_serial", lambda _place, **_options: adapter)
    return SupplyLine(SupplyLineSpec(SerialPlace("/dev/a", 9600), ModemLine.CTS, high_is_supplied))


@pytest.mark.parametrize("high", [True, False])
@pytest.mark.parametrize("high_is_supplied", [True, False])
def test_a_control_line_tells_whether_there_is_supply(
    monkeypatch: pytest.MonkeyPatch,
    high: bool,  # a table's column
    high_is_supplied: bool,
) -> None:
    found = sensor(monkeypatch, Adapter(high), high_is_supplied=high_is_supplied)
    assert found.is_supplied() is (high == high_is_supplied)


@pytest.mark.parametrize("high_is_supplied", [True, False])
@pytest.mark.parametrize("quiet", range(1, 10))
def test_a_line_that_pulses_with_the_mains_is_supplied_whenever_it_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
    quiet: int,
    high_is_supplied: bool,  # a table's column
) -> None:
    pulses = [not high_is_supplied] * quiet + [high_is_supplied]
    assert sensor(monkeypatch, Adapter(*pulses), high_is_supplied=high_is_supplied).is_supplied()


@pytest.mark.parametrize("gone", [OSError(5, "Input/output error"), termios.error(5, "Input/output error")])
def test_an_adapter_that_was_pulled_out_is_told(monkeypatch: pytest.MonkeyPatch, gone: Exception) -> None:
    found = sensor(monkeypatch, Adapter(True, gone=gone), high_is_supplied=True)
    with pytest.raises(BenchError, match="/dev/a, cts: the state of a control line expected"):
        found.is_supplied()


def test_a_terminal_that_has_gone_is_told_whatever_is_done_with_it() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    with closing(SerialPort(SerialPlace(os.ttyname(slave), 9600), "console")) as port:
        os.close(slave)
        os.close(master)
        for act in (port.forget, lambda: port.send(b"x"), lambda: port.receive(1)):
            with pytest.raises(BenchError, match="an open port expected"):
                act()


def test_a_port_is_for_one_program_and_its_control_lines_for_all() -> None:
    with (
        device(lambda _heard: b"") as path,
        closing(SerialPort(SerialPlace(path, 9600), "console")),
        closing(SupplyLine(SupplyLineSpec(SerialPlace(path, 9600), ModemLine.CTS, high_is_supplied=True))),
        pytest.raises(BenchError, match=r"a serial port expected; found: .*exclusively lock"),
    ):
        SerialPort(SerialPlace(path, 9600), "relay")


def telegram(body: bytes) -> bytes:
    whole = b"/FLU5\\253\r\n\r\n" + body + b"\r\n!"
    return whole + b"%04X\r\n" % crc16(whole)


@given(
    st.binary(max_size=50), st.integers(1, 30), st.sampled_from([b"", telegram(b"x")[:-7], b"/a!0000\r\n"])
)
def test_the_next_telegram_that_is_whole_is_found(noise: bytes, size: int, before: bytes) -> None:
    sent = before + noise.replace(b"!", b"?") + telegram(b"0-0:96.1.4(50217)")
    port = Pieces(*[sent[at : at + size] for at in range(0, len(sent), size)])
    # The noise in front belongs to no telegram: a new head begins one.
    assert P1Reader(port, "desk").telegram().endswith("0-0:96.1.4(50217)\r\n!")


def test_a_port_without_a_whole_telegram_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p1_reader, "TELEGRAM_MS_MAX", 30)
    for sent, told in (
        (b"", "found: nothing"),
        (b"noise", "found: b'noise'"),
        (telegram(b"x").replace(b"x", b"y"), "found: 1 with a wrong checksum"),
    ):
        with pytest.raises(BenchError, match=told):
            P1Reader(Pieces(*[sent] * bool(sent)), "desk").telegram()


def test_a_person_moves_the_meters_own_card_and_no_file() -> None:
    said: list[str] = []
    slot = OperatorSlot(said.append)
    slot.take_out()
    slot.put_in(None)
    slot.take_out()
    slot.put_in(None, pull_after_ms=300)
    slot.take_out()
    assert said == [
        "Put the meter's card into its slot.",
        "Take the card out of the meter.",
        "Put the meter's card into its slot, and pull it out after 300 ms.",
    ]
    with pytest.raises(BenchError, match=r"the meter's own card expected; found: the file card\.bin"):
        slot.put_in(Path("card.bin"))


def test_a_log_shows_who_said_what_in_its_order() -> None:
    log = WireLog("console")
    log.sent(b"bal")
    log.sent(b"ance\r\n")
    log.received(b"balance_eur 2")
    log.received(b"0.00\r\nok\r\n\xff")
    log.sent(b"x")
    assert log.text().split("\n") == ["> balance", "< balance_eur 20.00", "< ok", r"< \xff", "> x"]


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=200)), max_size=30))
def test_a_log_is_printable_text_whatever_came(said: list[tuple[bool, bytes]]) -> None:
    log = WireLog("console")
    for by_bench, data in said:
        (log.sent if by_bench else log.received)(data)
    assert all(line.isprintable() and line.isascii() for line in log.text().split("\n"))


def test_a_log_of_a_meter_that_chatters_says_what_it_left_out() -> None:
    log = WireLog("console")
    for number in range(LINES_MAX + 3):
        log.received(b"%d\n" % number)
    first, second, *_ = log.text().split("\n")
    assert (first, second) == ("(3 earlier lines are not kept)", "< 3")
