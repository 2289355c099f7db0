"""GET, SET and ACTION of xDLMS (IEC 62056-5-3): requests that are read, answers that are written. Pure."""

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum, unique
from typing import Final, NamedTuple

from emulator.faces.dlms.values import NULL, BrokenPduError, Cursor, Datum, read_value, write_length

_GET, _SET, _ACTION = 0xC0, 0xC1, 0xC3
_GET_ANSWER, _SET_ANSWER, _ACTION_ANSWER = 0xC4, 0xC5, 0xC7
# Forms of answers: whole, a block of a GET, a list; a block of a SET taken, its last; one of an ACTION taken.
_NORMAL, _GET_BLOCK, _LIST, _SET_BLOCK_TAKEN, _SET_LAST_BLOCK, _ACTION_BLOCK_TAKEN = 1, 2, 3, 2, 3, 4
# Of an answer with a block: what is not its data.
BLOCK_HEAD_BYTES: Final = 14
# Invoke-id-and-priority: the bit of the service class.
CONFIRMED: Final = 0x40
# Attributes in one GET: as many as an object has, and more than any answer of one block holds.
GET_LIST_MAX: Final = 32


@unique
class DlmsResult(IntEnum):
    """Data-Access-Result, and Action-Result where it has the same number and meaning."""

    SUCCESS = 0
    READ_WRITE_DENIED = 3
    OBJECT_UNDEFINED = 4
    OBJECT_CLASS_INCONSISTENT = 9
    TYPE_UNMATCHED = 12
    NO_LONG_GET = 16
    LONG_SET_ABORTED = 17
    NO_LONG_SET = 18
    BLOCK_NUMBER_INVALID = 19
    OTHER_REASON = 250


@unique
class LongActionResult(IntEnum):
    """What only an Action-Result says."""

    ABORTED = 15
    NOT_RUNNING = 16


@unique
class ServiceFault(IntEnum):
    """An exception response: state error and service error, one byte each."""

    NOT_ASSOCIATED = 0x0101
    BROKEN = 0x0103
    NOT_SUPPORTED = 0x0102
    UNKNOWN = 0x0202
    NOT_DECIPHERED = 0x0105


class Member(NamedTuple):
    """An attribute or a method of an object. `name`: the six bytes of its OBIS code."""

    class_id: int
    name: bytes
    number: int


class Selection(NamedTuple):
    """Which part of an attribute is meant: the selector says what `value` means."""

    selector: int
    value: Datum


class WantedAttribute(NamedTuple):
    """An attribute, or a part of it; None: the whole of it."""

    member: Member
    selection: Selection | None


class DataBlock(NamedTuple):
    """A part of a value that comes in blocks, counted from 1."""

    is_last: bool
    number: int
    data: bytes


class GetRequest(NamedTuple):
    invoke: int
    wanted: WantedAttribute


class GetListRequest(NamedTuple):
    invoke: int
    wanted: tuple[WantedAttribute, ...]


class GetNextRequest(NamedTuple):
    """`block`: the last one that was received."""

    invoke: int
    block: int


class SetRequest(NamedTuple):
    invoke: int
    wanted: WantedAttribute
    value: Datum


class SetBlockRequest(NamedTuple):
    """`wanted`: of the first block; None: of another one."""

    invoke: int
    wanted: WantedAttribute | None
    block: DataBlock


class ActionRequest(NamedTuple):
    """`value` is null where the method was given none."""

    invoke: int
    member: Member
    value: Datum


class ActionBlockRequest(NamedTuple):
    """`member`: of the first block; None: of another one."""

    invoke: int
    member: Member | None
    block: DataBlock


class UnsupportedRequest(NamedTuple):
    """A service that this meter does not have (`fault` says so), or not in this form."""

    fault: ServiceFault


Request = (
    GetRequest
    | GetListRequest
    | GetNextRequest
    | SetRequest
    | SetBlockRequest
    | ActionRequest
    | ActionBlockRequest
    | UnsupportedRequest
)


def read_request(pdu: bytes) -> Request:
    """What a client asks for. Raises BrokenPduError for what begins as a request and is none."""
    cursor = Cursor(pdu)
    tag = cursor.byte()
    if tag not in (_GET, _SET, _ACTION):
        return UnsupportedRequest(ServiceFault.UNKNOWN)
    read = _FORMS.get((tag, cursor.byte()))
    if read is None:
        return UnsupportedRequest(ServiceFault.NOT_SUPPORTED)
    request = read(cursor.byte(), cursor)
    cursor.end()
    return request


def _get(invoke: int, cursor: Cursor) -> Request:
    return GetRequest(invoke, _read_wanted(cursor))


def _get_list(invoke: int, cursor: Cursor) -> Request:
    count = cursor.length()
    if count > GET_LIST_MAX:
        raise BrokenPduError(f"{count} attributes in a list")
    return GetListRequest(invoke, tuple(_read_wanted(cursor) for _ in range(count)))


def _get_next(invoke: int, cursor: Cursor) -> Request:
    return GetNextRequest(invoke, cursor.number(4))


