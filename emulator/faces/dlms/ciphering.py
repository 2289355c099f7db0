"""Ciphered APDUs of security suite 0: AES-GCM-128 (IEC 62056-5-3 §5.3.5, NIST SP 800-38D). Pure.

    security control | invocation counter | text | tag of 12 bytes

A nonce is the sender's system title and its invocation counter: neither end may use a counter twice with one
key. What is only authenticated is sent as it is.
"""

from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from emulator.faces.dlms.values import BrokenPduError, Cursor

TITLE_BYTES: Final = 8
KEY_BYTES: Final = 16
# Bits of the security control byte; its low half is the suite. Others: the key of broadcasts, compression.
AUTHENTICATED, ENCRYPTED = 0x10, 0x20
COUNTER_MAX: Final = 0xFFFF_FFFF
_KNOWN_BITS: Final = AUTHENTICATED | ENCRYPTED
_TAG_BYTES: Final = 12
_COUNTER_BYTES: Final = 4


class ForgedPduError(Exception):
    """Bytes that nobody with these keys has sent in this form."""


class SecurityKeys(NamedTuple):
    """The global unicast encryption key and the authentication key, 16 bytes each."""

    encryption: bytes
    authentication: bytes


class Ciphered(NamedTuple):
    """`text`: with the tag at its end."""

    control: int
    counter: int
    text: bytes


def read_ciphered(data: bytes) -> Ciphered:
    """What came. Raises BrokenPduError, also for another suite, for broadcasts and for what is compressed."""
    cursor = Cursor(data)
    control, counter = cursor.byte(), cursor.number(_COUNTER_BYTES)
    if control & ~_KNOWN_BITS:
        raise BrokenPduError(f"security control {control}")
    return Ciphered(control, counter, cursor.take(cursor.left))


def protect(keys: SecurityKeys, title: bytes, control: int, counter: int, plain: bytes) -> bytes:
    """As it is sent by the end that has this title. `control` has AUTHENTICATED, and may have ENCRYPTED."""
    assert control & AUTHENTICATED, "nothing is sent that anybody could have changed"
    encryptor = Cipher(AES(keys.encryption), GCM(_nonce(title, counter))).encryptor()
    head = bytes((control,)) + counter.to_bytes(_COUNTER_BYTES, "big")
    if control & ENCRYPTED:
        encryptor.authenticate_additional_data(head[:1] + keys.authentication)
        text = encryptor.update(plain) + encryptor.finalize()
    else:
        encryptor.authenticate_additional_data(head[:1] + keys.authentication + plain)
        text = plain + encryptor.finalize()
    return head + text + encryptor.tag[:_TAG_BYTES]


def unprotect(keys: SecurityKeys, title: bytes, ciphered: Ciphered) -> bytes:
    """What the end with this title has sent. Raises ForgedPduError, also for what is not authenticated."""
    text, tag = ciphered.text[:-_TAG_BYTES], ciphered.text[-_TAG_BYTES:]
    if not ciphered.control & AUTHENTICATED or len(tag) != _TAG_BYTES:
        raise ForgedPduError
    mode = GCM(_nonce(title, ciphered.counter), tag, min_tag_length=_TAG_BYTES)
    decryptor = Cipher(AES(keys.encryption), mode).decryptor()
    covered = bytes((ciphered.control,)) + keys.authentication
    is_encrypted = bool(ciphered.control & ENCRYPTED)
    decryptor.authenticate_additional_data(covered if is_encrypted else covered + text)
    try:
        plain = decryptor.update(text if is_encrypted else b"") + decryptor.finalize()
    except InvalidTag:
        raise ForgedPduError from None
    return plain if is_encrypted else text


def proof_of(keys: SecurityKeys, title: bytes, counter: int, challenge: bytes) -> bytes:
    """The answer to a challenge by the end with this title: GMAC (IEC 62056-5-3 §5.3.7.2.5)."""
    sent = protect(keys, title, AUTHENTICATED, counter, challenge)
    return sent[: 1 + _COUNTER_BYTES] + sent[-_TAG_BYTES:]


def is_proof(keys: SecurityKeys, title: bytes, challenge: bytes, proof: bytes) -> bool:
    """Whether whoever has this title and the keys has answered the challenge so."""
    head = 1 + _COUNTER_BYTES
    if len(proof) != head + _TAG_BYTES or proof[0] != AUTHENTICATED:
        return False
    counter = int.from_bytes(proof[1:head], "big")
    try:
        unprotect(keys, title, Ciphered(AUTHENTICATED, counter, challenge + proof[head:]))
    except ForgedPduError:
        return False
    return True


def counter_of(proof: bytes) -> int:
    """The invocation counter that a proof was made with."""
    return int.from_bytes(proof[1 : 1 + _COUNTER_BYTES], "big")


def _nonce(title: bytes, counter: int) -> bytes:
    return title + counter.to_bytes(_COUNTER_BYTES, "big")
