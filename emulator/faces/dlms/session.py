"""A meter's end of one DLMS association: requests in, answers and deeds out. Pure.

Whatever carries the requests (`connection.py`) does the deeds, and brings a view of the present. Instants
(`at_ms`) are of a counter of the caller.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from emulator.faces.dlms import acse
from emulator.faces.dlms.association import Association, PasswordLock, open_association
from emulator.faces.dlms.clock import CLOCK, TIME, ClockPreset, time_of_method, written_time
from emulator.faces.dlms.model import Access, CosemObject
from emulator.faces.dlms.objects import BREAKER
from emulator.faces.dlms.services import (
    BLOCK_HEAD_BYTES,
    ActionRequest,
    DlmsResult,
    GetNextRequest,
    GetRequest,
    Member,
    Request,
    ServiceFault,
    SetRequest,
    UnsupportedRequest,
    read_request,
    write_action,
    write_block,
    write_block_refused,
    write_fault,
    write_get,
    write_get_refused,
    write_set,
)
from emulator.faces.dlms.values import BrokenPduError, write_value
from emulator.faces.view import FaceView
from protocols.instants import UtcMs
from protocols.reasons import Supply

_GET_HEAD_BYTES: Final = 4
_RECONNECT: Final = 2
_SERVICES: Final = {GetRequest: acse.GET, SetRequest: acse.SET, ActionRequest: acse.ACTION}
PASSWORD_BYTES_MAX: Final = 32
DEFAULT_DLMS_PASSWORD: Final = "00000000"  # noqa: S105 # what readers try first


class BringUnsignedDate(NamedTuple):
    """Bring the meter this date, which nobody has signed."""

    time_ms: UtcMs


class BringUnsignedRequest(NamedTuple):
    """Bring the meter a request that takes signatures and has none, as the bytes that came."""

    pdu: bytes


DlmsDeed = BringUnsignedDate | BringUnsignedRequest
Answer = tuple[bytes, DlmsDeed | None]


@dataclass(slots=True)
class SharedState:
    """What all connections of a meter share."""

    lock: PasswordLock
    preset: ClockPreset = field(default_factory=ClockPreset)


@dataclass(slots=True)
class _LongGet:
    """A value that goes out in blocks. `block`: the last one that was sent."""

    data: bytes
    block: int = 0


class DlmsSession:
    """At most one association at a time, of the client that opened it."""

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared
        self._association: Association | None = None
        self._long_get: _LongGet | None = None

    def end(self) -> None:
        """Forget the association."""
        self._association, self._long_get = None, None

    def answer(self, client: int, pdu: bytes, at_ms: int, view: FaceView) -> Answer:
        """The answer to what a client says, and the deed that comes before it."""
        tag = pdu[:1]
        try:
            if tag == bytes((acse.AARQ,)):
                return self._open(client, pdu, at_ms), None
            if self._association is None or client != self._association.client:
                return write_fault(ServiceFault.NOT_ASSOCIATED), None
            if tag == bytes((acse.RLRQ,)):
                self._association = self._long_get = None
                return acse.RLRE, None
            return self._serve(read_request(pdu), self._association, pdu, view)
        except BrokenPduError:
            return write_fault(ServiceFault.BROKEN), None

    def _open(self, client: int, pdu: bytes, at_ms: int) -> bytes:
        """A new association ends the one before, also if it is refused."""
        self._association = self._long_get = None
        opening = acse.read_opening(pdu)
        self._association, answer = open_association(opening, client, self._shared.lock, at_ms)
        return answer

    def _serve(self, request: Request, association: Association, pdu: bytes, view: FaceView) -> Answer:
        if isinstance(request, GetNextRequest):
            return self._next_block(request, association), None
        self._long_get = None
        if isinstance(request, UnsupportedRequest):
            return write_fault(request.fault), None
        if not association.conformance & _SERVICES[type(request)]:
            return write_fault(ServiceFault.NOT_SUPPORTED), None
        match request:
            case GetRequest():
                return self._get(request, association, view), None
            case SetRequest():
                result, deed = _set(request, association, view)
                return write_set(request.invoke, result), deed
            case ActionRequest():
                result, deed = self._act(request, association, pdu, view)
                return write_action(request.invoke, result), deed

    def _get(self, request: GetRequest, association: Association, view: FaceView) -> bytes:
        found = _find(request.member, association, view)
        if isinstance(found, DlmsResult):
            return write_get_refused(request.invoke, found)
        if request.is_selective or not found.access(association.client, request.member.number) & Access.READ:
            return write_get_refused(request.invoke, DlmsResult.READ_WRITE_DENIED)
        data = write_value(found.read(request.member.number, view))
        if len(data) + _GET_HEAD_BYTES <= association.send_bytes_max:
            return write_get(request.invoke, data)
        if not association.conformance & acse.GET_BLOCKS:
            return write_get_refused(request.invoke, DlmsResult.OTHER_REASON)
        self._long_get = _LongGet(data)
        return self._block(request.invoke, self._long_get, association)

    def _next_block(self, request: GetNextRequest, association: Association) -> bytes:
        long_get = self._long_get
        if long_get is None:
            return write_block_refused(request.invoke, request.block, DlmsResult.NO_LONG_GET)
        if request.block != long_get.block:
            self._long_get = None
            return write_block_refused(request.invoke, request.block, DlmsResult.BLOCK_NUMBER_INVALID)
        return self._block(request.invoke, long_get, association)

    def _block(self, invoke: int, long_get: _LongGet, association: Association) -> bytes:
        size = association.send_bytes_max - BLOCK_HEAD_BYTES
        part, long_get.data = long_get.data[:size], long_get.data[size:]
        long_get.block += 1
        is_last = not long_get.data
        if is_last:
            self._long_get = None
        return write_block(invoke, long_get.block, part, is_last=is_last)

    def _act(
        self, request: ActionRequest, association: Association, pdu: bytes, view: FaceView
    ) -> tuple[DlmsResult, DlmsDeed | None]:
        found = _find(request.member, association, view)
        if isinstance(found, DlmsResult):
            return found, None
        method = request.member.number
        if not found.may_act(association.client, method):
            return DlmsResult.READ_WRITE_DENIED, None
        if found is BREAKER:
            return _switch(method, pdu, view)
        time_ms = time_of_method(method, request.value, view, self._shared.preset)
        return (
            (DlmsResult.TYPE_UNMATCHED, None)
            if time_ms is None
            else (DlmsResult.SUCCESS, BringUnsignedDate(time_ms))
        )


def _find(member: Member, association: Association, view: FaceView) -> CosemObject | DlmsResult:
    """The object that a client means, of those that it has."""
    named = [each for each in association.objects(view) if each.name == member.name]
    if not named:
        return DlmsResult.OBJECT_UNDEFINED
    return named[0] if named[0].class_id == member.class_id else DlmsResult.OBJECT_CLASS_INCONSISTENT


def _set(request: SetRequest, association: Association, view: FaceView) -> tuple[DlmsResult, DlmsDeed | None]:
    """Of all attributes only the time of the clock can be written."""
    found = _find(request.member, association, view)
    if isinstance(found, DlmsResult):
        return found, None
    number = request.member.number
    if request.is_selective or not found.access(association.client, number) & Access.WRITE:
        return DlmsResult.READ_WRITE_DENIED, None
    assert (found, number) == (CLOCK, TIME), "nothing else is writable"
    time_ms = written_time(request.value, view)
    return (
        (DlmsResult.TYPE_UNMATCHED, None)
        if time_ms is None
        else (DlmsResult.SUCCESS, BringUnsignedDate(time_ms))
    )


def _switch(method: int, pdu: bytes, view: FaceView) -> tuple[DlmsResult, DlmsDeed | None]:
    """A cut takes two signatures, and this has none. Reconnection is for whoever has had a signed release.

    The firmware carries out a release when it comes: where the supply is still off, there was none.
    """
    if method == _RECONNECT and view.readout.glance.supply is not Supply.OFF:
        return DlmsResult.SUCCESS, None
    return DlmsResult.READ_WRITE_DENIED, BringUnsignedRequest(pdu)
