"""A request: the public key of somebody who comes, or whose key is replaced, on its way to the office.

The private key stays where its person has made it. The request names the person and the public key, and is
signed by the private one: so nobody brings another's key under their own name, or one that nobody holds. It
says nothing of who sent it: people compare the key's first digits by voice.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from protocols.decoding import read_json
from protocols.documents.bodies import Id
from protocols.documents.envelope import Signer, keyid_of, read_envelope, seal, valid_keyids
from protocols.errors import DocumentError, InputError
from protocols.limits import PAYLOAD_BYTES_MAX

REQUEST_TYPE: Final = "application/vnd.relance.key-request+json"


class KeyRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who asks, and the raw Ed25519 public key as hex."""

    holder: Id
    public: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    v: Literal[1] = 1

    @property
    def keyid(self) -> str:
        return keyid_of(bytes.fromhex(self.public))


_requests: msgspec.json.Decoder[KeyRequest] = msgspec.json.Decoder(KeyRequest)


def seal_request(holder: str, signer: Signer) -> bytes:
    """The request of a holder, signed by the key that it brings."""
    request = KeyRequest(holder=holder, public=signer.public.hex())
    return seal(msgspec.json.encode(request, order="deterministic"), REQUEST_TYPE, [signer])


def open_request(data: bytes) -> KeyRequest:
    """A request whose key has signed it. Raises DocumentError for anything else."""
    envelope = read_envelope(data)
    if envelope.payload_type != REQUEST_TYPE:
        raise DocumentError(f"envelope: payloadType {envelope.payload_type!r}; expected {REQUEST_TYPE!r}")
    request = read_json(_requests, envelope.payload, "request")
    if request.keyid not in valid_keyids(envelope, {request.keyid: bytes.fromhex(request.public)}):
        raise DocumentError("request: not signed by the key that it brings")
    return request


def read_request(path: Path) -> KeyRequest:
    """The request in a file. Raises InputError for a file that cannot be read, or that is none."""
    try:
        with path.open("rb") as file:
            data = file.read(PAYLOAD_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return open_request(data)
    except DocumentError as error:
        raise InputError(f"{path}: {error}; allowed: what `relance operator request` writes") from None


def write_request(path: Path, holder: str, signer: Signer) -> None:
    """Write a request to a new file. Raises InputError where it exists, or cannot be written."""
    try:
        with path.open("xb") as file:
            file.write(seal_request(holder, signer) + b"\n")
    except FileExistsError:
        raise InputError(f"{path}: exists already; allowed: another --out") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
