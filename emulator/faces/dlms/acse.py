"""Opens and ends an association: AARQ, AARE, RLRQ and RLRE (IEC 62056-5-3, ACSE in BER). Pure."""

from enum import IntEnum, unique
from typing import Final, NamedTuple

from emulator.faces.dlms.values import BrokenPduError, Cursor, write_length
from emulator.faces.dlms.wrapper import RECEIVE_BYTES_MAX

AARQ: Final = 0x60
RLRQ: Final = 0x62
_AARE: Final = 0x61
# Reason: normal.
RLRE: Final = bytes.fromhex("6303800100")
# Reason: not finished.
RLRE_NOT_FINISHED: Final = bytes.fromhex("6303800101")

# joint-iso-ccitt(2) country(16) country-name(756) identified-organization(5) DLMS-UA(8), and then:
_DLMS: Final = bytes.fromhex("6085740508")
LN_CONTEXT: Final = _DLMS + b"\x01\x01"
# The same, with ciphered APDUs.
CIPHERED_CONTEXT: Final = _DLMS + b"\x01\x03"
NO_SECURITY: Final = _DLMS + b"\x02\x00"
LOW_SECURITY: Final = _DLMS + b"\x02\x01"
HLS_GMAC: Final = _DLMS + b"\x02\x05"

# Services of an xDLMS context, as bits of three bytes.
GET_BLOCKS, SET_BLOCKS, ACTION_BLOCKS, LISTS = 0x001000, 0x000800, 0x000400, 0x000200
GET, SET, SELECTIVE, ACTION = 0x000010, 0x000008, 0x000004, 0x000001
CONFORMANCE: Final = GET_BLOCKS | SET_BLOCKS | ACTION_BLOCKS | LISTS | GET | SET | SELECTIVE | ACTION
# Protection that names its sender's title; of ciphered associations alone.
GENERAL_PROTECTION: Final = 0x400000
DLMS_VERSION: Final = 6
# Of `client-max-receive-pdu-size`: a GET answer's head and a byte of each block must fit in.
RECEIVE_PDU_SIZE_MIN: Final = 32
# Calling AP title, and calling authentication value.
_TITLE: Final = 0xA6
_AUTHENTICATION_VALUE: Final = 0xAC
_USER_INFORMATION: Final = 0xBE
_VAA_NAME: Final = b"\x00\x07"
_INITIATE_REQUEST: Final = 0x01
_CONFORMANCE_HEAD: Final = b"\x5f\x1f\x04\x00"


@unique
class Diagnostic(IntEnum):
    """Why an association is refused: acse-service-user of the result source diagnostic."""

    NONE = 0
    NO_REASON = 1
    CONTEXT_NOT_SUPPORTED = 2
    TITLE_NOT_RECOGNISED = 3
    MECHANISM_NOT_RECOGNISED = 11
    AUTHENTICATION_FAILURE = 13
    AUTHENTICATION_REQUIRED = 14


@unique
class InitiateError(IntEnum):
    """What of the proposed xDLMS context cannot be: initiate, of the confirmed service error."""

    VERSION_TOO_LOW = 1
    INCOMPATIBLE_CONFORMANCE = 2
    PDU_TOO_SHORT = 3


class AssociationAsked(NamedTuple):
    """An AARQ. `proposed`: what it is all about.

    `mechanism`, `title` (calling AP title) and `authentication_value` (calling) empty: none was named.
    """

    context: bytes
    mechanism: bytes
    title: bytes
    authentication_value: bytes
    proposed: bytes


class ContextProposed(NamedTuple):
    """An InitiateRequest. `client_max_receive_pdu_size` 0: the client takes any length."""

    dlms_version: int
    conformance: int
    client_max_receive_pdu_size: int


def read_opening(pdu: bytes) -> AssociationAsked:
    """An AARQ. Raises BrokenPduError."""
    fields = _read_fields(pdu, AARQ)
    return AssociationAsked(
        _inner(fields.get(0xA1, b""), 0x06),
        fields.get(0x8B, b""),
        _inner(fields[_TITLE], 0x04) if _TITLE in fields else b"",
        _inner(fields[_AUTHENTICATION_VALUE], 0x80) if _AUTHENTICATION_VALUE in fields else b"",
        _inner(fields.get(_USER_INFORMATION, b""), 0x04),
    )


