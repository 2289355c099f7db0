"""A session at the optical port: what is said at which speed, and who may set a date."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.locking import LOCKED_MS
from emulator.faces.optical.messages import ACK, NAK, DataSet, answer_block, command_block, readout_block
from emulator.faces.optical.objects import date_of, readings
from emulator.faces.optical.session import (
    ANSWER_MS_MAX,
    CHARACTER_MS_MAX,
    REPEATS_MAX,
    SILENCE_MS_MAX,
    BringDate,
    Deed,
    OpticalSession,
    Phase,
    Say,
    is_password,
)
from protocols.instants import UtcMs, iso_from_ms
from protocols.reasons import Energy
from tests.emulator.faces.views import installed, view

VIEW = view()
IDENTIFICATION = b"/RLC5\\2 m1\r\n"
PASSWORD = "secret"  # of a test
ERROR = answer_block(DataSet("", "ERROR"))
BREAK = command_block("B0")


class Talk:
    """A session with its counter: what is said is on its way at once."""

    def __init__(self) -> None:
        self.session = OpticalSession(PASSWORD)
        self.at_ms = 0
        self.dates: list[UtcMs] = []

    @property
    def phase(self) -> Phase:
        return self.session.phase

    def hear(self, data: bytes) -> tuple[bytes, int] | None:
        """What the meter says to these bytes, and at which speed."""
        return self._said(self.session.hear(data, self.at_ms, VIEW))

    def wait(self, ms: int) -> tuple[bytes, int] | None:
        self.at_ms += ms
        return self._said(self.session.wait(self.at_ms, VIEW))

    def open(self) -> None:
        self.hear(b"/?!\r\n")
        self.hear(b"\x06051\r\n")
        assert self.hear(command_block("P1", f"({PASSWORD})")) == (ACK, 9600)

    def _said(self, deeds: tuple[Deed, ...]) -> tuple[bytes, int] | None:
        says = [each for each in deeds if isinstance(each, Say)]
        self.dates += [each.time_ms for each in deeds if isinstance(each, BringDate)]
        assert len(says) <= 1
        if not says:
            return None
        self.session.said(self.at_ms)
        return says[0].data, says[0].baud


READOUT = readout_block(readings(VIEW))
SELECTS = [
    (b"\x06050\r\n", READOUT, 9600),
    (b"\x06030\r\n", READOUT, 2400),
    (b"\x06000\r\n", READOUT, 300),
    (b"\x06051\r\n", command_block("P0", "()"), 9600),
    # A choice that cannot be: everything is read out at the first speed.
    (b"\x06060\r\n", READOUT, 300),
    (b"\x06090\r\n", READOUT, 300),
    (b"\x06250\r\n", READOUT, 300),
    (b"\x06056\r\n", READOUT, 300),
]


@pytest.mark.parametrize(("select", "answer", "baud"), SELECTS)
def test_what_is_chosen_is_said_at_the_speed_that_is_chosen(select: bytes, answer: bytes, baud: int) -> None:
    talk = Talk()
    assert talk.hear(b"/?!\r\n") == (IDENTIFICATION, 300)
    assert talk.hear(select) == (answer, baud)


def test_who_chooses_nothing_gets_everything_at_the_first_speed() -> None:
    talk = Talk()
    talk.hear(b"/?!\r\n")
    assert talk.wait(ANSWER_MS_MAX - 1) is None
    assert talk.wait(1) == (READOUT, 300)
    assert talk.wait(ANSWER_MS_MAX) is None
    assert talk.phase is Phase.IDLE


@pytest.mark.parametrize(("address", "answers"), [("", True), ("m1", True), ("00m1", True), ("m2", False)])
def test_only_the_meter_that_is_meant_answers(address: str, answers: bool) -> None:
    talk = Talk()
    assert (talk.hear(b"/?" + address.encode() + b"!\r\n") is not None) is answers


def test_what_came_damaged_is_said_again_three_times() -> None:
    talk = Talk()
    talk.hear(b"/?!\r\n")
    first = talk.hear(b"\x06050\r\n")
    assert [talk.hear(NAK) for _ in range(REPEATS_MAX + 1)] == [first] * REPEATS_MAX + [None]
    assert talk.phase is Phase.IDLE


def test_a_command_that_came_damaged_is_asked_for_again_and_not_obeyed() -> None:
    talk = Talk()
    talk.open()
    block = command_block("W1", "0.9.2(200702)")
    assert talk.hear(block[:-1] + bytes((block[-1] ^ 1,))) == (NAK, 9600)
    assert talk.dates == []
    assert talk.hear(block) == (ACK, 9600)
    assert len(talk.dates) == 1


COMMANDS = [
    ("R1", "96.3.10()", answer_block(DataSet("96.3.10", "1"))),
    ("R5", "96.50.0(1)", answer_block(DataSet("96.50.0", "20.00", "EUR"))),
    ("R1", "9.9.9()", ERROR),
    ("R1", "96.3.10()96.3.10()", ERROR),
    ("R1", None, ERROR),
    ("R2", "96.3.10()", ERROR),
    ("W1", "96.3.10(0)", ERROR),
    ("W1", "0.9.2(201332)", ERROR),
    ("W5", "0.9.1(235959)", ACK),
    ("E2", "96.3.10()", ERROR),
]


@pytest.mark.parametrize(("name", "text", "answer"), COMMANDS)
def test_each_command_in_the_programming_mode(name: str, text: str | None, answer: bytes) -> None:
    talk = Talk()
    talk.open()
    assert talk.hear(command_block(name, text)) == (answer, 9600)
    assert talk.phase is Phase.PROGRAMMING


@pytest.mark.parametrize(("name", "text", "answer"), COMMANDS)
def test_none_of_them_is_obeyed_before_the_password(name: str, text: str | None, answer: bytes) -> None:
    talk = Talk()
    talk.hear(b"/?!\r\n")
    talk.hear(b"\x06051\r\n")
    assert talk.hear(command_block(name, text)) == (ERROR, 9600)
    assert (talk.dates, bool(answer)) == ([], True)


def test_three_wrong_passwords_lock_the_port_for_ten_minutes() -> None:
    talk = Talk()

    def attempt(password: str) -> tuple[bytes, int] | None:
        talk.hear(b"/?!\r\n")
        asked = talk.hear(b"\x06051\r\n")
        return asked if asked == (BREAK, 9600) else talk.hear(command_block("P1", f"({password})"))

    assert [attempt("wrong") for _ in range(3)] == [(BREAK, 9600)] * 3
    assert attempt(PASSWORD) == (BREAK, 9600)
    talk.at_ms += LOCKED_MS
    assert attempt(PASSWORD) == (ACK, 9600)


def test_silence_and_a_new_reader_end_what_was_open() -> None:
    talk = Talk()
    talk.open()
    phases = []
    for ms in (SILENCE_MS_MAX - 1, 1):
        assert talk.wait(ms) is None
        phases.append(talk.phase)
    talk.open()
    assert talk.hear(BREAK) is None
    assert [*phases, talk.phase] == [Phase.PROGRAMMING, Phase.IDLE, Phase.IDLE]
    talk.open()
    assert talk.hear(b"/?!\r\n") == (IDENTIFICATION, 300)
    talk.hear(b"\x06051\r\n")
    assert talk.hear(command_block("W1", "0.9.2(200702)")) == (ERROR, 9600)


def test_half_a_message_is_forgotten_after_a_pause() -> None:
    talk = Talk()
    assert talk.hear(b"/?") is None
    talk.at_ms += CHARACTER_MS_MAX + 1
    assert talk.hear(b"!\r\n") is None
    assert talk.hear(b"/?") is None
    talk.at_ms += CHARACTER_MS_MAX
    assert talk.hear(b"!\r\n") == (IDENTIFICATION, 300)


DATES = [
    ("0.9.4", "200702235959", "2020-07-02T21:59:59Z"),
    ("0.9.2", "201231", "2020-12-31T22:00:59Z"),
    ("0.9.1", "010203", "2020-07-01T23:02:03Z"),
    # Shown twice in that night, and never in the other one.
    ("0.9.4", "201025023000", "2020-10-25T00:30:00Z"),
    ("0.9.4", "200329023000", "2020-03-29T01:00:00Z"),
    ("0.9.2", "200230", None),
    ("0.9.1", "246000", None),
    ("0.9.1", "1234", None),
    ("0.9.4", "\uff12" + "00702235959", None),
    ("0.9.3", "200702", None),
]


@pytest.mark.parametrize(("address", "value", "instant"), DATES)
def test_a_written_date_is_one_of_the_wall(address: str, value: str, instant: str | None) -> None:
    found = date_of(DataSet(address, value), VIEW)
    assert (None if found is None else iso_from_ms(found)) == instant


def test_a_gas_meter_and_a_card_meter_are_read_out_too() -> None:
    gas = [each.address for each in readings(view(energy=Energy.GAS))]
    assert "3.0.0" in gas
    assert "1.8.0" not in gas
    old = installed(firmware="legacy-2020", profile="wallonia-card-2020").view()
    assert DataSet("96.50.2", "trusted") in readings(old)


PASSWORDS = [("00000000", True), ("a b", True), ("", False), ("é", False), ("a(b", False), ("a*b", False)]


@pytest.mark.parametrize(("text", "is_one"), PASSWORDS)
def test_a_password_is_what_a_reader_can_send(text: str, is_one: bool) -> None:
    assert is_password(text) is is_one


HEARD = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [
            b"/?!\r\n",
            b"\x06051\r\n",
            b"\x06050\r\n",
            ACK,
            NAK,
            BREAK,
            command_block("W1", "0.9.4(200702235959)"),
            command_block("R1", "1.8.0()"),
        ]
    ),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)
    .filter(lambda text: text != PASSWORD)
    .map(lambda text: command_block("P1", f"({text})")),
)


@given(st.lists(st.tuples(HEARD, st.integers(0, 3_000)), max_size=30))
def test_whatever_is_heard_no_date_is_set_without_the_password(heard: list[tuple[bytes, int]]) -> None:
    """And nothing ends the meter, and it remembers no more than a message."""
    talk = Talk()
    for data, ms in heard:
        talk.hear(data)
        talk.wait(ms)
        assert len(talk.session._buffer) <= 256
    assert talk.dates == []
