"""How a meter comes to a new key that nobody else can work out, also who holds its present one (design §5).

Two people sign the public half of a new pair (X25519, RFC 7748) for meters. Each meter draws a pair of its
own, and what both halves give (HKDF-SHA-256, RFC 5869) is its new key: it never travels. The meter tells
the public half that it drew, and vouches for it with the keys that it had before. So whoever has stolen the
key of the whole fleet, and has recorded all that was ever sent, has no key that was agreed on afterwards.

The office derives its private halves from a new key of the fleet, a time authority its own from its
`asks_key`.
"""

import hmac
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocols.errors import DocumentError

# For what a key is: a meter's own; that of its asks is named by the authority.
OF_METERS = "meter"
_KEYS_REMEMBERED = 65_536
_KEY_BYTES = 32
_VOUCH_CHARS = 32


def public_half(secret: bytes) -> str:
    """The public half, as hex, of the pair that derives from an office's secret."""
    return _public(_private(secret))


def drawn_public(drawn: bytes) -> str:
    """The public half, as hex, of the pair that a meter has drawn: 32 bytes of chance."""
    return _public(X25519PrivateKey.from_private_bytes(drawn))


def agreed_by_meter(drawn: bytes, office_public: str, purpose: str, meter: str) -> bytes:
    """The key that a meter agrees on. Raises DocumentError for a public half that agrees with nobody."""
    private = X25519PrivateKey.from_private_bytes(drawn)
    return _agreed(private, office_public, f"{purpose}/{meter}", office_public + _public(private))


@lru_cache(maxsize=_KEYS_REMEMBERED)
def agreed_by_office(secret: bytes, meter_public: str, purpose: str, meter: str) -> bytes:
    """The same key, at the office. Raises DocumentError for a public half that agrees with nobody."""
    private = _private(secret)
    return _agreed(private, meter_public, f"{purpose}/{meter}", _public(private) + meter_public)


def vouch(before: bytes, meter: str, generation: int, public: str) -> str:
    """What shows, to who knows the key that a meter had before, that this meter has drawn `public`."""
    said = f"agreed\n{meter}\n{generation}\n{public}"
    return hmac.digest(before, said.encode(), "sha256").hex()[:_VOUCH_CHARS]


@lru_cache(maxsize=64)
def _private(secret: bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(hmac.digest(secret, b"agreement", "sha256"))


def _public(private: X25519PrivateKey) -> str:
    return private.public_key().public_bytes_raw().hex()


def _agreed(private: X25519PrivateKey, public: str, purpose: str, halves: str) -> bytes:
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(public)))
    except ValueError:
        raise DocumentError(f"key: {public[:16]}: agrees with nobody") from None
    info = f"relance/{purpose}/{halves}".encode()
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(shared)
