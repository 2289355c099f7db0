"""A meter's end of a DLMS connection: frames in, frames and deeds out. Pure.

Who calls does the deeds, and brings a view of the present. Instants (`at_ms`) are of a counter of the caller.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from emulator.faces.dlms import acse
from emulator.faces.dlms.association import Association, PasswordLock, open_association
from emulator.faces.dlms.clock import CLOCK, TIME, ClockPreset, time_of_method, written_time
from emulator.faces.dlms.model import Access, CosemObject
from emulator.faces.dlms.objects import BREAKER, LOGICAL_DEVICE
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
from emulator.faces.dlms.wrapper import RECEIVE_BYTES_MAX, WrappedPdu, take_frame, write_frame
from emulator.faces.view import FaceView
from protocols.instants import UtcMs
from protocols.reasons import Supply

_GET_HEAD_BYTES: Final = 4
_RECONNECT: Final = 2
# A client waits for its answer before it asks again: whoever sends so much does not.
_WAITING_BYTES_MAX: Final = 4 * RECEIVE_BYTES_MAX
_SERVICES: Final = {GetRequest: acse.GET, SetRequest: acse.SET, ActionRequest: acse.ACTION}
PASSWORD_BYTES_MAX: Final = 32
DEFAULT_DLMS_PASSWORD: Final = "00000000"  # noqa: S105 # what readers try first


class SendFrame(NamedTuple):
    """Send these bytes."""

    data: bytes


class BringUnsignedDate(NamedTuple):
    """Bring the meter this date, which nobody has signed."""

    time_ms: UtcMs


class BringUnsignedRequest(NamedTuple):
    """Bring the meter a request that takes signatures and has none, as the bytes that came."""

    pdu: bytes


class HangUp(NamedTuple):
    """Where the next frame begins is not known any more."""


DlmsDeed = SendFrame | BringUnsignedDate | BringUnsignedRequest | HangUp
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
    """One connection; at most one association is open on it."""

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared
        self._buffer = b""
        self._association: Association | None = None
        self._long_get: _LongGet | None = None

    def end(self) -> None:
        """Forget the association and what has come of a frame."""
        self._buffer, self._association, self._long_get = b"", None, None

    def hear(self, data: bytes, at_ms: int, view: FaceView) -> tuple[DlmsDeed, ...]:
        """What is to be done, in this order, for the bytes that have come.

        At most one deed changes the meter, and it is followed by nothing but its answer: what else came is
        kept, and heard by a next call, which brings a new view. See `has_more`.
        """
        self._buffer += data
        try:
            frame, self._buffer = take_frame(self._buffer)
        except BrokenPduError:
            self.end()
            return (HangUp(),)
        if len(self._buffer) > _WAITING_BYTES_MAX:
            self.end()
            return (HangUp(),)
        if frame is None or frame.destination != LOGICAL_DEVICE:
            return ()
        pdu, deed = self._answer(frame, at_ms, view)
        sent = SendFrame(write_frame(WrappedPdu(frame.destination, frame.source, pdu)))
        return (sent,) if deed is None else (deed, sent)

    @property
    def has_more(self) -> bool:
        """Whether a whole frame waits."""
        try:
            return take_frame(self._buffer)[0] is not None
        except BrokenPduError:
            return True

    def _answer(self, frame: WrappedPdu, at_ms: int, view: FaceView) -> Answer:
        tag = frame.pdu[:1]
        try:
            if tag == bytes((acse.AARQ,)):
                return self._open(frame, at_ms), None
            if self._association is None or frame.source != self._association.client:
                return write_fault(ServiceFault.NOT_ASSOCIATED), None
            if tag == bytes((acse.RLRQ,)):
                self._association = self._long_get = None
                return acse.RLRE, None
            return self._serve(read_request(frame.pdu), self._association, frame.pdu, view)
        except BrokenPduError:
            return write_fault(ServiceFault.BROKEN), None

    def _open(self, frame: WrappedPdu, at_ms: int) -> bytes:
        """A new association ends the one before, also if it is refused."""
        self._association = self._long_get = None
        opening = acse.read_opening(frame.pdu)
        self._association, answer = open_association(opening, frame.source, self._shared.lock, at_ms)
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
