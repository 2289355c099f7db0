"""What carries requests to a meter's DLMS session: frames in, frames and deeds out. Pure.

Here the TCP wrapper. Whoever calls does the deeds, in their order, and brings a view of the present for each.
"""

from typing import Final, NamedTuple

from emulator.faces.dlms.deeds import DlmsDeed
from emulator.faces.dlms.objects import LOGICAL_DEVICE
from emulator.faces.dlms.session import DlmsSession, SharedState
from emulator.faces.dlms.values import BrokenPduError
from emulator.faces.dlms.wrapper import RECEIVE_BYTES_MAX, WrappedPdu, take_frame, write_frame
from emulator.faces.locking import TRIES_MAX
from emulator.faces.view import FaceView
from protocols.instants import MINUTE_MS

# A client waits for its answer before it asks again: whoever sends so much does not.
_WAITING_BYTES_MAX: Final = 4 * RECEIVE_BYTES_MAX
# Whoever is silent for so long has gone: the default of the inactivity time-out of IEC HDLC setup (class
# 23, IEC 62056-46); a TCP-UDP setup (IEC 62056-6-2, class 41) has one too.
SILENCE_MS_MAX: Final = 2 * MINUTE_MS


class SendFrame(NamedTuple):
    """Send these bytes."""

    data: bytes


class HangUp(NamedTuple):
    """Where the next frame begins is not known any more."""


ConnectionDeed = SendFrame | HangUp | DlmsDeed


class WrappedConnection:
    """One connection of the TCP wrapper, and a session of each client that has an association over it."""

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared
        self._sessions: dict[int, DlmsSession] = {}
        self._buffer = b""
        self._refused_in_a_row = 0

    def end(self) -> None:
        """Forget all associations, and what has come of a frame."""
        self._buffer = b""
        self._sessions.clear()

    def hear(self, data: bytes, at_ms: int, view: FaceView) -> tuple[ConnectionDeed, ...]:
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
        return self._answer(frame, at_ms, view)

    @property
    def has_more(self) -> bool:
        """Whether a whole frame waits."""
        if not self._buffer:
            return False
        try:
            return take_frame(self._buffer)[0] is not None
        except BrokenPduError:
            return True

    def _answer(self, frame: WrappedPdu, at_ms: int, view: FaceView) -> tuple[ConnectionDeed, ...]:
        """Of one pair of ports there is one association (IEC 62056-4-7): that of the client at `source`."""
        session = self._sessions.pop(frame.source, None) or DlmsSession(self._shared, frame.source)
        pdu, deed = session.answer(frame.pdu, at_ms, view)
        # Only a client that there is can open one, so that few are kept.
        if session.is_open:
            self._sessions[frame.source] = session
        deeds: list[ConnectionDeed] = [] if deed is None else [deed]
        if pdu:
            deeds.append(SendFrame(write_frame(WrappedPdu(frame.destination, frame.source, pdu))))
        return (*deeds, HangUp()) if self._is_guessing(session) else tuple(deeds)

    def _is_guessing(self, session: DlmsSession) -> bool:
        """Whether one opening more was refused than a client that knows its secret sends."""
        if session.is_open:
            self._refused_in_a_row = 0
        self._refused_in_a_row += session.is_refused
        if self._refused_in_a_row < TRIES_MAX:
            return False
        self.end()
        return True
