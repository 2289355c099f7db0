"""Values of COSEM attributes in A-XDR (IEC 62056-5-3 annex; the types are of IEC 62056-6-2 §4.1.5). Pure."""

from enum import IntEnum, unique
from typing import Final, NamedTuple

# An attribute's value is a structure of arrays of structures at most; a request says no more than we do.
_DEPTH_MAX: Final = 8
_LONG_LENGTH: Final = 0x80
_LENGTH_OCTETS_MAX: Final = 4


class BrokenPduError(Exception):
    """Bytes that are no value or no request."""


@unique
class Tag(IntEnum):
    NULL = 0
    ARRAY = 1
    STRUCTURE = 2
    BOOLEAN = 3
    BIT_STRING = 4
    DOUBLE_LONG = 5
    DOUBLE_LONG_UNSIGNED = 6
    OCTET_STRING = 9
    VISIBLE_STRING = 10
    UTF8_STRING = 12
    BCD = 13
    INTEGER = 15
    LONG = 16
    UNSIGNED = 17
    LONG_UNSIGNED = 18
    LONG64 = 20
    LONG64_UNSIGNED = 21
    ENUM = 22
    FLOAT32 = 23
    FLOAT64 = 24
    DATE_TIME = 25
    DATE = 26
    TIME = 27


class Datum(NamedTuple):
    """One value. `number` for integers, enums and booleans; `items` of arrays and structures.

    `octets`: the bytes of strings, floats and dates; of a bit string the bits, and `number` counts them.
    """

    tag: Tag
    number: int = 0
    octets: bytes = b""
    items: tuple["Datum", ...] = ()


# How many bytes an integer has, and whether it has a sign.
_INTEGERS: Final = {
    Tag.BOOLEAN: (1, False),
    Tag.DOUBLE_LONG: (4, True),
    Tag.DOUBLE_LONG_UNSIGNED: (4, False),
    Tag.BCD: (1, False),
    Tag.INTEGER: (1, True),
    Tag.LONG: (2, True),
    Tag.UNSIGNED: (1, False),
    Tag.LONG_UNSIGNED: (2, False),
    Tag.LONG64: (8, True),
    Tag.LONG64_UNSIGNED: (8, False),
    Tag.ENUM: (1, False),
}
_FIXED: Final = {Tag.FLOAT32: 4, Tag.FLOAT64: 8, Tag.DATE_TIME: 12, Tag.DATE: 5, Tag.TIME: 4}
_STRINGS: Final = (Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING)
_LISTS: Final = (Tag.ARRAY, Tag.STRUCTURE)

NULL: Final = Datum(Tag.NULL)


def octets(data: bytes) -> Datum:
    """An octet string."""
    return Datum(Tag.OCTET_STRING, octets=data)


def structure(*items: Datum) -> Datum:
    """A structure of these values."""
    return Datum(Tag.STRUCTURE, items=items)


def array(*items: Datum) -> Datum:
    """An array of these values."""
    return Datum(Tag.ARRAY, items=items)


def bits(width: int, *which: int) -> Datum:
    """A bit string of `width` bits in which `which` are set; bit 0 is the first that is sent."""
    number = sum(1 << (width - 1 - each) for each in which)
    size = (width + 7) // 8
    return Datum(Tag.BIT_STRING, width, (number << (size * 8 - width)).to_bytes(size, "big"))


def bounded(tag: Tag, number: int) -> Datum:
    """An integer; one that its type does not hold becomes the nearest that it does."""
    size, is_signed = _INTEGERS[tag]
    span = 1 << (size * 8)
    low, high = (-span // 2, span // 2 - 1) if is_signed else (0, span - 1)
    return Datum(tag, max(low, min(number, high)))


def write_length(length: int) -> bytes:
    """A length: one byte below 128, else how many bytes follow, and those."""
    if length < _LONG_LENGTH:
        return bytes((length,))
    size = (length.bit_length() + 7) // 8
    return bytes((_LONG_LENGTH | size,)) + length.to_bytes(size, "big")


def write_value(value: Datum) -> bytes:
    """A value with its tag."""
    tag = value.tag
    head = bytes((tag,))
    if tag in _LISTS:
        return head + write_length(len(value.items)) + b"".join(write_value(each) for each in value.items)
    if tag in _INTEGERS:
        size, is_signed = _INTEGERS[tag]
        return head + value.number.to_bytes(size, "big", signed=is_signed)
    if tag in _STRINGS:
        return head + write_length(len(value.octets)) + value.octets
    if tag is Tag.BIT_STRING:
        return head + write_length(value.number) + value.octets
    return head + value.octets


class Cursor:
    """Reads bytes from the front. Whatever is asked for beyond their end raises BrokenPduError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if count > self.left:
            raise BrokenPduError(f"{count} bytes are wanted, {self.left} are there")
        self._at += count
        return self._data[self._at - count : self._at]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def number(self, size: int) -> int:
        """The next unsigned integer of so many bytes."""
        return int.from_bytes(self.take(size), "big")

    def flag(self) -> bool:
        """The next byte, which says whether something is there, or so."""
        flag = self.byte()
        if flag > 1:
            raise BrokenPduError(f"{flag} in place of a flag")
        return flag == 1

    def length(self) -> int:
        """The next length, as `write_length` has it."""
        first = self.byte()
        if first < _LONG_LENGTH:
            return first
        size = first - _LONG_LENGTH
        if not 1 <= size <= _LENGTH_OCTETS_MAX:
            raise BrokenPduError(f"a length of {size} bytes")
        return self.number(size)

    def end(self) -> None:
        """Nothing may be left."""
        if self.left:
            raise BrokenPduError(f"{self.left} bytes too many")


def read_value(cursor: Cursor, depth: int = 0) -> Datum:
    """The next value. Raises BrokenPduError; takes no more time and room than the bytes are long."""
    code = cursor.byte()
    if depth > _DEPTH_MAX or code not in _CODES:
        raise BrokenPduError(f"tag {code} at depth {depth}")
    tag = Tag(code)
    if tag in _LISTS:
        count = cursor.length()
        # Each value has a byte at least.
        if count > cursor.left:
            raise BrokenPduError(f"{count} values in {cursor.left} bytes")
        return Datum(tag, items=tuple(read_value(cursor, depth + 1) for _ in range(count)))
    if tag in _INTEGERS:
        size, is_signed = _INTEGERS[tag]
        return Datum(tag, int.from_bytes(cursor.take(size), "big", signed=is_signed))
    if tag in _STRINGS:
        return Datum(tag, octets=cursor.take(cursor.length()))
    if tag is Tag.BIT_STRING:
        width = cursor.length()
        return Datum(tag, width, cursor.take((width + 7) // 8))
    return Datum(tag, octets=cursor.take(_FIXED.get(tag, 0)))


_CODES: Final = frozenset(Tag)
