"""Seven bits with even parity in a character of eight, for adapters that know no 7E1. Pure.

IEC 62056-21, 5.4: one start bit, seven data bits, one even parity bit, one stop bit. Eight bits without
parity have the same length on the wire.
"""

from typing import Final

_DATA: Final = 0x7F
_PARITY: Final = 0x80
# What stands for a character whose parity is wrong, as a port of Linux does it: none that a meter sends.
WRONG: Final = 0x00


def with_parity(data: bytes) -> bytes:
    """Each character's seven bits with their parity."""
    return bytes(each & _DATA | _PARITY * _is_odd(each & _DATA) for each in data)


def without_parity(data: bytes) -> bytes:
    """The seven bits of each character; `WRONG` for one whose parity does not hold."""
    return bytes(WRONG if _is_odd(each) else each & _DATA for each in data)


def _is_odd(bits: int) -> bool:
    return bits.bit_count() % 2 == 1
