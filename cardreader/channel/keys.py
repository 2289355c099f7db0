"""Which keys a card holds, and how each is derived from what its holder has.

    fleet key ── cards key ─┬─ issuer's keys of a card       by its serial
                            └─ key of a kiosk generation ── kiosk's keys of a card       by its serial
    fleet key ── meter's key ── card key ── meter's keys of a card       by its serial and its pairing epoch

Only the controller holds the fleet key, and with it everything. A kiosk is given the key of its generation:
with it, it opens every card that has this generation, and can make no card, no other generation and no
meter's keys. A meter has its own key, and opens the cards that the office has paired with it, also one that
was made years later; it needs no list of them. A card holds its own keys alone.

Derivation: NIST SP 800-108 in counter mode with AES-CMAC, by `cryptography`. Pure.
"""

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

from cardreader.channel.scp03 import StaticKeys
from cardreader.files.access import KeyHolder
from protocols.link.keys import card_key, cards_key, meter_key

ISSUER_VERSION: Final = 0x10
METER_VERSION: Final = 0x20
_KIOSK_VERSION: Final = 0x30
KIOSK_VERSIONS: Final = 64

_KEY_BYTES: Final = 16
_GENERATION_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class KeySet:
    """One holder's keys of one card. `generation`: of a kiosk's keys; of a meter's keys the pairing epoch."""

    holder: KeyHolder
    version: int
    generation: int
    static: StaticKeys


def kiosk_version(generation: int) -> int:
    """The version that names the keys of a kiosk's generation. A card holds three generations at most."""
    return _KIOSK_VERSION + generation % KIOSK_VERSIONS


def issuer_keys(fleet_key: bytes, serial: bytes) -> KeySet:
    """The issuer's keys of one card. The factory puts them on it."""
    return KeySet(KeyHolder.ISSUER, ISSUER_VERSION, 0, _static(cards_key(fleet_key), "issuer", serial))


def generation_key(fleet_key: bytes, generation: int) -> bytes:
    """What the kiosks of one generation hold. The controller gives it to them, and nothing above it."""
    return _derive(cards_key(fleet_key), "generation", generation.to_bytes(2), _GENERATION_KEY_BYTES)


def kiosk_keys(generation_key_: bytes, generation: int, serial: bytes) -> KeySet:
    """A kiosk's keys of one card."""
    static = _static(generation_key_, "kiosk", serial)
    return KeySet(KeyHolder.KIOSK, kiosk_version(generation), generation, static)


def meter_keys(meter_key_: bytes, serial: bytes, epoch: int) -> KeySet:
    """A meter's keys of one card that is paired with it in this epoch.

    That a card has them is the proof that the office has made it for this meter, in this epoch.
    """
    static = _static(card_key(meter_key_), "meter", serial + epoch.to_bytes(2))
    return KeySet(KeyHolder.METER, METER_VERSION, epoch, static)


def meter_keys_of_fleet(fleet_key: bytes, meter: str, serial: bytes, epoch: int) -> KeySet:
    """As `meter_keys`, for the office, which holds the fleet key."""
    return meter_keys(meter_key(fleet_key, meter), serial, epoch)


def _static(key: bytes, purpose: str, context: bytes) -> StaticKeys:
    enc, mac, dek = (_derive(key, f"{purpose}/{each}", context, _KEY_BYTES) for each in ("enc", "mac", "dek"))
    return StaticKeys(enc, mac, dek)


def _derive(key: bytes, label: str, context: bytes, size_bytes: int) -> bytes:
    return KBKDFCMAC(
        algorithm=AES,
        mode=Mode.CounterMode,
        length=size_bytes,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=b"relance/card/" + label.encode(),
        context=context,
        fixed=None,
    ).derive(key)
