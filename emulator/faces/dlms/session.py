"""A meter's end of what one client has: an association, requests in, answers and deeds out. Pure.

Whatever carries the requests (`connection.py`) does the deeds, and brings a view of the present. Instants
(`at_ms`) are of a counter of the caller.
"""

from dataclasses import dataclass, field
from typing import Final

from emulator.faces.dlms import acse
from emulator.faces.dlms.association import ASSOCIATION_NAME, Association, Guards, open_association
from emulator.faces.dlms.ciphering import ForgedPduError
from emulator.faces.dlms.deeds import ClockPreset
from emulator.faces.dlms.invocation_counters import SpentKeysError
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
    """What a client has over one line: at most one association. `client_sap`: which client it is.

    `is_refused`: the last message was an opening that opens nothing, whoever repeats it.
    """

    def __init__(self, shared: SharedState, client_sap: int) -> None:
        self._shared = shared
        self._client_sap = client_sap
        self._association: Association | None = None
        self._server: RequestServer | None = None
        self.is_refused = False

    @property
    def is_open(self) -> bool:
        """Whether there is an association, also one whose client's proof is still to come."""
        return self._association is not None

    def end(self) -> None:
        """Forget the association."""
        self._association = self._server = None

    def answer(self, pdu: bytes, at_ms: int, view: FaceView) -> Answer:
        """The answer to what the client says (empty: it wants none), and the deed that comes before it."""
        tag, self.is_refused = pdu[:1], False
        try:
            if tag == bytes((acse.AARQ,)):
                return self._open(pdu, at_ms), None
            if self._association is None or self._server is None:
                return write_fault(ServiceFault.NOT_ASSOCIATED), None
            channel = self._association.channel
            if tag == bytes((acse.RLRQ,)):
                return self._release(channel, pdu), None
            if channel is None:
                return self._server.serve(pdu, view)
            return self._serve_secured(channel, self._server, pdu, view)
        except BrokenPduError:
            return write_fault(ServiceFault.BROKEN), None
        except (ForgedPduError, WeakPduError):
            return write_fault(ServiceFault.NOT_DECIPHERED), None
        except SpentKeysError:
            self.end()
            return write_fault(ServiceFault.NOT_DECIPHERED), None
        except RepeatedPduError as error:
            return write_counter_fault(error.expected), None

    def _serve_secured(
        self, channel: SecureChannel, server: RequestServer, pdu: bytes, view: FaceView
    ) -> Answer:
        opened = channel.open(pdu)
        if channel.is_proven:
            answer, deed = server.serve(opened.pdu, view)
        else:
            answer, deed = self._prove(channel, opened.pdu), None
        return channel.close(opened, answer) if answer else b"", deed

    def _prove(self, channel: SecureChannel, pdu: bytes) -> bytes:
        """The client's proof, and ours. Whoever has none has lost the association."""
        request = read_request(pdu)
        if not isinstance(request, ActionRequest) or request.member != REPLY_TO_HLS:
            return write_fault(ServiceFault.NOT_ASSOCIATED)
        proof = channel.prove(request.value.octets)
        if proof is None:
            self.end()
            return write_action(request.invoke, DlmsResult.READ_WRITE_DENIED)
        return write_action_value(request.invoke, write_value(octets(proof)))

    def _release(self, channel: SecureChannel | None, pdu: bytes) -> bytes:
        """The association ends; a ciphered one by what is ciphered alone, else anybody could end it.

        IEC 62056-5-3, A-RELEASE: the user information of such an RLRQ is a ciphered InitiateRequest.
        """
        if channel is not None:
            proposed = acse.read_release(pdu)
            if not proposed:
                return acse.RLRE_NOT_FINISHED
            channel.open_proposal(proposed)
        self.end()
        return acse.RLRE

    def _open(self, pdu: bytes, at_ms: int) -> bytes:
        """A new association ends the one before, also if it is refused."""
        self.end()
        opening = acse.read_opening(pdu)
        self._association, answer = open_association(opening, self._client_sap, self._shared.guards, at_ms)
        self.is_refused = self._association is None
        if self._association is not None:
            self._server = RequestServer(self._association, self._shared.preset)
        return answer
