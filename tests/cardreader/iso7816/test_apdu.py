"""Commands and answers as bytes, in the four cases of ISO 7816-4 §5.2, short and extended; and TLV."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.iso7816.apdu import (
    CardGoneError,
    CommandApdu,
    ResponseApdu,
    read_command,
    read_response,
)
from cardreader.iso7816.status import StatusError, StatusWord, meaning, tries_left
from cardreader.iso7816.tlv import Tlv, read_tlvs, tlv
from protocols.errors import DocumentError

BYTE = st.integers(0, 255)
COMMANDS = st.builds(
    CommandApdu,
    BYTE,
    BYTE,
    BYTE,
    BYTE,
    st.binary(max_size=400),
    st.none() | st.integers(1, 256) | st.integers(257, 65_536),
    st.booleans(),
)


@pytest.mark.parametrize(
    ("data", "command"),
    [
        ("00A40400", CommandApdu(0, 0xA4, 4, 0)),
        ("00B0000000", CommandApdu(0, 0xB0, 0, 0, ne=256)),
        ("00B0000010", CommandApdu(0, 0xB0, 0, 0, ne=16)),
        ("00D60001 02 AABB", CommandApdu(0, 0xD6, 0, 1, b"\xaa\xbb")),
        ("00A40400 02 3F00 00", CommandApdu(0, 0xA4, 4, 0, b"\x3f\0", 256)),
        ("00B00000 00 0000", CommandApdu(0, 0xB0, 0, 0, ne=65_536, extended=True)),
        ("00B00000 00 0400", CommandApdu(0, 0xB0, 0, 0, ne=1024, extended=True)),
        ("00D60000 00 0002 AABB", CommandApdu(0, 0xD6, 0, 0, b"\xaa\xbb", extended=True)),
        ("00D60000 00 0001 AA 0000", CommandApdu(0, 0xD6, 0, 0, b"\xaa", 65_536, extended=True)),
    ],
)
def test_the_four_cases_on_paper(data: str, command: CommandApdu) -> None:
    assert read_command(bytes.fromhex(data)) == command
    assert command.encode() == bytes.fromhex(data)


@given(command=COMMANDS)
def test_a_command_that_is_written_is_read_again(command: CommandApdu) -> None:
    read = read_command(command.encode())
    assert (read.cla, read.ins, read.p1, read.p2) == (command.cla, command.ins, command.p1, command.p2)
    assert (read.data, read.ne) == (command.data, command.ne)
    assert read.encode() == command.encode()


@pytest.mark.parametrize(
    "data",
    [
        *("", "00", "00A404", "00D60000 02 AA", "00D60000 01 AA 00 00", "00D60000 00 0002 AA"),
        *("00D60000 00 0001 AA 00", "00D60000 00 0000 AA 0000", "00B00000 00 00"),
    ],
)
def test_a_command_whose_lengths_do_not_fit_is_refused(data: str) -> None:
    with pytest.raises(StatusError, match="6700"):
        read_command(bytes.fromhex(data))


@given(data=st.binary(max_size=40))
def test_any_bytes_are_a_command_or_refused(data: bytes) -> None:
    try:
        command = read_command(data)
    except StatusError:
        return
    assert command.encode() == data


@pytest.mark.parametrize("data", [b"", b"\x90"])
def test_an_answer_of_less_than_two_bytes_means_that_the_card_has_gone(data: bytes) -> None:
    with pytest.raises(CardGoneError, match="not known"):
        read_response(data)


@given(data=st.binary(max_size=300), status=st.integers(0, 0xFFFF))
def test_an_answer_that_is_written_is_read_again(data: bytes, status: int) -> None:
    assert read_response(ResponseApdu(data, status).encode()) == ResponseApdu(data, status)


def test_only_done_and_the_end_of_a_file_give_the_data() -> None:
    assert ResponseApdu(b"a", StatusWord.OK).checked() == b"a"
    assert ResponseApdu(b"a", StatusWord.END_OF_FILE).checked() == b"a"
    with pytest.raises(StatusError, match=r"no such file or application \(6A82\)"):
        ResponseApdu(b"", StatusWord.FILE_NOT_FOUND).checked()


@given(status=st.integers(0, 0xFFFF))
def test_every_status_has_a_meaning_in_words(status: int) -> None:
    assert meaning(status)


def test_failed_tries_are_told_with_their_number() -> None:
    assert tries_left(3) == 0x63C3
    assert tries_left(99) == 0x63CF
    assert meaning(0x63C3) == "the authentication failed; tries left: 3"


@given(
    objects=st.lists(
        st.tuples(st.sampled_from([0x4F, 0x5A, 0x61, 0x5F49, 0xDF21]), st.binary(max_size=300)), max_size=4
    )
)
def test_tlv_that_is_written_is_read_again(objects: list[tuple[int, bytes]]) -> None:
    data = b"".join(tlv(tag, value) for tag, value in objects)
    assert list(read_tlvs(data)) == [Tlv(tag, value) for tag, value in objects]


@pytest.mark.parametrize(
    ("data", "objects"),
    [
        ("5A 02 AABB", [Tlv(0x5A, b"\xaa\xbb")]),
        ("DF21 01 07 50 00", [Tlv(0xDF21, b"\x07"), Tlv(0x50, b"")]),
        ("50 81 80" + 128 * "41", [Tlv(0x50, 128 * b"A")]),
        ("50 82 0100" + 256 * "41", [Tlv(0x50, 256 * b"A")]),
    ],
)
def test_tlv_on_paper(data: str, objects: list[Tlv]) -> None:
    assert list(read_tlvs(bytes.fromhex(data))) == objects
    assert b"".join(tlv(*each) for each in objects) == bytes.fromhex(data)


@pytest.mark.parametrize("data", ["5A", "5A 02 AA", "5F", "5A 81", "5A 82 01", "5A 83 000001 00", "5A 80"])
def test_broken_tlv_is_refused(data: str) -> None:
    with pytest.raises(DocumentError, match="TLV"):
        list(read_tlvs(bytes.fromhex(data)))


@given(data=st.binary(max_size=20))
def test_any_bytes_are_tlv_or_refused(data: bytes) -> None:
    try:
        objects = list(read_tlvs(data))
    except DocumentError:
        return
    assert sum(len(each.value) for each in objects) <= len(data)


def test_a_value_that_no_length_can_say_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="65536 bytes"):
        tlv(0x50, bytes(65_536))
