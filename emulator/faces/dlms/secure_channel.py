"""An association with HLS-GMAC and ciphered APDUs: proofs of both ends, what is around a message. Pure.

    AARQ, client's challenge  ->  AARE, our challenge  ->  the client's proof  ->  our proof: associated

Before its proof nothing of a client is served (IEC 62056-5-3 §5.2.2.2.2, the four passes of HLS).
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from emulator.faces.dlms.ciphering import (
    TITLE_BYTES,
    Ciphered,
    ForgedPduError,
    counter_of,
    is_proof,
    proof_of,
    read_ciphered,
)
from emulator.faces.dlms.security import MeterSecurity
from emulator.faces.dlms.values import BrokenPduError, Cursor, write_length

_INITIATE_REQUEST: Final = 0x21
INITIATE_RESPONSE: Final = 0x28
CHALLENGE_BYTES: Final = range(8, 65)
# What ciphering adds to an answer at most: a tag and lengths, title, control, counter, tag.
CIPHERED_BYTES_MAX: Final = 32
_GENERAL: Final = 0xDB
# Global ciphering of each service: the tag around it, and its own.
_REQUESTS: Final = {0xC8: 0xC0, 0xC9: 0xC1, 0xCB: 0xC3}
_RESPONSES: Final = {0xC4: 0xCC, 0xC5: 0xCD, 0xC7: 0xCF}


class OpenedPdu(NamedTuple):
    """A message without what was around it. `control`: how its answer is to be protected."""

    pdu: bytes
    control: int
    is_general: bool


def read_ciphered_proposal(data: bytes) -> Ciphered:
    """A ciphered InitiateRequest. Raises BrokenPduError; ForgedPduError where it is not ciphered."""
    cursor = Cursor(data)
    if cursor.byte() != _INITIATE_REQUEST:
        raise ForgedPduError
    ciphered = read_ciphered(cursor.take(cursor.length()))
    cursor.end()
    return ciphered


@dataclass(slots=True)
class SecureChannel:
    """One association's ciphering. `heard`, `asked`: the challenge that came from the client, and ours."""

    security: MeterSecurity
    client_title: bytes
    heard: bytes
    asked: bytes
    is_proven: bool = False

    def open(self, pdu: bytes) -> OpenedPdu:
        """What a client says. Raises BrokenPduError, and as `MeterSecurity.hear`."""
        cursor = Cursor(pdu)
        tag = cursor.byte()
        is_general = tag == _GENERAL
        if not is_general and tag not in _REQUESTS:
            raise BrokenPduError(f"tag {tag} where everything is ciphered")
        if is_general and cursor.take(cursor.length()) not in (b"", self.client_title):
            raise ForgedPduError
        ciphered = read_ciphered(cursor.take(cursor.length()))
        cursor.end()
        plain = self.security.hear(self.client_title, ciphered)
        if not is_general and plain[:1] != bytes((_REQUESTS[tag],)):
            raise BrokenPduError("one service inside of another")
        return OpenedPdu(plain, ciphered.control, is_general)

    def close(self, opened: OpenedPdu, answer: bytes) -> bytes:
        """An answer with the same around it; an exception is sent as it is."""
        tag = _RESPONSES.get(answer[0])
        if opened.is_general:
            head = bytes((_GENERAL, TITLE_BYTES)) + self.security.title
        elif tag is None:
            return answer
        else:
            head = bytes((tag,))
        said = self.security.say(opened.control, answer)
        return head + write_length(len(said)) + said

    def open_proposal(self, data: bytes) -> None:
        """A ciphered InitiateRequest, with which a client ends what it has opened. Raises as `open`."""
        self.security.hear(self.client_title, read_ciphered_proposal(data))

    def prove(self, proof: bytes) -> bytes | None:
        """Our proof for a client's; None: its own is none."""
        security = self.security
        if not is_proof(security.settings.keys, self.client_title, self.asked, proof):
            return None
        security.counters.receive(counter_of(proof))
        security.client_title, self.is_proven = self.client_title, True
        return proof_of(security.settings.keys, security.title, security.counters.draw(), self.heard)
