"""Which reader a person means, and how a command travels to a card that speaks T=0."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.iso7816.apdu import DATA_SHORT_MAX, NE_SHORT_MAX, CommandApdu, read_command
from cardreader.readers.reader_states import ReaderState, chosen
from cardreader.readers.t0 import as_t0
from protocols.errors import InputError, UnreachableError


def reader(text: str) -> ReaderState:
    """`Name`, with a `*` behind it where a card is in it."""
    name = text.removesuffix("*")
    return ReaderState(name, 0x10 if name == text else 0x20)


@pytest.mark.parametrize(
    ("there", "wanted", "name"),
    [
        ("Kiosk 00 00", "Kiosk 00 00", "Kiosk 00 00"),
        ("Kiosk 00 00*|Kiosk 00 00 X*", "Kiosk 00 00", "Kiosk 00 00"),  # the whole name wins
        ("ACS 00 00|Kiosk 01 00", "kiosk", "Kiosk 01 00"),
        ("ACS 00 00|ACS 01 00*", "acs", "ACS 01 00"),
        ("ACS 00 00|ACS 01 00*|Kiosk*", "ACS", "ACS 01 00"),
        ("ACS 00 00|Kiosk*", "any", "Kiosk"),
        ("ACS 00 00", "any", "ACS 00 00"),  # the service says that it is empty
    ],
)
def test_the_reader_that_is_meant(there: str, wanted: str, name: str) -> None:
    assert chosen([reader(each) for each in there.split("|")], wanted, "--reader").name == name


@pytest.mark.parametrize(
    ("there", "wanted", "error", "line"),
    [
        ("", "any", UnreachableError, "--reader: no card reader is plugged in: plug one in, then try again"),
        ("A|B", "any", UnreachableError, '--reader: there is no card in "A" or "B": put one in'),
        ("A*|B*", "any", UnreachableError, 'cards in "A" and "B": take one out, or name the reader'),
        ("A 1*|A 2*|B", "A", UnreachableError, 'cards in "A 1" and "A 2": take one out'),
        ("A|B*", "C", InputError, '--reader: "C"; allowed: virtual:FILE, any, or a reader: "A", "B"'),
    ],
)
def test_no_reader_is_guessed(there: str, wanted: str, error: type[Exception], line: str) -> None:
    with pytest.raises(error) as told:
        chosen([reader(each) for each in there.split("|") if each], wanted, "--reader")
    assert line in str(told.value)


@pytest.mark.parametrize(
    ("flags", "has_card", "is_mute", "in_use", "events"),
    [
        (0x00000012, False, False, False, 0),
        (0x00030022, True, False, False, 3),
        (0x00030122, True, False, True, 3),
        (0xFFFF00A2, True, False, True, 65535),
        (0x00010222, True, True, False, 1),
    ],
)
def test_what_the_service_says_of_a_reader(
    flags: int, has_card: bool, is_mute: bool, in_use: bool, events: int
) -> None:
    state = ReaderState("R", flags)
    assert (state.has_card, state.is_mute, state.in_use, state.events) == (has_card, is_mute, in_use, events)


COMMANDS = st.builds(
    CommandApdu,
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=DATA_SHORT_MAX),
    st.none() | st.integers(1, NE_SHORT_MAX),
)


@given(COMMANDS)
def test_t0_sends_header_and_p3_and_data_and_no_le_behind_data(command: CommandApdu) -> None:
    sent = as_t0(command.encode())
    assert sent[:4] == command.encode()[:4]
    if command.data:
        assert sent[4:] == bytes((len(command.data),)) + command.data
    else:
        assert sent[4:] == bytes(((command.ne or 0) % 256,))
    # Nothing but Le is lost.
    assert read_command(sent).data == command.data


def test_t0_carries_no_extended_command() -> None:
    with pytest.raises(InputError, match="T=0 alone: it takes no command of more than 255 bytes"):
        as_t0(CommandApdu(0, 0xD6, 0, 0, bytes(256)).encode())
