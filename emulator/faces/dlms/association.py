"""The association of a client, and the object that shows it: class 15, version 1. Pure."""

import hmac
from dataclasses import dataclass
from typing import Final

from emulator.faces.dlms.acse import (
    CLIENT_BYTES_MIN,
    CONFORMANCE,
    DLMS_VERSION,
    LN_CONTEXT,
    LOW_SECURITY,
    NO_SECURITY,
    AssociationAsked,
    Diagnostic,
    InitiateError,
    write_accepted,
    write_rejected,
)
from emulator.faces.dlms.model import Client, CosemObject, constant, logical_name, object_list, visible_to
from emulator.faces.dlms.objects import LOGICAL_DEVICE, objects_of
from emulator.faces.dlms.values import Datum, Tag, octets, structure
from emulator.faces.dlms.wrapper import RECEIVE_BYTES_MAX
from emulator.faces.view import FaceView
from protocols.instants import MINUTE_MS

TRIES_MAX: Final = 3
LOCKED_MS: Final = 10 * MINUTE_MS
_ASSOCIATED: Final = 2
_NO_SETUP: Final = bytes(6)


@dataclass(slots=True)
class PasswordLock:
    """Wrong passwords of all connections together: the last one allowed locks the reader out for a time."""

    password: bytes
    wrong_tries: int = 0
    locked_until_ms: int = 0

    def opens(self, given: bytes, at_ms: int) -> bool:
        """Whether this opens the lock now, compared in a time that says nothing of it."""
        if at_ms < self.locked_until_ms:
            return False
        if hmac.compare_digest(given, self.password):
            self.wrong_tries = 0
            return True
        self.wrong_tries += 1
        if self.wrong_tries >= TRIES_MAX:
            self.wrong_tries, self.locked_until_ms = 0, at_ms + LOCKED_MS
        return False


@dataclass(frozen=True, slots=True)
class Association:
    """An association that is open. `send_bytes_max`: how long an answer may be."""

    client: Client
    conformance: int
    send_bytes_max: int

    def objects(self, view: FaceView) -> tuple[CosemObject, ...]:
        """What its client has, the association's own object among them."""
        others = visible_to(objects_of(view), self.client)
        # Its list names the object itself as well; whoever reads that asks for the list again.
        listed = (_shown(self, ()), *others)
        return (_shown(self, listed), *others)


def open_association(
    opening: AssociationAsked, source: int, lock: PasswordLock, at_ms: int
) -> tuple[Association | None, bytes]:
    """The association that an AARQ opens, and the AARE. None: it is refused."""
    refused = _refused(opening, source)
    if refused is None and source == Client.READER and not lock.opens(opening.secret, at_ms):
        refused = write_rejected(Diagnostic.AUTHENTICATION_FAILURE)
    if refused is not None:
        return None, refused
    conformance = opening.conformance & CONFORMANCE
    send_bytes_max = min(opening.client_bytes_max or RECEIVE_BYTES_MAX, RECEIVE_BYTES_MAX)
    association = Association(Client(source), conformance, send_bytes_max)
    mechanism = LOW_SECURITY if association.client is Client.READER else b""
    return association, write_accepted(mechanism, conformance)


def _refused(opening: AssociationAsked, source: int) -> bytes | None:
    """The AARE that refuses what no password can make good."""
    if opening.context != LN_CONTEXT:
        return write_rejected(Diagnostic.CONTEXT_NOT_SUPPORTED)
    if source not in tuple(Client):
        return write_rejected(Diagnostic.NO_REASON)
    if source == Client.READER and not opening.mechanism:
        return write_rejected(Diagnostic.AUTHENTICATION_REQUIRED)
    wanted = (LOW_SECURITY,) if source == Client.READER else (b"", NO_SECURITY)
    if opening.mechanism not in wanted:
        return write_rejected(Diagnostic.MECHANISM_NOT_RECOGNISED)
    if opening.dlms_version < DLMS_VERSION:
        return write_rejected(Diagnostic.NO_REASON, InitiateError.VERSION_TOO_LOW)
    if 0 < opening.client_bytes_max < CLIENT_BYTES_MIN:
        return write_rejected(Diagnostic.NO_REASON, InitiateError.PDU_TOO_SHORT)
    if not opening.conformance & CONFORMANCE:
        return write_rejected(Diagnostic.NO_REASON, InitiateError.INCOMPATIBLE_CONFORMANCE)
    return None


def _shown(association: Association, listed: tuple[CosemObject, ...]) -> CosemObject:
    client = association.client
    mechanism = LOW_SECURITY if client is Client.READER else NO_SECURITY
    context = structure(
        Datum(Tag.BIT_STRING, 24, association.conformance.to_bytes(3, "big")),
        Datum(Tag.LONG_UNSIGNED, RECEIVE_BYTES_MAX),
        Datum(Tag.LONG_UNSIGNED, association.send_bytes_max),
        Datum(Tag.UNSIGNED, DLMS_VERSION),
        Datum(Tag.INTEGER, 0),
        octets(b""),
    )
    readings = {
        2: lambda _view: object_list(listed, client),
        3: constant(structure(Datum(Tag.INTEGER, client), Datum(Tag.LONG_UNSIGNED, LOGICAL_DEVICE))),
        4: constant(octets(LN_CONTEXT)),
        5: constant(context),
        6: constant(octets(mechanism)),
        8: constant(Datum(Tag.ENUM, _ASSOCIATED)),
        9: constant(octets(_NO_SETUP)),
    }
    return CosemObject(15, 1, logical_name("0-0:40.0.0"), readings, is_public=True)
