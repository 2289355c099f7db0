"""The secondary station's end of one link: normal response mode, by bytes of the control field. Pure.

    closed --SNRM/UA--> open --DISC/UA, or FRMR--> closed        closed: whatever polls is answered with DM

In this mode a station speaks when it is polled, and not before. Each poll says which of our frames have come
(N(R)); what has not is sent again, and so a lost answer, or a question that comes twice, is the same case. A
new message is taken in once the answer to the one before has come: no other is kept.
"""

from collections import deque
from typing import Final, NamedTuple

from emulator.faces.hdlc.frames import BrokenFrameError, HdlcFrame, write_hdlc
from emulator.faces.hdlc.parameters import LinkParameters, agreed, write_parameters

# Control fields without the poll bit (ISO/IEC 13239 §5.5).
_POLL: Final = 0x10
_SNRM, _DISC, _UA, _DM, _FRMR, _UI = 0x83, 0x43, 0x63, 0x0F, 0x87, 0x03
_RR, _RNR, _REJ = 0x01, 0x05, 0x09
_NUMBERS: Final = 8
# Why a frame is rejected: bits of the third byte that says so.
_UNKNOWN_CONTROL, _TOO_LONG, _WRONG_NUMBER = 0x01, 0x04, 0x08
# IEC 62056-46, LLC: destination, source (of a command, of a response), quality.
_COMMAND_LLC: Final = bytes.fromhex("e6e600")
_RESPONSE_LLC: Final = bytes.fromhex("e6e700")


class Taken(NamedTuple):
    """What a frame leads to: bytes to send, or a message that has come whole (answer it by `say`).

    `is_new`: the link was opened by it; what was agreed on above it is over.
    """

    data: bytes = b""
    message: bytes | None = None
    is_new: bool = False


class HdlcLink:
    """The link between a client and this station. `meter`, `client`: their addresses as they are sent.

    `message_bytes_max`: a longer message is cut off behind it, and one byte more tells.
    """

    def __init__(self, meter: bytes, client: bytes, message_bytes_max: int) -> None:
        self._meter = meter
        self._client = client
        self._parts_max = len(_COMMAND_LLC) + message_bytes_max + 1
        self._parameters: LinkParameters | None = None
        self._parts = b""
        self._is_polled = False
        # V(R); N(S) of the first frame that waits; how many of those that wait were sent.
        self._expected = self._base = self._sent = 0
        self._waiting: deque[HdlcFrame] = deque()

    @property
    def is_open(self) -> bool:
        """Whether messages can be exchanged."""
        return self._parameters is not None

    def take(self, frame: HdlcFrame) -> Taken:
        """What a client's frame leads to."""
        kind, self._is_polled = frame.control & ~_POLL, bool(frame.control & _POLL)
        if kind == _SNRM:
            return Taken(self._open(frame.info), is_new=True) if self._is_polled else Taken()
        if self._parameters is None:
            return Taken(self._unnumbered(_DM))
        if kind == _DISC:
            info, self._parameters = write_parameters(self._parameters), None
            # A UA may say them again, and dlms-cosem 21.3.2 reads none that does not.
            return Taken(self._unnumbered(_UA, info))
        if kind == _UI:
            return Taken()
        is_message = not frame.control & 0x01
        if not is_message and kind & 0x0F not in (_RR, _RNR, _REJ):
            return Taken(self._reject(frame, _UNKNOWN_CONTROL))
        if len(frame.info) > self._parameters.receive_bytes:
            return Taken(self._reject(frame, _TOO_LONG))
        if not self._came(frame.control >> 5):
            return Taken(self._reject(frame, _WRONG_NUMBER))
        if kind & 0x0F == _RNR and not is_message:
            return Taken(self._ready())
        message = self._receive(frame) if is_message else None
        return Taken(self._poll()) if message is None else Taken(message=message)

    def say(self, message: bytes) -> bytes:
        """Answer the message that has come: the frames that may be sent now."""
        assert self._parameters is not None, "a message comes over an open link"
        data, size = _RESPONSE_LLC + message, self._parameters.send_bytes
        for at in range(0, len(data), size):
            part = data[at : at + size]
            self._waiting.append(HdlcFrame(self._client, self._meter, 0, part, at + size < len(data)))
        return self._poll()

    def say_nothing(self) -> bytes:
        """The message that has come wants no answer: that we have it is all that the poll is told."""
        return self._poll()

    def _open(self, info: bytes) -> bytes:
        """Agree on parameters, and begin anew. One that is open already is opened again."""
        self._parameters = None
        try:
            self._parameters = agreed(info)
        except BrokenFrameError:
            return self._unnumbered(_DM)
        self._parts = b""
        self._expected = self._base = self._sent = 0
        self._waiting.clear()
        return self._unnumbered(_UA, write_parameters(self._parameters))

    def _came(self, until: int) -> bool:
        """The client has our frames before this number. False: it names one that was not sent."""
        count = (until - self._base) % _NUMBERS
        if count > self._sent:
            return False
        for _ in range(count):
            self._waiting.popleft()
        self._base, self._sent = until, self._sent - count
        return True

    def _receive(self, frame: HdlcFrame) -> bytes | None:
        """The message that is whole with this frame. One that came already, or too soon, changes nothing."""
        if frame.control >> 1 & 0x07 != self._expected or self._waiting:
            return None
        self._expected = (self._expected + 1) % _NUMBERS
        self._parts = (self._parts + frame.info)[: self._parts_max]
        if frame.is_segmented:
            return None
        parts, self._parts = self._parts, b""
        return parts.removeprefix(_COMMAND_LLC) if parts.startswith(_COMMAND_LLC) else None

    def _poll(self) -> bytes:
        """What waits, as far as the window lets it; else that we are ready."""
        if not self._is_polled or self._parameters is None:
            return b""
        frames = list(self._waiting)[: self._parameters.send_window]
        if not frames:
            return self._ready()
        self._sent = len(frames)
        return b"".join(
            write_hdlc(frame._replace(control=self._control(at, is_last=at == len(frames) - 1)))
            for at, frame in enumerate(frames)
        )

    def _control(self, at: int, *, is_last: bool) -> int:
        return self._expected << 5 | (_POLL if is_last else 0) | (self._base + at) % _NUMBERS << 1

    def _ready(self) -> bytes:
        return self._unnumbered(self._expected << 5 | _RR)

    def _unnumbered(self, control: int, info: bytes = b"") -> bytes:
        """A frame that is the whole answer to a poll."""
        if not self._is_polled:
            return b""
        return write_hdlc(HdlcFrame(self._client, self._meter, control | _POLL, info))

    def _reject(self, frame: HdlcFrame, why: int) -> bytes:
        """A frame that cannot be: the link is over, until the client opens it anew."""
        numbers = self._expected << 5 | (self._base + self._sent) % _NUMBERS << 1
        self._parameters = None
        return self._unnumbered(_FRMR, bytes((frame.control, numbers, why)))
