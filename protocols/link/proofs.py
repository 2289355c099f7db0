"""How a word carries its proof: a short MAC as its last member (design §5).

A *word* is one JSON object by which a meter or a link says something of itself: a birth, what a meter holds,
a reading, an ask, its state on a card. Its last member is `,"mac":"…"}`, written without spaces: the first 16
bytes of HMAC-SHA-256 as hex. The MAC covers what the word is (its purpose), the link that it comes over, and
all bytes of the object as they are without that member. So a receiver that knows fewer fields checks all of
them, one that knows no MAC ignores it, and a word that was recorded on one link proves nothing on another.

An older firmware sends words without a MAC. They are *unverified*: they can be shown, and they decide
nothing.
"""

import hashlib
import hmac
from enum import StrEnum, unique
from functools import lru_cache
from hashlib import sha256
from typing import Final

MAC_CHARS: Final = 32
_BEFORE: Final = b',"mac":"'
_AFTER: Final = b'"}'
# The block of SHA-256 (FIPS 180-4 §5.2.1). All our keys are shorter.
_BLOCK_BYTES: Final = 64
_KEYS_REMEMBERED: Final = 65_536
_TAIL_BYTES: Final = len(_BEFORE) + MAC_CHARS + len(_AFTER)


@unique
class Purpose(StrEnum):
    """What a word is. A MAC for one purpose is none for another."""

    STATUS = "status"
    HOLDS = "holds"
    READING = "reading"
    ASK = "ask"
    ACK = "ack"
    CARD = "card"
    KIOSK_STATUS = "kiosk-status"
    KIOSK_WORD = "kiosk-word"
    KIOSK_ORDERS = "kiosk-orders"


@unique
class Proof(StrEnum):
    """What a word's MAC shows: it is right, it is wrong, or there is none."""

    AUTHENTIC = "authentic"
    FORGED = "forged"
    UNVERIFIED = "unverified"


def with_mac(body: bytes, purpose: Purpose, link: str, key: bytes) -> bytes:
    """The word of a JSON object, with its MAC as the last member. The object has one member at least."""
    return body[:-1] + _BEFORE + _mac(body, purpose, link, key).encode() + _AFTER


def proof_of(word: bytes, purpose: Purpose, link: str, key: bytes) -> Proof:
    """What the MAC of a word that came over `link` shows, in constant time."""
    tail = word[-_TAIL_BYTES:]
    if not (tail.startswith(_BEFORE) and tail.endswith(_AFTER)):
        return Proof.UNVERIFIED
    said = tail[len(_BEFORE) : -len(_AFTER)]
    right = _mac(word[:-_TAIL_BYTES] + b"}", purpose, link, key).encode()
    return Proof.AUTHENTIC if hmac.compare_digest(said, right) else Proof.FORGED


def _mac(body: bytes, purpose: Purpose, link: str, key: bytes) -> str:
    # A line feed is in no purpose and in no name, so the parts cannot be taken for one another; and nothing
    # else that this key signs (a report, a nonce's seed) begins so.
    inner, outer = (state.copy() for state in _states(key))
    inner.update(b"%b\n%b\n%b" % (purpose.encode(), link.encode(), body))
    outer.update(inner.digest())
    return outer.hexdigest()[:MAC_CHARS]


@lru_cache(maxsize=_KEYS_REMEMBERED)
def _states(key: bytes) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """SHA-256 after the inner and the outer padded key (RFC 2104 §2): half of each HMAC, done once a key.

    A controller checks the readings of many thousand meters; that takes less than half the time so.
    """
    block = key.ljust(_BLOCK_BYTES, b"\0")
    return sha256(bytes(byte ^ 0x36 for byte in block)), sha256(bytes(byte ^ 0x5C for byte in block))
