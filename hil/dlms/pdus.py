"""What a DLMS client says and what it is answered: opening, GET, ACTION in blocks (IEC 62056-5-3). Pure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from emulator.faces.dlms.acse import CONFORMANCE, DLMS_VERSION, LN_CONTEXT, LOW_SECURITY
from emulator.faces.dlms.values import BrokenPduError, Cursor, Datum, read_value, write_length, write_value
from emulator.faces.dlms.wrapper import RECEIVE_BYTES_MAX

RELEASE: Final = bytes.fromhex("62 03 80 01 00")
RELEASED: Final = 0x63
_AARQ, _AARE = 0x60, 0x61
_INVOKE: Final = 0xC1
# GET-Request-Normal, and ACTION-Request: normal, with its first block, with a further one.
_GET, _ACT, _ACT_FIRST, _ACT_NEXT = b"\xc0\x01", b"\xc3\x01", b"\xc3\x04", b"\xc3\x06"
_GOT: Final = b"\xc4\x01"
_ACTED: Final = b"\xc7\x01"
_BLOCK_TAKEN: Final = b"\xc7\x04"
# Request, invoke id, member, and of a block its head: what is not value in the longest PDU.
_HEAD_BYTES: Final = 24
# Conformance of the InitiateResponse, behind which the longest PDU of the meter stands.
_CONFORMANCE_HEAD: Final = b"\x5f\x1f\x04\x00"


class CosemMember(NamedTuple):
    """An attribute or a method of an object."""

    class_id: int
    name: bytes
    number: int

    def encoded(self) -> bytes:
        """As a request names it."""
        return self.class_id.to_bytes(2, "big") + self.name + bytes((self.number,))


def opening(password: str) -> bytes:
    """An AARQ: logical names, low level security with this password, everything that we may ask for."""
    initiate = bytes.fromhex("01 00 00 00") + bytes((DLMS_VERSION,)) + _CONFORMANCE_HEAD
    initiate += CONFORMANCE.to_bytes(3, "big") + RECEIVE_BYTES_MAX.to_bytes(2, "big")
    secret = password.encode("ascii")
    fields = (
        (0xA1, _field(0x06, LN_CONTEXT)),
        (0x8A, bytes.fromhex("07 80")),
        (0x8B, LOW_SECURITY),
        (0xAC, _field(0x80, secret)),
        (0xBE, _field(0x04, initiate)),
    )
    return _field(_AARQ, b"".join(_field(tag, data) for tag, data in fields))


def agreed_bytes(answer: bytes) -> int:
    """The longest PDU that the meter takes, from the AARE that opens. Raises BrokenPduError for a refusal."""
    # Association-result, accepted.
    if answer[:1] != bytes((_AARE,)) or b"\xa2\x03\x02\x01\x00" not in answer:
        raise BrokenPduError(f"an AARE that accepts expected; found: {answer[:40].hex(' ')}")
    at = answer.find(_CONFORMANCE_HEAD)
    found = answer[at + 7 : at + 9]
    size = int.from_bytes(found, "big")
    if at < 0 or len(found) < 2 or size <= _HEAD_BYTES:  # noqa: PLR2004 # two bytes of a length
        raise BrokenPduError(f"an InitiateResponse expected; found: {answer[-40:].hex(' ')}")
    return min(size, RECEIVE_BYTES_MAX)


def get(member: CosemMember) -> bytes:
    """A request for an attribute."""
    return _GET + bytes((_INVOKE,)) + member.encoded() + b"\x00"


def value_of(answer: bytes) -> Datum:
    """The value that was asked for. Raises BrokenPduError for a refusal, or for one that comes in blocks."""
    if answer[:2] != _GOT or answer[3:4] != b"\x00":
        raise BrokenPduError(f"a value expected; found: {answer[:40].hex(' ')}")
    cursor = Cursor(answer[4:])
    found = read_value(cursor)
    cursor.end()
    return found


def acts(member: CosemMember, value: Datum, bytes_max: int) -> Iterator[bytes]:
    """The requests that hand a value to a method: one, or as many blocks as it takes."""
    data = write_value(value)
    if len(data) + _HEAD_BYTES <= bytes_max:
        yield _ACT + bytes((_INVOKE,)) + member.encoded() + b"\x01" + data
        return
    size = bytes_max - _HEAD_BYTES
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    for number, part in enumerate(parts, 1):
        head = _ACT_FIRST + bytes((_INVOKE,)) + member.encoded() if number == 1 else _ACT_NEXT + b"\xc1"
        last = bytes((number == len(parts),))
        yield head + last + number.to_bytes(4, "big") + write_length(len(part)) + part


def check_acted(answer: bytes) -> None:
    """Raises BrokenPduError where a method, or a block of what it is given, was not taken."""
    if answer[:2] == _BLOCK_TAKEN or (answer[:2] == _ACTED and answer[3:4] == b"\x00"):
        return
    raise BrokenPduError(f"an ACTION that succeeds expected; found: {answer[:40].hex(' ')}")


def _field(tag: int, data: bytes) -> bytes:
    return bytes((tag,)) + write_length(len(data)) + data
