"""The checksum of a telegram: CRC-16, polynomial x^16 + x^15 + x^2 + 1, least significant bit first.

It begins with 0, nothing is inverted at its end, and it is over all from `/` to `!` (DSMR 5.0.2 P1, §6.2).
"""

from typing import Final

_POLYNOMIAL: Final = 0xA001
_BYTE: Final = 256


def _row(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE: Final = tuple(_row(byte) for byte in range(_BYTE))


def crc16(data: bytes) -> int:
    """The checksum of these bytes."""
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc
