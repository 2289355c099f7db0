"""The checksum of telegrams, by vectors that are not ours."""

import pytest

from emulator.faces.p1.crc import crc16

# The check value of CRC-16/ARC in the catalogue of CRCs (reveng), and single bytes computed by hand.
VECTORS = [(b"", 0x0000), (b"123456789", 0xBB3D), (b"\x01", 0xC0C1), (b"\x80", 0xA001)]


@pytest.mark.parametrize(("data", "crc"), VECTORS)
def test_the_checksum_is_crc_16(data: bytes, crc: int) -> None:
    assert crc16(data) == crc
