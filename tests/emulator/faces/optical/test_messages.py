"""Messages of IEC 62056-21: read as they were written, and bytes that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iec62056_21.messages import CommandMessage, IdentificationMessage, ReadoutDataMessage

from emulator.faces.optical.messages import (
    ETX,
    NAK,
    RECEIVED_BYTES_MAX,
    Command,
    DataSet,
    Message,
    OptionSelect,
    Sign,
    SignOn,
    answer_block,
    block_check,
    command_block,
    data_sets_in,
    readout_block,
    take,
)

WRITTEN = st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="()/!*")
DATA_SETS = st.builds(
    DataSet,
    st.text(WRITTEN, max_size=16),
    st.text(WRITTEN, max_size=128),
    st.text(WRITTEN, max_size=16),
)

TABLE: list[tuple[bytes, bool, Message | None, bytes]] = [
    (b"/?!\r\n", False, SignOn(""), b""),
    (b"\x00\x00\xff/?12 34!\r\n", False, SignOn("12 34"), b""),
    (b"/?!\r", False, None, b"/?!\r"),
    (b"/?!\n", False, None, b""),
    (b"/?" + b"1" * 33 + b"!\r\n", False, None, b""),
    (b"/?/?!\r\n", False, SignOn(""), b""),
    (b"\x06050\r\n", True, OptionSelect("0", "5", "0"), b""),
    (b"\x06050\r", True, None, b"\x06050\r"),
    (b"\x06050\r\n", False, Sign(is_good=True), b"050\r\n"),
    (b"\x06x50\r\nrest", True, None, b""),
    (b"\x15/?!\r\n", False, Sign(is_good=False), b"/?!\r\n"),
    (b"\x01B0\x03\x71", False, Command("B0", None, is_sound=True), b""),
    (b"\x01B0\x03\x70", False, Command("", None, is_sound=False), b""),
    (b"\x01B0\x03", False, None, b"\x01B0\x03"),
    (b"\x01Q0\x03\x62", False, Command("", None, is_sound=False), b""),
]


@pytest.mark.parametrize(("data", "selecting", "message", "rest"), TABLE)
def test_what_a_meter_takes_of_bytes(
    data: bytes, selecting: bool, message: Message | None, rest: bytes
) -> None:
    assert take(data, selecting=selecting) == (message, rest)


@given(st.sampled_from(["P1", "R1", "W1", "R5", "W5"]), DATA_SETS)
def test_a_command_is_read_as_it_was_written_here_and_by_others(name: str, data_set: DataSet) -> None:
    block = command_block(name, str(data_set))
    if len(block) <= RECEIVED_BYTES_MAX:
        assert take(block, selecting=False) == (Command(name, str(data_set), is_sound=True), b"")
    assert data_sets_in(str(data_set)) == (data_set,)
    theirs = CommandMessage.from_bytes(block)
    assert (theirs.command, theirs.command_type) == (name[0], int(name[1]))


@given(st.lists(DATA_SETS.filter(lambda each: each.address), max_size=20))
def test_a_readout_is_read_as_it_was_written_here_and_by_others(data_sets: list[DataSet]) -> None:
    block = readout_block(data_sets)
    assert data_sets_in(block[1:-2].decode("ascii")) == tuple(data_sets)
    lines = ReadoutDataMessage.from_bytes(block).data_block.data_lines
    assert len(lines) == len(data_sets)


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_taken_in_bounded_memory(data: bytes, selecting: bool) -> None:
    rest = data
    for _ in range(len(data) + 1):
        message, rest = take(rest, selecting=selecting)
        assert len(rest) <= RECEIVED_BYTES_MAX
        if message is None:
            break
    else:
        raise AssertionError("it takes messages for ever")


@given(st.text(max_size=300))
def test_any_text_is_data_sets_or_none(text: str) -> None:
    found = data_sets_in(text)
    assert found is None or "".join(map(str, found)).replace("*", "") in text.replace("\r\n", "").replace(
        "*", ""
    )


@given(DATA_SETS, st.data())
def test_one_bit_that_is_turned_over_is_seen(data_set: DataSet, data: st.DataObject) -> None:
    block = bytearray(answer_block(data_set))
    at = data.draw(st.integers(1, len(block) - 1))
    block[at] ^= 1 << data.draw(st.integers(0, 6))
    assert block_check(bytes(block[1:-1])) != block[-1:]
    assert ETX not in NAK


def test_an_identification_loses_nothing_in_a_reader_that_takes_a_character_away() -> None:
    assert IdentificationMessage.from_bytes(b"/RLC5\\2 m1\r\n").switchover_baudrate_char == "5"
