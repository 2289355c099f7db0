"""What becomes of characters on a line whose two ends are set differently. Pure.

A meter speaks 7E1: seven bits and an even parity bit. A reader that is set to 8N1 gets the parity as its
eighth bit, and must bring it. One at another speed understands nothing, and is not understood.
"""

from typing import Final

from emulator.faces.line_format import LineFormat

_SEVEN: Final = 0x7F


def heard(data: bytes, reader: LineFormat | None, baud: int) -> bytes:
    """What a meter at this speed hears of a reader's bytes. `reader` None: nothing is known of its port."""
    if reader is None:
        return bytes(byte for byte in data if byte <= _SEVEN)
    if not _fits(reader, baud):
        return b""
    if reader.data_bits == 8:  # noqa: PLR2004 # bits
        return bytes(byte & _SEVEN for byte in data if byte == _with_parity(byte & _SEVEN))
    return bytes(byte for byte in data if byte <= _SEVEN)


def said(data: bytes, reader: LineFormat | None, baud: int) -> bytes:
    """What a reader gets of a meter's characters at this speed."""
    if reader is None:
        return data
    if not _fits(reader, baud):
        return b""
    return bytes(map(_with_parity, data)) if reader.data_bits == 8 else data  # noqa: PLR2004 # bits


def _fits(reader: LineFormat, baud: int) -> bool:
    shape = (reader.data_bits, reader.parity)
    return reader.baud == baud and shape in ((7, "E"), (8, "N"), (None, None))


def _with_parity(byte: int) -> int:
    return byte | (byte.bit_count() & 1) << 7
