"""A meter's end of one DLMS association: requests in, answers and deeds out. Pure.

Whatever carries the requests (`connection.py`) does the deeds, and brings a view of the present. Instants
(`at_ms`) are of a counter of the caller.
"""

from dataclasses import dataclass, field
from typing import Final

from emulator.faces.dlms import acse
from emulator.faces.dlms.association import ASSOCIATION_NAME, Association, Guards, open_association
from emulator.faces.dlms.ciphering import ForgedPduError
from emulator.faces.dlms.deeds import ClockPreset
from emulator.faces.dlms.requests import Answer, RequestServer
from emulator.faces.dlms.secure_channel import SecureChannel
from emulator.faces.dlms.security import RepeatedPduError, WeakPduError
from emulator.faces.dlms.services import (
    ActionRequest,
    DlmsResult,
    Member,
    ServiceFault,
    read_request,
    write_action,
    write_action_value,
    write_counter_fault,
    write_fault,
)
from emulator.faces.dlms.values import BrokenPduError, octets, write_value
from emulator.faces.view import FaceView

PASSWORD_BYTES_MAX: Final = 32
REPLY_TO_HLS: Final = Member(15, ASSOCIATION_NAME, 1)
DEFAULT_DLMS_PASSWORD: Final = "00000000"  # noqa: S105 # what readers try first


@dataclass(slots=True)
class SharedState:
    """What all connections of a meter share."""

    guards: Guards
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
            channel = self._association.channel
            if channel is None:
                return self._server.serve(pdu, view)
            if channel.security.is_spent:
                self.end()
                return write_fault(ServiceFault.NOT_DECIPHERED), None
            opened = channel.open(pdu)
            if channel.is_proven:
                answer, deed = self._server.serve(opened.pdu, view)
            else:
                answer, deed = self._prove(channel, opened.pdu, at_ms), None
            return channel.close(opened, answer), deed
        except BrokenPduError:
            return write_fault(ServiceFault.BROKEN), None
        except (ForgedPduError, WeakPduError):
            return write_fault(ServiceFault.NOT_DECIPHERED), None
        except RepeatedPduError as error:
            return write_counter_fault(error.expected), None

    def _prove(self, channel: SecureChannel, pdu: bytes, at_ms: int) -> bytes:
        """The client's proof, and ours. Whoever has none has lost the association."""
        request = read_request(pdu)
        if not isinstance(request, ActionRequest) or request.member != REPLY_TO_HLS:
            return write_fault(ServiceFault.NOT_ASSOCIATED)
        proof = channel.prove(request.value.octets, at_ms)
        if proof is None:
            self.end()
            return write_action(request.invoke, DlmsResult.READ_WRITE_DENIED)
        return write_action_value(request.invoke, write_value(octets(proof)))

    def _open(self, client: int, pdu: bytes, at_ms: int) -> bytes:
        """A new association ends the one before, also if it is refused."""
        self.end()
        opening = acse.read_opening(pdu)
        self._association, answer = open_association(opening, client, self._shared.guards, at_ms)
        if self._association is not None:
            self._server = RequestServer(self._association, self._shared.preset)
        return answer
