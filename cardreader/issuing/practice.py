"""The fleet's key for practice: of a seed that everybody may know, so of cards that no real meter opens."""

from hashlib import sha256


def practice_key(seed: str) -> bytes:
    """In the place of a fleet's key. A scenario's is the one of its own seed, written in digits."""
    return sha256(b"relance practice cards: " + seed.encode()).digest()
