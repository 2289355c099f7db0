"""Characters between two ends that are set alike, or not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.line_format import LineFormat
from emulator.faces.optical.characters import heard, said

TEXT = b"/?!\r\n"
PARITY = bytes(byte | (byte.bit_count() & 1) << 7 for byte in TEXT)
TABLE = [
    (None, TEXT, TEXT, TEXT),
    (LineFormat(300, 7, "E"), TEXT, TEXT, TEXT),
    (LineFormat(300), TEXT, TEXT, TEXT),
    # 8N1 brings and gets the parity as its eighth bit.
    (LineFormat(300, 8, "N"), PARITY, TEXT, PARITY),
    (LineFormat(300, 8, "N"), TEXT, bytes(each for each in TEXT if each in PARITY), PARITY),
    (LineFormat(300, 7, "O"), TEXT, b"", b""),
    (LineFormat(300, 7, "N"), TEXT, b"", b""),
    (LineFormat(9600, 7, "E"), TEXT, b"", b""),
    (LineFormat(9600), TEXT, b"", b""),
]


@pytest.mark.parametrize(("reader", "sent", "is_heard", "is_got"), TABLE)
def test_what_is_understood_at_300_baud(
    reader: LineFormat | None, sent: bytes, is_heard: bytes, is_got: bytes
) -> None:
    assert heard(sent, reader, 300) == is_heard
    assert said(TEXT, reader, 300) == is_got


@given(st.binary(max_size=100), st.integers(7, 8), st.sampled_from("NEO"))
def test_a_meter_hears_seven_bits_whatever_comes(data: bytes, data_bits: int, parity: str) -> None:
    assert all(byte < 0x80 for byte in heard(data, LineFormat(300, data_bits, parity), 300))