def _set(invoke: int, cursor: Cursor) -> Request:
    return SetRequest(invoke, _read_wanted(cursor), read_value(cursor))


def _set_first_block(invoke: int, cursor: Cursor) -> Request:
    return SetBlockRequest(invoke, _read_wanted(cursor), _read_block(cursor))


def _set_block(invoke: int, cursor: Cursor) -> Request:
    return SetBlockRequest(invoke, None, _read_block(cursor))


def _act(invoke: int, cursor: Cursor) -> Request:
    member = _read_member(cursor)
    return ActionRequest(invoke, member, read_value(cursor) if cursor.flag() else NULL)


def _act_first_block(invoke: int, cursor: Cursor) -> Request:
    return ActionBlockRequest(invoke, _read_member(cursor), _read_block(cursor))


def _act_block(invoke: int, cursor: Cursor) -> Request:
    return ActionBlockRequest(invoke, None, _read_block(cursor))


_FORMS: Final[Mapping[tuple[int, int], Callable[[int, Cursor], Request]]] = {
    (_GET, 1): _get,
    (_GET, 2): _get_next,
    (_GET, 3): _get_list,
    (_SET, 1): _set,
    (_SET, 2): _set_first_block,
    (_SET, 3): _set_block,
    (_ACTION, 1): _act,
    (_ACTION, 4): _act_first_block,
    (_ACTION, 6): _act_block,
}


def _read_member(cursor: Cursor) -> Member:
    return Member(cursor.number(2), cursor.take(6), cursor.byte())


def _read_wanted(cursor: Cursor) -> WantedAttribute:
    member = _read_member(cursor)
    return WantedAttribute(member, Selection(cursor.byte(), read_value(cursor)) if cursor.flag() else None)


def _read_block(cursor: Cursor) -> DataBlock:
    return DataBlock(cursor.flag(), cursor.number(4), cursor.take(cursor.length()))


def write_get(invoke: int, data: bytes) -> bytes:
    """A whole value, which is encoded already."""
    return bytes((_GET_ANSWER, _NORMAL, invoke, 0)) + data


def write_get_refused(invoke: int, result: DlmsResult) -> bytes:
    """No value, and why."""
    return bytes((_GET_ANSWER, _NORMAL, invoke, 1, result))


def write_get_list(invoke: int, data: bytes) -> bytes:
    """The answers of a list, as `write_answers` has them."""
    return bytes((_GET_ANSWER, _LIST, invoke)) + data


def write_answers(answers: Iterable[bytes | DlmsResult]) -> bytes:
    """For each of a list its encoded value, or why there is none."""
    each = [bytes((1, one)) if isinstance(one, DlmsResult) else b"\x00" + one for one in answers]
    return write_length(len(each)) + b"".join(each)


def write_block(invoke: int, block: int, data: bytes, *, is_last: bool) -> bytes:
    """A part of a value."""
    head = bytes((_GET_ANSWER, _GET_BLOCK, invoke, is_last)) + block.to_bytes(4, "big")
    return head + b"\x00" + write_length(len(data)) + data


def write_block_refused(invoke: int, block: int, result: DlmsResult) -> bytes:
    """No more parts, and why."""
    return bytes((_GET_ANSWER, _GET_BLOCK, invoke, 1)) + block.to_bytes(4, "big") + bytes((1, result))


def write_set(invoke: int, result: DlmsResult) -> bytes:
    """What became of a SET."""
    return bytes((_SET_ANSWER, _NORMAL, invoke, result))


def write_set_block(invoke: int, block: int) -> bytes:
    """A block of a SET has come; the next one may."""
    return bytes((_SET_ANSWER, _SET_BLOCK_TAKEN, invoke)) + block.to_bytes(4, "big")


def write_set_last(invoke: int, block: int, result: DlmsResult) -> bytes:
    """What became of a SET in blocks, at its last one or at the one that ended it."""
    return bytes((_SET_ANSWER, _SET_LAST_BLOCK, invoke, result)) + block.to_bytes(4, "big")


def write_action(invoke: int, result: DlmsResult | LongActionResult) -> bytes:
    """What became of an ACTION; no method here gives a value back."""
    return bytes((_ACTION_ANSWER, _NORMAL, invoke, result, 0))


def write_action_block(invoke: int, block: int) -> bytes:
    """A block of an ACTION has come; the next one may."""
    return bytes((_ACTION_ANSWER, _ACTION_BLOCK_TAKEN, invoke)) + block.to_bytes(4, "big")


def write_fault(fault: ServiceFault) -> bytes:
    """An exception response."""
    return b"\xd8" + fault.to_bytes(2, "big")


def write_counter_fault(expected: int) -> bytes:
    """An exception response: the invocation counter is not the one that is expected, or a greater one."""
    return b"\xd8\x01\x06" + expected.to_bytes(4, "big")


def write_action_value(invoke: int, data: bytes) -> bytes:
    """An ACTION that has succeeded, and gives a value back, which is encoded already."""
    return bytes((_ACTION_ANSWER, _NORMAL, invoke, DlmsResult.SUCCESS, 1, 0)) + data
