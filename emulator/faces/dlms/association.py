"""The association of a client, and the object that shows it: class 15, version 1. Pure."""

from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from emulator.faces.dlms.acse import (
    CIPHERED_CONTEXT,
    CONFORMANCE,
    DLMS_VERSION,
    GENERAL_PROTECTION,
    HLS_GMAC,
    LN_CONTEXT,
    LOW_SECURITY,
    NO_SECURITY,
    RECEIVE_PDU_SIZE_MIN,
    AssociationAsked,
    ContextProposed,
    Diagnostic,
    InitiateError,
    read_proposed,
    write_accepted,
    write_agreed,
    write_challenge,
    write_rejected,
)
from emulator.faces.dlms.ciphering import TITLE_BYTES, ForgedPduError
from emulator.faces.dlms.deeds import ClockPreset, GivenValue, Outcome
from emulator.faces.dlms.model import Client, CosemObject, constant, logical_name, object_list, visible_to
from emulator.faces.dlms.objects import LOGICAL_DEVICE, objects_of
from emulator.faces.dlms.secure_channel import (
    CHALLENGE_BYTES,
    CIPHERED_BYTES_MAX,
    INITIATE_RESPONSE,
    SecureChannel,
    read_ciphered_proposal,
)
from emulator.faces.dlms.security import SETUP_NAME, MeterSecurity, WeakPduError
from emulator.faces.dlms.services import DlmsResult
from emulator.faces.dlms.values import Datum, Tag, octets, structure, write_length
from emulator.faces.dlms.wrapper import RECEIVE_BYTES_MAX
from emulator.faces.locking import PasswordLock
from emulator.faces.view import FaceView

_ASSOCIATED: Final = 2
_MECHANISMS: Final = {
    Client.PUBLIC: NO_SECURITY,
    Client.READER: LOW_SECURITY,
    Client.MANAGEMENT: HLS_GMAC,
}
ASSOCIATION_NAME: Final = logical_name("0-0:40.0.0")
_NO_SETUP: Final = bytes(6)


class Guards(NamedTuple):
    """What keeps strangers out: the password of client 2, the keys of client 1 (None: there is none)."""

    lock: PasswordLock
    security: MeterSecurity | None = None


@dataclass(frozen=True, slots=True)
class Association:
    """An association that is open.

    `client_max_receive_pdu_size`: how long an answer may be, in bytes, with all that is around it.
    `channel`: what ciphers it, with the client's proof still to come; None: nothing does.
    """

    client: Client
    conformance: int
    client_max_receive_pdu_size: int
    security: MeterSecurity | None = None
    channel: SecureChannel | None = None

    @property
    def send_bytes_max(self) -> int:
        """How long an answer may be before it is ciphered."""
        return self.client_max_receive_pdu_size - (CIPHERED_BYTES_MAX if self.channel else 0)

    def objects(self, view: FaceView) -> tuple[CosemObject, ...]:
        """What its client has, the association's own object among them."""
        of_security = () if self.security is None else self.security.objects()
        others = visible_to((*objects_of(view), *of_security), self.client)
        # Its list names the object itself as well; whoever reads that asks for the list again.
        listed = (_shown(self, ()), *others)
        return (_shown(self, listed), *others)


Opened = tuple[Association | None, bytes]


def open_association(opening: AssociationAsked, client_sap: int, guards: Guards, at_ms: int) -> Opened:
    """The association that an AARQ opens, and the AARE. None: it is refused.

    Raises BrokenPduError, and RepeatedPduError for an AARQ of client 1 that has come before.
    """
    if client_sap == Client.MANAGEMENT and guards.security is not None:
        return _open_secured(opening, guards.security)
    refused = _refused(opening, client_sap)
    if refused is not None:
        return None, refused
    proposed = read_proposed(opening.proposed)
    refused = _refused_context(proposed, RECEIVE_PDU_SIZE_MIN, LN_CONTEXT)
    if refused is not None:
        return None, refused
    client = Client(client_sap)
    if client is Client.READER and not guards.lock.opens(opening.authentication_value, at_ms):
        return None, write_rejected(Diagnostic.AUTHENTICATION_FAILURE)
    association = Association(
        client, proposed.conformance & CONFORMANCE, _bytes_max(proposed), guards.security
    )
    mechanism = LOW_SECURITY if client is Client.READER else b""
    return association, write_accepted(mechanism, write_agreed(association.conformance))


