"""A meter's end of one DLMS association: requests in, answers and deeds out. Pure.

Whatever carries the requests (`connection.py`) does the deeds, and brings a view of the present. Instants
(`at_ms`) are of a counter of the caller.
"""

from dataclasses import dataclass, field
from typing import Final

from emulator.faces.dlms import acse
from emulator.faces.dlms.association import Association, PasswordLock, open_association
from emulator.faces.dlms.deeds import ClockPreset
from emulator.faces.dlms.requests import Answer, RequestServer
from emulator.faces.dlms.services import ServiceFault, write_fault
from emulator.faces.dlms.values import BrokenPduError
from emulator.faces.view import FaceView

PASSWORD_BYTES_MAX: Final = 32
DEFAULT_DLMS_PASSWORD: Final = "00000000"  # noqa: S105 # what readers try first


@dataclass(slots=True)
class SharedState:
    """What all connections of a meter share."""

    lock: PasswordLock
    preset: ClockPreset = field(default_factory=ClockPreset)


class DlmsSession:
    """At most one association at a time, of the client that opened it."""

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared
        self._association: Association | None = None
        self._server: RequestServer | None = None

    def end(self) -> None:
        """Forget the association."""
        self._association = self._server = None

    def answer(self, client: int, pdu: bytes, at_ms: int, view: FaceView) -> Answer:
        """The answer to what a client says, and the deed that comes before it."""
        tag = pdu[:1]
        try:
            if tag == bytes((acse.AARQ,)):
                return self._open(client, pdu, at_ms), None
            if self._association is None or self._server is None or client != self._association.client:
                return write_fault(ServiceFault.NOT_ASSOCIATED), None
            if tag == bytes((acse.RLRQ,)):
                self.end()
                return acse.RLRE, None
            return self._server.serve(pdu, view)
        except BrokenPduError:
            return write_fault(ServiceFault.BROKEN), None

    def _open(self, client: int, pdu: bytes, at_ms: int) -> bytes:
        """A new association ends the one before, also if it is refused."""
        self.end()
        opening = acse.read_opening(pdu)
        self._association, answer = open_association(opening, client, self._shared.lock, at_ms)
        if self._association is not None:
            self._server = RequestServer(self._association, self._shared.preset)
        return answer
