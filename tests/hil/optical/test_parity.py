"""Seven bits with parity in eight: on adapters that know no 7E1, and on terminals that refuse it twice."""

import os
import termios
import tty
from collections.abc import Callable, Generator

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from hil.optical.dialogue import Receive, Send, Step
from hil.optical.parity import WRONG, with_parity, without_parity
from hil.optical.port import OpticalPort
from hil.wire_log import WireLog
from tests.hil.drivers.terminal import device


def test_characters_are_those_of_the_standard() -> None:
    # A has two bits, C three: 0x41 stays, 0x43 becomes 0xC3.
    assert with_parity(b"AC\x7f") == b"\x41\xc3\xff"


@given(st.binary())
def test_what_was_sent_is_what_comes_in_seven_bits(data: bytes) -> None:
    assert without_parity(with_parity(data)) == bytes(each & 0x7F for each in data)


@given(st.integers(1, 0x7F), st.integers(0, 7))
def test_one_wrong_bit_is_seen(character: int, bit: int) -> None:
    (sent,) = with_parity(bytes((character,)))
    assert without_parity(bytes((sent ^ 1 << bit,))) == bytes((WRONG,))


def test_a_terminal_that_is_not_ours_is_opened_again_and_again() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    try:
        for _ in range(3):
            with OpticalPort(os.ttyname(slave)):
                assert termios.tcgetattr(slave)[4] == termios.B300
    finally:
        os.close(slave)
        os.close(master)


def test_an_adapter_that_knows_eight_bits_alone_is_given_its_parity(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Callable[..., serial.Serial] = serial.serial_for_url

    def eight_bits_alone(*words: object, **framing: object) -> serial.Serial:
        if "parity" in framing:
            raise termios.error(22, "Invalid argument")
        return opened(*words, **framing)

    monkeypatch.setattr(serial, "serial_for_url", eight_bits_alone)
    heard: list[bytes] = []

    def meter(data: bytes) -> bytes:
        heard.append(data)
        return with_parity(b"/FLU5")

    log = WireLog("optical")
    with device(meter) as path, OpticalPort(path, log) as port:

        def asks() -> Generator[Step, bytes, bytes]:
            yield Send(b"/?C!", 0)
            said = b""
            while len(said) < len(b"/FLU5"):
                said += yield Receive()
            return said

        assert port.run(asks()) == b"/FLU5"
    assert b"".join(heard) == with_parity(b"/?C!")
    assert log.text().startswith("> /?C!\n< /")
