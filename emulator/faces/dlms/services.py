"""GET, SET and ACTION of xDLMS (IEC 62056-5-3): requests that are read, answers that are written. Pure."""

from enum import IntEnum, unique
from typing import Final, NamedTuple

from emulator.faces.dlms.values import NULL, BrokenPduError, Cursor, Datum, read_value, write_length

_GET, _SET, _ACTION = 0xC0, 0xC1, 0xC3
_NORMAL, _NEXT = 1, 2
# Of an answer with a block: what is not its data.
BLOCK_HEAD_BYTES: Final = 14


@unique
class DlmsResult(IntEnum):
    """Data-Access-Result, and Action-Result where it has the same number and meaning."""

    SUCCESS = 0
    READ_WRITE_DENIED = 3
    OBJECT_UNDEFINED = 4
    OBJECT_CLASS_INCONSISTENT = 9
    TYPE_UNMATCHED = 12
    NO_LONG_GET = 16
    BLOCK_NUMBER_INVALID = 19
    OTHER_REASON = 250


@unique
class ServiceFault(IntEnum):
    """An exception response: state error and service error, one byte each."""

    NOT_ASSOCIATED = 0x0101
    BROKEN = 0x0103
    NOT_SUPPORTED = 0x0102
    UNKNOWN = 0x0202


class Member(NamedTuple):
    """An attribute or a method of an object. `name`: the six bytes of its OBIS code."""

    class_id: int
    name: bytes
    number: int


class GetRequest(NamedTuple):
    """`is_selective`: only a part of the attribute is asked for."""

    invoke: int
    member: Member
    is_selective: bool


class GetNextRequest(NamedTuple):
    """`block`: the last one that was received."""

    invoke: int
    block: int


class SetRequest(NamedTuple):
    invoke: int
    member: Member
    is_selective: bool
    value: Datum


class ActionRequest(NamedTuple):
    """`value` is null where the method was given none."""

    invoke: int
    member: Member
    value: Datum


class UnsupportedRequest(NamedTuple):
    """A service that this meter does not have (`fault` says so), or not in this form."""

    fault: ServiceFault


Request = GetRequest | GetNextRequest | SetRequest | ActionRequest | UnsupportedRequest


def read_request(pdu: bytes) -> Request:
    """What a client asks for. Raises BrokenPduError for what begins as a request and is none."""
    cursor = Cursor(pdu)
    tag = cursor.byte()
    if tag not in (_GET, _SET, _ACTION):
        return UnsupportedRequest(ServiceFault.UNKNOWN)
    form = cursor.byte()
    if tag == _GET and form == _NEXT:
        request: Request = GetNextRequest(cursor.byte(), cursor.number(4))
    elif form != _NORMAL:
        return UnsupportedRequest(ServiceFault.NOT_SUPPORTED)
    else:
        request = _read_normal(tag, cursor)
    cursor.end()
    return request


def _read_normal(tag: int, cursor: Cursor) -> Request:
    invoke = cursor.byte()
    member = Member(cursor.number(2), cursor.take(6), cursor.byte())
    has_more = cursor.byte()
    if has_more > 1:
        raise BrokenPduError(f"{has_more} in place of a usage flag")
    if tag == _ACTION:
        return ActionRequest(invoke, member, read_value(cursor) if has_more else NULL)
    if has_more:
        cursor.byte()
        read_value(cursor)
    if tag == _GET:
        return GetRequest(invoke, member, bool(has_more))
    return SetRequest(invoke, member, bool(has_more), read_value(cursor))


def write_get(invoke: int, data: bytes) -> bytes:
    """A whole value, which is encoded already."""
    return bytes((0xC4, _NORMAL, invoke, 0)) + data


def write_get_refused(invoke: int, result: DlmsResult) -> bytes:
    """No value, and why."""
    return bytes((0xC4, _NORMAL, invoke, 1, result))


def write_block(invoke: int, block: int, data: bytes, *, is_last: bool) -> bytes:
    """A part of a value."""
    head = bytes((0xC4, _NEXT, invoke, is_last)) + block.to_bytes(4, "big")
    return head + b"\x00" + write_length(len(data)) + data


def write_block_refused(invoke: int, block: int, result: DlmsResult) -> bytes:
    """No more parts, and why."""
    return bytes((0xC4, _NEXT, invoke, 1)) + block.to_bytes(4, "big") + bytes((1, result))


def write_set(invoke: int, result: DlmsResult) -> bytes:
    """What became of a SET."""
    return bytes((0xC5, _NORMAL, invoke, result))


def write_action(invoke: int, result: DlmsResult) -> bytes:
    """What became of an ACTION; no method here gives a value back."""
    return bytes((0xC7, _NORMAL, invoke, result, 0))


def write_fault(fault: ServiceFault) -> bytes:
    """An exception response."""
    return b"\xd8" + fault.to_bytes(2, "big")
