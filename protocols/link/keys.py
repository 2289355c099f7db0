"""The keys of the link, each for one purpose, all derived from the fleet's key (design §5).

The head-end keeps the fleet's key and derives every other one when it needs it. A meter is given its own key
at manufacture, and a link its own. A time authority is given the key of the asks that are addressed to it and
no other: with it, it can check an ask of every meter, but it cannot speak for any meter or link.

HMAC-SHA-256 is the derivation (RFC 2104); the purpose is the message. Nobody can get from a derived key to
the fleet's key, or from one purpose to another.
"""

import hmac
from functools import lru_cache

from protocols.reasons import Source

# The fleet's key is replaced by further generations, counted from here.
FIRST_GENERATION = 1
# Keys that a head-end remembers, so that it derives a meter's key once and not with each of its words.
_KEYS_REMEMBERED = 65_536


@lru_cache(maxsize=_KEYS_REMEMBERED)
def meter_key(fleet_key: bytes, meter: str) -> bytes:
    """A meter's own key: for its reports, holdings and readings."""
    return _derived(fleet_key, f"meter/{meter}")


@lru_cache(maxsize=_KEYS_REMEMBERED)
def link_key(fleet_key: bytes, link: str) -> bytes:
    """A link's own key: for its births and last wills, and for nothing else."""
    return _derived(fleet_key, f"link/{link}")


@lru_cache(maxsize=_KEYS_REMEMBERED)
def kiosk_key(fleet_key: bytes, kiosk: str) -> bytes:
    """A kiosk's own key: for the words between it and the controller, and for nothing else."""
    return _derived(fleet_key, f"kiosk/{kiosk}")


def asks_key(fleet_key: bytes, source: Source) -> bytes:
    """What a time authority holds: the key from which the key of every meter's asks to it derives."""
    return _derived(fleet_key, f"asks/{source}")


@lru_cache(maxsize=_KEYS_REMEMBERED)
def ask_key(asks: bytes, meter: str) -> bytes:
    """A meter's key for its asks to one authority, derived from that authority's `asks_key`."""
    return _derived(asks, meter)


def cards_key(fleet_key: bytes) -> bytes:
    """The key from which the issuer's keys of every card and the keys of kiosks derive."""
    return _derived(fleet_key, "cards")


def card_key(key: bytes) -> bytes:
    """A meter's key for cards, derived from its `meter_key`: with it the meter opens its own cards.

    The MAC of a report covers a JSON object, and that of a word begins with its purpose and a line feed: so
    neither is ever this derivation.
    """
    return _derived(key, "card-keys")


def kits_key(key: bytes) -> bytes:
    """The key under which the office seals the kits of one kiosk's cards, derived from its `kiosk_key`.

    The MAC of a word begins with its purpose and a line feed, so none is ever this derivation.
    """
    return _derived(key, "card-kits")


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, purpose.encode(), "sha256")