def read_release(pdu: bytes) -> bytes:
    """The user information of an RLRQ; empty: it has none. Raises BrokenPduError."""
    fields = _read_fields(pdu, RLRQ)
    return _inner(fields[_USER_INFORMATION], 0x04) if _USER_INFORMATION in fields else b""


def _read_fields(pdu: bytes, kind: int) -> dict[int, bytes]:
    """The fields of a PDU of ACSE, by their tags."""
    cursor = Cursor(pdu)
    if cursor.byte() != kind or cursor.length() != cursor.left:
        raise BrokenPduError(f"a PDU of ACSE that is not of the kind {kind}")
    fields: dict[int, bytes] = {}
    while cursor.left:
        tag = cursor.byte()
        if tag in fields:
            raise BrokenPduError(f"field {tag} twice")
        fields[tag] = cursor.take(cursor.length())
    return fields


def _inner(data: bytes, tag: int) -> bytes:
    """What is inside of an explicit tag."""
    cursor = Cursor(data)
    if cursor.byte() != tag:
        raise BrokenPduError(f"tag {tag} is missing")
    inside = cursor.take(cursor.length())
    cursor.end()
    return inside


def read_proposed(initiate: bytes) -> ContextProposed:
    """An InitiateRequest in A-XDR. Raises BrokenPduError."""
    cursor = Cursor(initiate)
    if cursor.byte() != _INITIATE_REQUEST:
        raise BrokenPduError("no InitiateRequest")
    if cursor.flag():
        cursor.take(cursor.length())
    for _ in ("response-allowed", "proposed-quality-of-service"):
        if cursor.flag():
            cursor.byte()
    version = cursor.byte()
    if cursor.take(len(_CONFORMANCE_HEAD)) != _CONFORMANCE_HEAD:
        raise BrokenPduError("no conformance block")
    conformance, client_max_receive_pdu_size = cursor.number(3), cursor.number(2)
    cursor.end()
    return ContextProposed(version, conformance, client_max_receive_pdu_size)


def write_agreed(conformance: int) -> bytes:
    """An InitiateResponse."""
    return (
        b"\x08\x00"
        + bytes((DLMS_VERSION,))
        + _CONFORMANCE_HEAD
        + conformance.to_bytes(3, "big")
        + RECEIVE_BYTES_MAX.to_bytes(2, "big")
        + _VAA_NAME
    )


def write_accepted(mechanism: bytes, agreed: bytes) -> bytes:
    """An AARE that opens the association; `mechanism` empty: nobody was authenticated."""
    proven = _field(0x88, b"\x07\x80") + _field(0x89, mechanism) if mechanism else b""
    return _write_answer(0, Diagnostic.NONE, agreed, after=proven)


def write_challenge(title: bytes, challenge: bytes, agreed: bytes) -> bytes:
    """An AARE that opens the association once the client has answered. `title` is the meter's."""
    asked = _field(0x88, b"\x07\x80") + _field(0x89, HLS_GMAC) + _field(0xAA, _field(0x80, challenge))
    after = _field(0xA4, _field(0x04, title)) + asked
    return _write_answer(0, Diagnostic.AUTHENTICATION_REQUIRED, agreed, context=CIPHERED_CONTEXT, after=after)


def write_rejected(
    diagnostic: Diagnostic, initiate: InitiateError | None = None, *, context: bytes = LN_CONTEXT
) -> bytes:
    """An AARE that refuses it for good; `initiate`: what of the proposed context cannot be."""
    error = b"" if initiate is None else b"\x0e\x01\x06" + bytes((initiate,))
    return _write_answer(1, diagnostic, error, context=context)


def _write_answer(
    result: int, diagnostic: Diagnostic, user: bytes, *, context: bytes = LN_CONTEXT, after: bytes = b""
) -> bytes:
    body = (
        _field(0xA1, _field(0x06, context))
        + _field(0xA2, _field(0x02, bytes((result,))))
        + _field(0xA3, _field(0xA1, _field(0x02, bytes((diagnostic,)))))
        + after
    )
    if user:
        body += _field(_USER_INFORMATION, _field(0x04, user))
    return _field(_AARE, body)


def _field(tag: int, data: bytes) -> bytes:
    return bytes((tag,)) + write_length(len(data)) + data
