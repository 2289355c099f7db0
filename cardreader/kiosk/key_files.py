"""Private keys of people as files: an Ed25519 key as encrypted PKCS#8 (RFC 8410 §7, RFC 5958 §3).

The cipher (AES in CBC mode) does not detect damage: a flipped bit could decrypt to another key. So a line
before the PEM block, where RFC 7468 §2 allows text, names the key that it must be.
"""

from base64 import b64decode
from pathlib import Path
from typing import Final

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from protocols.documents.envelope import Signer
from protocols.errors import InputError

_PEM_BEGIN: Final = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
_PEM_END: Final = b"-----END ENCRYPTED PRIVATE KEY-----"
KEYID_LINE: Final = b"keyid: "
_PEM_BYTES_MAX: Final = 4_096
# EncryptedPrivateKeyInfo is a SEQUENCE (RFC 5958 §3). Below 0x80 its first length byte is the length; else
# the lower seven bits say how many bytes the length takes (X.690 §8.1.3.4 and §8.1.3.5).
_DER_SEQUENCE: Final = 0x30
_DER_HEADER_BYTES: Final = 2
_DER_LONG_FORM: Final = 0x80


def open_encrypted_key(path: Path, passphrase: str, if_missing: str = "no such key") -> Signer:
    """The signer whose private key is in this file.

    Raises InputError where there is none, it is not an encrypted Ed25519 key, it is damaged, or the
    passphrase is wrong.
    """
    keyid, pem = _read_pem(path, if_missing)
    try:
        private = load_pem_private_key(pem, passphrase.encode())
    except (ValueError, UnsupportedAlgorithm, InternalError):
        # The cipher cannot tell a wrong passphrase from damage in the encrypted part.
        raise InputError(f"{path}: wrong passphrase, or the file is damaged") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise InputError(f"{path}: not an Ed25519 key; allowed: what `relance init` writes")
    signer = Signer(private)
    if keyid not in {"", signer.keyid}:
        raise InputError(f"{path}: the file is damaged: the key in it is not the one it names")
    return signer


def keyid_in_file(path: Path) -> str:
    """The keyid that the file of a key names; empty where it names none. Raises OSError."""
    with path.open("rb") as file:
        return _keyid_of(file.read(_PEM_BYTES_MAX).partition(_PEM_BEGIN)[0])


def _read_pem(path: Path, if_missing: str) -> tuple[str, bytes]:
    """The keyid that a key file names (empty: none), and its PEM block."""
    try:
        with path.open("rb") as file:
            data = file.read(_PEM_BYTES_MAX + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: {if_missing}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    head, begin, rest = data.partition(_PEM_BEGIN)
    pem = begin + rest.strip()
    if len(data) > _PEM_BYTES_MAX or not _is_whole(pem):
        raise InputError(f"{path}: not an encrypted private key (PKCS#8 PEM), or cut short")
    return _keyid_of(head), pem


def _keyid_of(head: bytes) -> str:
    named = head.removeprefix(KEYID_LINE) if head.startswith(KEYID_LINE) else b""
    return named.strip().decode(errors="replace")


def _is_whole(pem: bytes) -> bool:
    """Whether a PEM block is intact: its DER has as many bytes as its header announces."""
    if not (pem.startswith(_PEM_BEGIN) and pem.endswith(_PEM_END)):
        return False
    try:
        der = b64decode(b"".join(pem[len(_PEM_BEGIN) : -len(_PEM_END)].split()), validate=True)
    except ValueError:
        return False
    return len(der) > _DER_HEADER_BYTES and der[0] == _DER_SEQUENCE and len(der) == _der_length(der)


def _der_length(der: bytes) -> int:
    """The length of a DER element in bytes, header included (X.690 §8.1.3)."""
    first = der[1]
    if first < _DER_LONG_FORM:
        return _DER_HEADER_BYTES + first
    count = first - _DER_LONG_FORM
    header_bytes = _DER_HEADER_BYTES + count
    return header_bytes + int.from_bytes(der[_DER_HEADER_BYTES:header_bytes], "big")
