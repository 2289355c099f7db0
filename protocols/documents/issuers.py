"""Who may sign statements of payments, and how much at a time: the issuers document (design §4.3).

An issuer is the controller, or one kiosk. It has a key of its own, which the root does not know, and an
*allowance*: what a meter credits of it a day without asking anybody further. Its statements are counted in an
*epoch*, each from 0; a new epoch closes the one before for good, with all that a stolen key signed in it.

The document stands beside the root: signed by as many people as harm needs, versioned, without dates. So no
clock is asked before money is credited. Pure.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from protocols.decoding import read_json
from protocols.documents.bodies import Digest, Id, Rev
from protocols.documents.envelope import keyid_of, read_envelope, valid_keyids
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Root, meets, open_signed
from protocols.errors import DocumentError
from protocols.limits import ISSUERS_MAX, STATEMENT_UEUR_MAX
from protocols.reasons import Refusal

ISSUERS_TYPE: Final = "application/vnd.relance.issuers+json"


class Issuer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One issuer: the epoch that counts, its raw Ed25519 public key as hex, and its allowance a day."""

    name: Id
    epoch: Rev
    public: Digest
    allowance_ueur_per_day: Annotated[int, Meta(ge=1, le=STATEMENT_UEUR_MAX)]

    @property
    def keyid(self) -> str:
        """The id by which a signature names its key."""
        return keyid_of(bytes.fromhex(self.public))


class Issuers(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The issuers document. No other issuer's statement is credited where it is in force."""

    version: Rev
    issuers: Annotated[tuple[Issuer, ...], Meta(max_length=ISSUERS_MAX)]
    v: Literal[1] = 1

    def of(self, name: str) -> Issuer | None:
        """The issuer of this name."""
        return next((each for each in self.issuers if each.name == name), None)


_issuers: msgspec.json.Decoder[Issuers] = msgspec.json.Decoder(Issuers)


def read_issuers(payload: bytes) -> Issuers:
    """An issuers document from its signed bytes. Raises DocumentError if it is malformed."""
    issuers = read_json(_issuers, payload, "issuers")
    for what, found in (
        ("name", {each.name for each in issuers.issuers}),
        ("key", {each.public for each in issuers.issuers}),
    ):
        if len(found) < len(issuers.issuers):
            raise DocumentError(f"issuers: a {what} stands twice")
    return issuers


def write_issuers(issuers: Issuers) -> bytes:
    """The bytes that are to be signed. Raises DocumentError like `read_issuers`."""
    payload = msgspec.json.encode(issuers, order="deterministic")
    read_issuers(payload)
    return payload


def accept_issuers(envelope: bytes, root: Root, current: Issuers | None) -> Issuers | Refusal:
    """The next issuers document, signed by as many people as the root demands for harm.

    STALE_REV if the version is not above the current one's, or if an issuer of both goes back in its epoch.
    OUT_OF_RANGE if an issuer's key is one of the root's: a person's signature must never be an issuer's too.
    Raises DocumentError if the document is malformed.
    """
    signed = open_signed(envelope, root, ISSUERS_TYPE)
    new = read_issuers(signed.payload)
    if current is not None and new.version <= current.version:
        return Refusal.STALE_REV
    if not meets(signed, root, Role.HARM):
        return Refusal.TOO_FEW_SIGNERS
    if current is not None and _goes_back(new, current):
        return Refusal.STALE_REV
    if {each.public for each in new.issuers} & {key.public for key in root.keys.values()}:
        return Refusal.OUT_OF_RANGE
    return new


def has_issued(envelope: bytes, issuer: Issuer) -> bool:
    """Whether the issuer's key has signed. Raises DocumentError if the envelope is malformed."""
    return bool(valid_keyids(read_envelope(envelope), {issuer.keyid: bytes.fromhex(issuer.public)}))


def _goes_back(new: Issuers, current: Issuers) -> bool:
    epochs = {each.name: each.epoch for each in current.issuers}
    return any(each.epoch < epochs.get(each.name, 0) for each in new.issuers)