def _open_secured(opening: AssociationAsked, security: MeterSecurity) -> Opened:
    """Client 1: the proposal is ciphered, and the answer holds a challenge.

    A forged one locks nobody out: a tag of 96 bits is not guessed, and anybody could forge.
    """
    refused = _refused_secured(opening, security)
    if refused is not None:
        return None, refused
    try:
        ciphered = read_ciphered_proposal(opening.proposed)
        proposed = read_proposed(security.hear(opening.title, ciphered))
    except (WeakPduError, ForgedPduError):
        return None, _rejected_secured(Diagnostic.AUTHENTICATION_FAILURE)
    refused = _refused_context(proposed, RECEIVE_PDU_SIZE_MIN + CIPHERED_BYTES_MAX, CIPHERED_CONTEXT)
    if refused is not None:
        return None, refused
    conformance = proposed.conformance & (CONFORMANCE | GENERAL_PROTECTION)
    channel = SecureChannel(security, opening.title, opening.authentication_value, security.draw_challenge())
    said = security.say(ciphered.control, write_agreed(conformance))
    agreed = bytes((INITIATE_RESPONSE,)) + write_length(len(said)) + said
    association = Association(Client.MANAGEMENT, conformance, _bytes_max(proposed), security, channel)
    return association, write_challenge(security.title, channel.asked, agreed)


def _bytes_max(proposed: ContextProposed) -> int:
    return min(proposed.client_max_receive_pdu_size or RECEIVE_BYTES_MAX, RECEIVE_BYTES_MAX)


def _rejected_secured(diagnostic: Diagnostic) -> bytes:
    return write_rejected(diagnostic, context=CIPHERED_CONTEXT)


def _refused(opening: AssociationAsked, client_sap: int) -> bytes | None:
    """The AARE that refuses what no password can make good."""
    if client_sap not in (Client.PUBLIC, Client.READER):
        return write_rejected(Diagnostic.NO_REASON)
    if opening.context != LN_CONTEXT:
        return write_rejected(Diagnostic.CONTEXT_NOT_SUPPORTED)
    if client_sap == Client.READER and not opening.mechanism:
        return write_rejected(Diagnostic.AUTHENTICATION_REQUIRED)
    wanted = (LOW_SECURITY,) if client_sap == Client.READER else (b"", NO_SECURITY)
    if opening.mechanism not in wanted:
        return write_rejected(Diagnostic.MECHANISM_NOT_RECOGNISED)
    return None


def _refused_secured(opening: AssociationAsked, security: MeterSecurity) -> bytes | None:
    """The AARE that refuses what no key can make good."""
    if opening.context != CIPHERED_CONTEXT:
        return write_rejected(Diagnostic.CONTEXT_NOT_SUPPORTED)
    if not opening.mechanism:
        return _rejected_secured(Diagnostic.AUTHENTICATION_REQUIRED)
    if opening.mechanism != HLS_GMAC:
        return _rejected_secured(Diagnostic.MECHANISM_NOT_RECOGNISED)
    # With our own title a client's messages and ours would have the same nonces.
    if len(opening.title) != TITLE_BYTES or opening.title == security.title:
        return _rejected_secured(Diagnostic.TITLE_NOT_RECOGNISED)
    if len(opening.authentication_value) not in CHALLENGE_BYTES or security.is_spent:
        return _rejected_secured(Diagnostic.AUTHENTICATION_FAILURE)
    return None


def _refused_context(proposed: ContextProposed, bytes_min: int, context: bytes) -> bytes | None:
    """The AARE that refuses what the client proposes, whoever it is; `context`: of its application."""
    error = None
    if proposed.dlms_version < DLMS_VERSION:
        error = InitiateError.VERSION_TOO_LOW
    elif 0 < proposed.client_max_receive_pdu_size < bytes_min:
        error = InitiateError.PDU_TOO_SHORT
    elif not proposed.conformance & CONFORMANCE:
        error = InitiateError.INCOMPATIBLE_CONFORMANCE
    return None if error is None else write_rejected(Diagnostic.NO_REASON, error, context=context)


def _shown(association: Association, listed: tuple[CosemObject, ...]) -> CosemObject:
    client = association.client
    # The longest value of a readout by far, and it never changes.
    shown_list = cache(lambda: object_list(listed, client))
    is_secured = association.channel is not None
    context = structure(
        Datum(Tag.BIT_STRING, 24, association.conformance.to_bytes(3, "big")),
        Datum(Tag.LONG_UNSIGNED, RECEIVE_BYTES_MAX),
        Datum(Tag.LONG_UNSIGNED, association.client_max_receive_pdu_size),
        Datum(Tag.UNSIGNED, DLMS_VERSION),
        Datum(Tag.INTEGER, 0),
        octets(b""),
    )
    readings = {
        2: lambda _view: shown_list(),
        3: constant(structure(Datum(Tag.INTEGER, client), Datum(Tag.LONG_UNSIGNED, LOGICAL_DEVICE))),
        4: constant(octets(CIPHERED_CONTEXT if is_secured else LN_CONTEXT)),
        5: constant(context),
        6: constant(octets(_MECHANISMS[client])),
        8: constant(Datum(Tag.ENUM, _ASSOCIATED)),
        9: constant(octets(SETUP_NAME if is_secured else _NO_SETUP)),
    }
    methods = {1: _reply_again} if is_secured else {}
    return CosemObject(15, 1, ASSOCIATION_NAME, readings, methods=methods, is_public=True)


def _reply_again(_asked: GivenValue, _view: FaceView, _preset: ClockPreset) -> Outcome:
    """The client's proof comes before the association is open, and once."""
    return DlmsResult.READ_WRITE_DENIED, None
