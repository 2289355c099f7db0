"""DSSE v1: how signatures are carried, whatever they sign (design §5).

An envelope is a JSON object `{payload, payloadType, signatures: [{keyid, sig}]}` with base64 in
`payload` and `sig`. What is signed is the *pre-authentication encoding* (PAE) of type and payload,
never the JSON around them: no canonical form is needed, and a payload cannot pass for one of
another type. This module says which keys have signed; `roles` says what that permits.

Source: Dead Simple Signing Envelope, protocol.md and envelope.md, v1.0.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from protocols.decoding import read_json
from protocols.errors import DocumentError
from protocols.limits import PAYLOAD_BYTES_MAX, SIGNATURES_MAX

# Sizes of the caches of checked signatures and of digests: more than the orders and times that are on their
# way at once.
_CHECKS_REMEMBERED = 1024
_DIGESTS_REMEMBERED = 64
# Envelopes of up to 16 KiB: a document is read several times on its way, and a fleet's by every meter.
_ENVELOPES_REMEMBERED = 64
# Of the length of a type's name; more would only be a long number to read.
_LENGTH_DIGITS_MAX = 4


class Signature(Struct, frozen=True):
    """One signature over the PAE. `keyid` only says which key to try; it proves nothing by itself."""

    keyid: str
    sig: bytes


class Envelope(Struct, frozen=True):
    """An envelope as read: nothing about its signatures has been checked yet."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]


class WireSignature(Struct, frozen=True):
    """The JSON form of a signature."""

    sig: str
    # DSSE makes it optional. We try no key for a signature without one.
    keyid: str = ""


class WireEnvelope(Struct, frozen=True, rename="camel"):
    """The JSON form. Unknown fields are ignored, as DSSE demands."""

    payload: str
    payload_type: str
    signatures: tuple[WireSignature, ...]


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key that signs. Its `keyid` is the SHA-256 of the raw public key, as hex."""

    private: Ed25519PrivateKey = field(repr=False)
    public: bytes = field(init=False)
    keyid: str = field(init=False)

    def __post_init__(self) -> None:
        public = self.private.public_key().public_bytes_raw()
        object.__setattr__(self, "public", public)
        object.__setattr__(self, "keyid", keyid_of(public))

    @classmethod
    def from_seed(cls, seed: bytes) -> "Signer":
        """The signer of a 32-byte seed (RFC 8032 §5.1.5). Raises ValueError for another length."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))


_wire: msgspec.json.Decoder[WireEnvelope] = msgspec.json.Decoder(WireEnvelope)


def keyid_of(public: bytes) -> str:
    """The name of a raw public key: its SHA-256 as hex."""
    return sha256(public).hexdigest()


def encode_pae(payload_type: str, payload: bytes) -> bytes:
    """What is signed: `DSSEv1 SP LEN(type) SP type SP LEN(payload) SP payload`."""
    name = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def decode_pae(data: bytes) -> tuple[str, bytes]:
    """The type and payload of what is signed; `encode_pae` makes exactly these bytes of them.

    Raises DocumentError for anything else.
    """
    _, _, rest = data.partition(b" ")
    length, _, rest = rest.partition(b" ")
    count = int(length) if length.isdigit() and len(length) <= _LENGTH_DIGITS_MAX else 0
    name, rest = rest[:count], rest[count + 1 :]
    payload = rest.partition(b" ")[2]
    payload_type = name.decode(errors="replace")
    if encode_pae(payload_type, payload) != data:
        raise DocumentError("no pre-authentication encoding of a document")
    return payload_type, payload


def seal(payload: bytes, payload_type: str, signers: Sequence[Signer]) -> bytes:
    """A new envelope around `payload`. Raises DocumentError if it exceeds the limits."""
    return _write(_sign(Envelope(payload, payload_type, ()), signers))


def add_signature(envelope_bytes: bytes, signer: Signer) -> bytes:
    """The envelope with one more signature, which replaces an earlier one of the same keyid.

    Raises DocumentError if the envelope is malformed or would exceed the limits.
    """
    return _write(_sign(read_envelope(envelope_bytes), [signer]))


