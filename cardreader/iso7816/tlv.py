"""BER-TLV as cards use it: tag, length, value (ISO 7816-4 §6.3, ISO/IEC 8825-1 §8.1).

Tags of one or two bytes, lengths of up to 65,535 bytes. Pure.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from protocols.errors import DocumentError

# A tag whose five low bits are set goes on in the next byte.
_MORE_TAG: Final = 0x1F
_ONE_BYTE_LENGTH_MAX: Final = 0x7F
_ONE_MORE: Final = 0x81
_TWO_MORE: Final = 0x82
_ONE_BYTE_MAX: Final = 0xFF
_VALUE_BYTES_MAX: Final = 0xFFFF


class Tlv(NamedTuple):
    """One data object."""

    tag: int
    value: bytes


def tlv(tag: int, value: bytes) -> bytes:
    """The bytes of a data object. Raises ValueError for a value that is too long."""
    if len(value) > _VALUE_BYTES_MAX:
        raise ValueError(f"a value of {len(value)} bytes; at most {_VALUE_BYTES_MAX}")
    head = tag.to_bytes(2 if tag > _ONE_BYTE_MAX else 1)
    if len(value) <= _ONE_BYTE_LENGTH_MAX:
        return head + bytes((len(value),)) + value
    if len(value) <= _ONE_BYTE_MAX:
        return head + bytes((_ONE_MORE, len(value))) + value
    return head + bytes((_TWO_MORE,)) + len(value).to_bytes(2) + value


def read_tlvs(data: bytes) -> Iterator[Tlv]:
    """The data objects that stand one after the other. Raises DocumentError where they are broken."""
    at = 0
    while at < len(data):
        tag, at = _tag(data, at)
        length, at = _length(data, at)
        if at + length > len(data):
            raise DocumentError(f"TLV: {length} bytes of value announced; {len(data) - at} follow")
        yield Tlv(tag, data[at : at + length])
        at += length


def _tag(data: bytes, at: int) -> tuple[int, int]:
    if data[at] & _MORE_TAG != _MORE_TAG:
        return data[at], at + 1
    if at + 2 > len(data):
        raise DocumentError("TLV: the tag is cut off")
    return int.from_bytes(data[at : at + 2]), at + 2


def _length(data: bytes, at: int) -> tuple[int, int]:
    first = data[at] if at < len(data) else None
    if first is not None and first <= _ONE_BYTE_LENGTH_MAX:
        return first, at + 1
    width = {_ONE_MORE: 1, _TWO_MORE: 2}.get(-1 if first is None else first)
    if width is None or at + 1 + width > len(data):
        raise DocumentError("TLV: the length is cut off, or of more than two bytes")
    return int.from_bytes(data[at + 1 : at + 1 + width]), at + 1 + width
