"""What the requests of an open association come to: answers, and the deed that comes before one. Pure.

At most one value is under way in blocks, in either direction: any other request ends it, and a block that
was not due ends it too, so that nothing is ever done with half of a value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from emulator.faces.dlms import acse
from emulator.faces.dlms.association import Association
from emulator.faces.dlms.deeds import ClockPreset, DlmsDeed, GivenValue, Outcome, refused_and_told
from emulator.faces.dlms.model import Client, CosemObject
from emulator.faces.dlms.objects import objects_of
from emulator.faces.dlms.services import (
    BLOCK_HEAD_BYTES,
    CONFIRMED,
    ActionBlockRequest,
    ActionRequest,
    DataBlock,
    DlmsResult,
    GetListRequest,
    GetNextRequest,
    GetRequest,
    LongActionResult,
    Member,
    ServiceFault,
    SetBlockRequest,
    SetRequest,
    UnsupportedRequest,
    WantedAttribute,
    read_request,
    write_action,
    write_action_block,
    write_answers,
    write_block,
    write_block_refused,
    write_fault,
    write_get,
    write_get_list,
    write_get_refused,
    write_set,
    write_set_block,
    write_set_last,
)
from emulator.faces.dlms.values import BrokenPduError, Cursor, Datum, read_value, write_value
from emulator.faces.view import FaceView
from protocols.limits import PAYLOAD_BYTES_MAX

_GET_HEAD_BYTES: Final = 4
_LIST_HEAD_BYTES: Final = 3
# A signed document is the longest value that means anything here; its tag and length come before it.
LONG_BYTES_MAX: Final = PAYLOAD_BYTES_MAX + 5
# A load profile and all objects beside it fit; what comes behind more than that is to be asked for alone.
LIST_BYTES_MAX: Final = 64 * 1024
# What an association must have agreed on for each.
_SERVICES: Final = {
    GetRequest: acse.GET,
    GetListRequest: acse.GET | acse.LISTS,
    SetRequest: acse.SET,
    SetBlockRequest: acse.SET | acse.SET_BLOCKS,
    ActionRequest: acse.ACTION,
    ActionBlockRequest: acse.ACTION | acse.ACTION_BLOCKS,
}
Answer = tuple[bytes, DlmsDeed | None]
Served = GetRequest | GetListRequest | SetRequest | SetBlockRequest | ActionRequest | ActionBlockRequest


@dataclass(slots=True)
class _LongAnswer:
    """A value that goes out in blocks. `block`: the last one that was sent."""

    data: bytes
    sent_bytes: int = 0
    block: int = 0


@dataclass(slots=True)
class _LongRequest:
    """A value that comes in blocks, for an attribute or for a method. `block`: the last one that came."""

    target: WantedAttribute | Member
    data: bytes = b""
    block: int = 0

    def takes(self, block: DataBlock) -> bool:
        """Whether the block was the one that is due, and has room."""
        if block.number != self.block + 1 or len(self.data) + len(block.data) > LONG_BYTES_MAX:
            return False
        self.data, self.block = self.data + block.data, block.number
        return True


class RequestServer:
    """Serves the requests of one association."""

    def __init__(self, association: Association, preset: ClockPreset) -> None:
        self._association = association
        self._preset = preset
        self._going: _LongAnswer | None = None
        self._coming: _LongRequest | None = None
        self._of_meter: tuple[CosemObject, ...] = ()
        self._by_name: dict[bytes, CosemObject] = {}

    def serve(self, pdu: bytes, view: FaceView) -> Answer:
        """The answer to a request, and what is done before it is sent. Raises BrokenPduError.

        Empty: a SET or an ACTION that is not confirmed. A GET always is (IEC 62056-5-3).
        """
        going, coming = self._going, self._coming
        self._going = self._coming = None
        request = read_request(pdu)
        if isinstance(request, GetNextRequest):
            return self._next_block(request, going), None
        if isinstance(request, UnsupportedRequest):
            return write_fault(request.fault), None
        agreed = _SERVICES[type(request)]
        if self._association.conformance & agreed != agreed:
            return write_fault(ServiceFault.NOT_SUPPORTED), None
        answer, deed = self._answer(request, coming, pdu, view)
        is_confirmed = request.invoke & CONFIRMED or isinstance(request, GetRequest | GetListRequest)
        return answer if is_confirmed else b"", deed

    def _answer(self, request: Served, coming: _LongRequest | None, pdu: bytes, view: FaceView) -> Answer:
        match request:
            case GetRequest():
                return self._get(request, view), None
            case GetListRequest():
                return self._get_list(request, view), None
            case SetRequest():
                result, deed = self._set(request.wanted, GivenValue(request.value, pdu), view)
                return write_set(request.invoke, result), deed
            case SetBlockRequest():
                return self._set_block(request, coming, pdu, view)
            case ActionRequest():
                result, deed = self._act(request.member, GivenValue(request.value, pdu), view)
                return write_action(request.invoke, result), deed
            case ActionBlockRequest():
                return self._act_block(request, coming, pdu, view)

    # -- GET ----------------------------------------------------------------------------------

    def _get(self, request: GetRequest, view: FaceView) -> bytes:
        found = self._read(request.wanted, view)
        if isinstance(found, DlmsResult):
            return write_get_refused(request.invoke, found)
        if len(found) + _GET_HEAD_BYTES <= self._association.send_bytes_max:
            return write_get(request.invoke, found)
        return self._long(request.invoke, found)

    def _get_list(self, request: GetListRequest, view: FaceView) -> bytes:
        data = write_answers(self._read_list(request.wanted, view))
        if len(data) + _LIST_HEAD_BYTES <= self._association.send_bytes_max:
            return write_get_list(request.invoke, data)
        return self._long(request.invoke, data)

    def _read_list(self, wanted: tuple[WantedAttribute, ...], view: FaceView) -> Iterator[bytes | DlmsResult]:
        """Each as far as there is room: a list of whole profiles would hold up everybody for seconds."""
        held_bytes = 0
        for each in wanted:
            found = self._read(each, view) if held_bytes < LIST_BYTES_MAX else DlmsResult.OTHER_REASON
            held_bytes += 0 if isinstance(found, DlmsResult) else len(found)
            yield found

    def _read(self, wanted: WantedAttribute, view: FaceView) -> bytes | DlmsResult:
        """An attribute, or the part of it that is wanted, as it is sent."""
        member, selection = wanted
        found = self._find(member, view)
        if isinstance(found, DlmsResult):
            return found
        if not found.may_read(member.number):
            return DlmsResult.READ_WRITE_DENIED
        if selection is None:
            return write_value(found.read(member.number, view))
        read = found.parts.get(member.number, {}).get(selection.selector)
        if read is None or not self._association.conformance & acse.SELECTIVE:
            return DlmsResult.READ_WRITE_DENIED
        part = read(selection.value, view)
        return part if isinstance(part, DlmsResult) else write_value(part)

    def _long(self, invoke: int, data: bytes) -> bytes:
        if not self._association.conformance & acse.GET_BLOCKS:
            return write_get_refused(invoke, DlmsResult.OTHER_REASON)
        return self._block(invoke, _LongAnswer(data))

    def _next_block(self, request: GetNextRequest, going: _LongAnswer | None) -> bytes:
        if going is None:
            return write_block_refused(request.invoke, request.block, DlmsResult.NO_LONG_GET)
        if request.block != going.block:
            return write_block_refused(request.invoke, request.block, DlmsResult.BLOCK_NUMBER_INVALID)
        return self._block(request.invoke, going)

    def _block(self, invoke: int, going: _LongAnswer) -> bytes:
        end = going.sent_bytes + self._association.send_bytes_max - BLOCK_HEAD_BYTES
        part, is_last = going.data[going.sent_bytes : end], end >= len(going.data)
        going.sent_bytes, going.block = end, going.block + 1
        self._going = None if is_last else going
        return write_block(invoke, going.block, part, is_last=is_last)

    # -- SET and ACTION -----------------------------------------------------------------------

    def _set(self, wanted: WantedAttribute, given: GivenValue, view: FaceView) -> Outcome:
        found = self._find(wanted.member, view)
        if isinstance(found, DlmsResult):
            return found, None
        number = wanted.member.number
        if wanted.selection is not None or not found.may_write(self._association.client, number):
            return DlmsResult.READ_WRITE_DENIED, None
        return found.writes[number](given, view, self._preset)

    def _act(self, member: Member, given: GivenValue, view: FaceView) -> Outcome:
        found = self._find(member, view)
        if isinstance(found, DlmsResult):
            return found, None
        client = self._association.client
        if not found.may_act(client, member.number):
            if client is Client.PUBLIC or member.number not in found.methods:
                return DlmsResult.READ_WRITE_DENIED, None
            # Refused by right as it would be by itself: the firmware logs also who had no right to ask.
            return refused_and_told(given, view, self._preset)
        return found.methods[member.number](given, view, self._preset)

    def _set_block(
        self, request: SetBlockRequest, coming: _LongRequest | None, pdu: bytes, view: FaceView
    ) -> Answer:
        invoke, block = request.invoke, request.block
        long = coming if request.wanted is None else _LongRequest(request.wanted)
        if long is None or not isinstance(long.target, WantedAttribute):
            return write_set_last(invoke, block.number, DlmsResult.NO_LONG_SET), None
        if not long.takes(block):
            is_due = block.number == long.block + 1
            result = DlmsResult.LONG_SET_ABORTED if is_due else DlmsResult.BLOCK_NUMBER_INVALID
            return write_set_last(invoke, block.number, result), None
        if not block.is_last:
            self._coming = long
            return write_set_block(invoke, block.number), None
        value = _whole(long.data)
        if value is None:
            return write_set_last(invoke, block.number, DlmsResult.LONG_SET_ABORTED), None
        result, deed = self._set(long.target, GivenValue(value, pdu), view)
        return write_set_last(invoke, block.number, result), deed

    def _act_block(
        self, request: ActionBlockRequest, coming: _LongRequest | None, pdu: bytes, view: FaceView
    ) -> Answer:
        invoke, block = request.invoke, request.block
        long = coming if request.member is None else _LongRequest(request.member)
        if long is None or not isinstance(long.target, Member):
            return write_action(invoke, LongActionResult.NOT_RUNNING), None
        if not long.takes(block):
            return write_action(invoke, LongActionResult.ABORTED), None
        if not block.is_last:
            self._coming = long
            return write_action_block(invoke, block.number), None
        value = _whole(long.data)
        if value is None:
            return write_action(invoke, LongActionResult.ABORTED), None
        result, deed = self._act(long.target, GivenValue(value, pdu), view)
        return write_action(invoke, result), deed

    def _find(self, member: Member, view: FaceView) -> CosemObject | DlmsResult:
        """The object that a client means, of those that it has."""
        of_meter = objects_of(view)
        # A meter's objects do not come and go.
        if of_meter is not self._of_meter:
            self._of_meter = of_meter
            self._by_name = {each.name: each for each in self._association.objects(view)}
        found = self._by_name.get(member.name)
        if found is None:
            return DlmsResult.OBJECT_UNDEFINED
        return found if found.class_id == member.class_id else DlmsResult.OBJECT_CLASS_INCONSISTENT


def _whole(data: bytes) -> Datum | None:
    """The value that came in blocks; None: it is none, or there is more than one."""
    cursor = Cursor(data)
    try:
        value = read_value(cursor)
        cursor.end()
    except BrokenPduError:
        return None
    return value
