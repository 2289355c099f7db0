"""Values in A-XDR: what is written is read, and bytes that are no value are refused, not followed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.dlms.values import (
    BrokenPduError,
    Cursor,
    Datum,
    Tag,
    bits,
    bounded,
    octets,
    read_value,
    write_value,
)

LEAVES = (
    st.just(Datum(Tag.NULL))
    | st.integers(-(1 << 15), (1 << 15) - 1).map(lambda number: Datum(Tag.LONG, number))
    | st.integers(0, (1 << 64) - 1).map(lambda number: Datum(Tag.LONG64_UNSIGNED, number))
    | st.binary(max_size=200).map(octets)
    | st.integers(0, 10).map(lambda bit: bits(11, bit))
)


def lists_of(values: st.SearchStrategy[Datum]) -> st.SearchStrategy[Datum]:
    """Arrays and structures of some values."""
    items = st.lists(values, max_size=3).map(tuple)
    return st.tuples(st.sampled_from((Tag.ARRAY, Tag.STRUCTURE)), items).map(
        lambda of: Datum(of[0], items=of[1])
    )


@given(LEAVES | lists_of(LEAVES | lists_of(LEAVES)))
def test_what_is_written_is_read(value: Datum) -> None:
    assert read_value(Cursor(write_value(value))) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_broken(data: bytes) -> None:
    cursor = Cursor(data)
    try:
        value = read_value(cursor)
    except BrokenPduError:
        return
    used = data[: len(data) - cursor.left]
    assert read_value(Cursor(write_value(value))) == value
    assert len(write_value(value)) <= len(used)


WRONG = [
    # More than there is: no room is made for what a length only promises.
    "0184ffffffff",
    "0984ffffffff00",
    "0484ffffffff",
    "0103 0f01 0f02",
    # A length of no bytes, and one of five.
    "0980",
    "0985 0000000001 00",
    # No such type, and a type of which only a length has come.
    "1301",
    "ff",
    "09",
    "",
    # Arrays in arrays in arrays.
    "0101" * 9 + "00",
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_value_that_cannot_be_is_broken(wrong: str) -> None:
    with pytest.raises(BrokenPduError):
        read_value(Cursor(bytes.fromhex(wrong)))


def test_bit_0_is_the_first_and_a_number_stays_within_its_type() -> None:
    assert write_value(bits(8, 0, 2)) == bytes.fromhex("0408a0")
    assert write_value(bits(3, 1)) == bytes.fromhex("040340")
    assert write_value(bounded(Tag.LONG, 40_000)) == bytes.fromhex("107fff")
    assert write_value(bounded(Tag.DOUBLE_LONG, -5)) == bytes.fromhex("05fffffffb")
    assert write_value(octets(bytes(200)))[:3] == bytes.fromhex("0981c8")