def join_signatures(envelope_bytes: bytes, other_bytes: bytes) -> bytes:
    """The envelope with the signatures of another copy added: two people may sign at the same time.

    Where both copies have a signature of one keyid, the first copy's stays. Raises DocumentError if either
    is malformed, the other holds another document, or there are too many signatures.
    """
    held, other = read_envelope(envelope_bytes), read_envelope(other_bytes)
    if (other.payload_type, other.payload) != (held.payload_type, held.payload):
        raise DocumentError("envelope: holds another document than the one signed so far")
    signatures = {each.keyid: each for each in (*other.signatures, *held.signatures)}
    return _write(msgspec.structs.replace(held, signatures=tuple(signatures.values())))


@lru_cache(maxsize=_ENVELOPES_REMEMBERED)
def read_envelope(data: bytes) -> Envelope:
    """An envelope from outside. Raises DocumentError if it is malformed or exceeds the limits.

    Cached: a meter reads each document for its type and again for its signers, its link for its digest.
    """
    wire = read_json(_wire, data, "envelope")
    if len(wire.signatures) > SIGNATURES_MAX:
        raise DocumentError(f"envelope: {len(wire.signatures)} signatures; at most {SIGNATURES_MAX}")
    return Envelope(
        payload=_from_base64(wire.payload, "payload"),
        payload_type=wire.payload_type,
        signatures=tuple(Signature(each.keyid, _from_base64(each.sig, "sig")) for each in wire.signatures),
    )


@lru_cache(maxsize=_DIGESTS_REMEMBERED)
def document_digest(data: bytes) -> str:
    """The digest by which a receipt names a document: SHA-256 over the bytes that are signed in it, as hex.

    So copies with more signatures are the same document. Cached, since an order to the fleet reaches many
    emulated meters. Raises DocumentError if the envelope is malformed.
    """
    return sha256(read_envelope(data).payload).hexdigest()


def valid_keyids(envelope: Envelope, keys: Mapping[str, bytes]) -> frozenset[str]:
    """The keyids in `keys` (keyid to raw public key) whose signature of the envelope is valid.

    An invalid signature, or one by an unknown key, counts as absent; a repeated one counts once.
    """
    pae = encode_pae(envelope.payload_type, envelope.payload)
    return frozenset(
        each.keyid
        for each in envelope.signatures
        if each.keyid in keys and _has_signed(keys[each.keyid], each.sig, pae)
    )


@lru_cache(maxsize=_CHECKS_REMEMBERED)
def _has_signed(public: bytes, sig: bytes, pae: bytes) -> bool:
    """Ed25519 verification (RFC 8032 §5.1.7).

    Cached because a fleet-wide order reaches thousands of emulated meters as the same bytes, and one
    check costs about ten times the rest of reading it. The answer is a pure function of these three
    values, so the cache changes only the time taken.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(sig, pae)
    except InvalidSignature:
        return False
    return True


def _sign(envelope: Envelope, signers: Sequence[Signer]) -> Envelope:
    pae = encode_pae(envelope.payload_type, envelope.payload)
    signatures = {each.keyid: each for each in envelope.signatures}
    for signer in signers:
        signatures[signer.keyid] = Signature(signer.keyid, signer.private.sign(pae))
    return msgspec.structs.replace(envelope, signatures=tuple(signatures.values()))


def _write(envelope: Envelope) -> bytes:
    if len(envelope.signatures) > SIGNATURES_MAX:
        raise DocumentError(f"envelope: {len(envelope.signatures)} signatures; at most {SIGNATURES_MAX}")
    data = msgspec.json.encode(
        WireEnvelope(
            payload=b64encode(envelope.payload).decode(),
            payload_type=envelope.payload_type,
            signatures=tuple(
                WireSignature(keyid=each.keyid, sig=b64encode(each.sig).decode())
                for each in envelope.signatures
            ),
        )
    )
    if len(data) > PAYLOAD_BYTES_MAX:
        raise DocumentError(f"envelope: {len(data)} bytes; at most {PAYLOAD_BYTES_MAX}")
    return data


def _from_base64(text: str, name: str) -> bytes:
    # DSSE lets a writer choose the standard or the URL-safe alphabet.
    try:
        return b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        raise DocumentError(f"envelope: {name} is neither standard nor URL-safe base64") from None
