"""DLMS over an HDLC line: a link and a session for each client that has opened one. Pure."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from emulator.faces.dlms.connection import SILENCE_MS_MAX, ConnectionDeed, SendFrame
from emulator.faces.dlms.objects import LOGICAL_DEVICE
from emulator.faces.dlms.services import ServiceFault, write_fault
from emulator.faces.dlms.session import DlmsSession, SharedState
from emulator.faces.dlms.wrapper import RECEIVE_BYTES_MAX
from emulator.faces.hdlc.frames import Deframer, HdlcFrame, upper_address
from emulator.faces.hdlc.link import HdlcLink
from emulator.faces.view import FaceView

# Three kinds of client there are; each may be there by a second address of the meter.
LINKS_MAX: Final = 6
# A full window of each link; of what comes beyond it the client hears nothing, and sends it again.
FRAMES_WAITING_MAX: Final = 7 * LINKS_MAX


@dataclass(slots=True)
class _OpenLink:
    link: HdlcLink
    session: DlmsSession
    heard_ms: int


class HdlcConnection:
    """One line. It has one meter, so that any physical address means it; the logical device is one."""

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared
        self._deframer = Deframer()
        self._frames: deque[HdlcFrame] = deque()
        self._links: dict[tuple[bytes, bytes], _OpenLink] = {}

    def end(self) -> None:
        """Forget all links, and what has come of a frame."""
        self._deframer.reset()
        self._frames.clear()
        self._links.clear()

    def hear(self, data: bytes, at_ms: int, view: FaceView) -> tuple[ConnectionDeed, ...]:
        """What is to be done for the bytes that have come; as `WrappedConnection.hear`."""
        self._frames.extend(self._deframer.feed(data, at_ms)[: FRAMES_WAITING_MAX - len(self._frames)])
        if not self._frames:
            return ()
        frame = self._frames.popleft()
        if upper_address(frame.destination) != LOGICAL_DEVICE or len(frame.source) != 1:
            return ()
        self._links = {
            key: each for key, each in self._links.items() if at_ms - each.heard_ms < SILENCE_MS_MAX
        }
        return self._take(frame, at_ms, view)

    @property
    def has_more(self) -> bool:
        """Whether a whole frame waits."""
        return bool(self._frames)

    def _take(self, frame: HdlcFrame, at_ms: int, view: FaceView) -> tuple[ConnectionDeed, ...]:
        key = (frame.destination, frame.source)
        found = self._links.pop(key, None) or self._new(key)
        taken = found.link.take(frame)
        if not found.link.is_open:
            return _sent(taken.data)
        if taken.is_new:
            found.session.end()
        found.heard_ms = at_ms
        # Whoever was silent for the longest has to go.
        while len(self._links) >= LINKS_MAX:
            self._links.pop(next(iter(self._links)))
        self._links[key] = found
        if taken.message is None:
            return _sent(taken.data)
        if len(taken.message) > RECEIVE_BYTES_MAX:
            return _sent(found.link.say(write_fault(ServiceFault.BROKEN)))
        pdu, deed = found.session.answer(taken.message, at_ms, view)
        sent = _sent(found.link.say(pdu) if pdu else found.link.say_nothing())
        return sent if deed is None else (deed, *sent)

    def _new(self, key: tuple[bytes, bytes]) -> _OpenLink:
        session = DlmsSession(self._shared, upper_address(key[1]))
        return _OpenLink(HdlcLink(*key, RECEIVE_BYTES_MAX), session, 0)


def _sent(data: bytes) -> tuple[SendFrame, ...]:
    return (SendFrame(data),) if data else ()
