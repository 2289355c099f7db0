"""Tables held as bytes: to whoever asks they are the dictionaries that they stand for."""

from copy import deepcopy

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.credit import Counted, CountedTable
from emulator.firmware.packed import PackedTable, encode_packed

_SUMS = st.integers(0, 2**62 - 1)
_TABLES = st.dictionaries(
    st.text(max_size=5), st.builds(Counted, _SUMS, _SUMS, st.integers(0, 9)), max_size=5
)
_ENCODER = msgspec.msgpack.Encoder(enc_hook=encode_packed)


@given(_TABLES, st.text(max_size=5))
def test_a_packed_table_answers_as_its_dictionary(table: dict[str, Counted], name: str) -> None:
    packed = CountedTable.pack(table)
    assert isinstance(packed, PackedTable) == bool(table)
    assert (packed, len(packed), {**packed}) == (table, len(table), table)
    assert (list(packed), list(packed.items()), list(packed.values())) == (
        list(table),
        list(table.items()),
        list(table.values()),
    )
    assert (packed.get(name), name in packed) == (table.get(name), name in table)
    assert CountedTable.pack(packed) is packed
    assert deepcopy(packed) == table


@given(_TABLES)
def test_a_packed_table_stands_in_an_image_as_its_dictionary(table: dict[str, Counted]) -> None:
    assert _ENCODER.encode(CountedTable.pack(table)) == msgspec.msgpack.encode(table)


def test_tables_of_the_same_entries_are_one_key_and_no_other_object_is_encoded() -> None:
    one, same, other = (CountedTable.pack({"1-0:1.8.1": Counted(energy)}) for energy in (1, 1, 2))
    assert isinstance(one, PackedTable)
    assert {one, same, other} == {one, other}
    assert repr(one) == repr({"1-0:1.8.1": Counted(1)})
    with pytest.raises(NotImplementedError, match="complex"):
        _ENCODER.encode(1j)
