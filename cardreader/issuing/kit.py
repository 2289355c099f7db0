"""What an issuing station is given to make one card: the keys of this card alone, and what goes on it.

The office, which holds the fleet key, makes the kit; the station has no key above the card's. So a station
that is stolen can spoil the cards that lie beside it, and no others. Pure.
"""

from dataclasses import dataclass, field

from cardreader.channel.keys import (
    KeySet,
    generation_key,
    issuer_keys,
    kiosk_keys,
    meter_keys_of_fleet,
)
from cardreader.channel.letters import KeyLetter
from cardreader.files.identity import CardIdentity, CardState, Pairing
from protocols.reasons import Energy


@dataclass(frozen=True, slots=True)
class IssuingKit:
    """One card: what it will say, the issuer's keys of it, and its key letters with their numbers."""

    identity: CardIdentity
    pairing: Pairing
    issuer: KeySet
    letters: tuple[tuple[int, bytes], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardOrder:
    """What the office wants: a card for this meter, in this pairing epoch, for kiosks of this generation.

    `oldest_generation`: kiosks of an earlier one shall not open it.
    """

    serial: bytes
    energy: Energy
    meter: str
    epoch: int
    reference: str
    generation: int
    oldest_generation: int = 0


def make_kit(
    fleet_key: bytes, wanted: CardOrder, letters_held: int, key_of_meters: bytes | None = None
) -> IssuingKit:
    """The kit of one card. `letters_held`: the number of the last letter that the card took (0: none).

    `fleet_key`: the fleet's first one, from which all keys of cards derive. `key_of_meters`: the generation
    of it with which the meter was made; None: the first one too. Raises ValueError for a pairing that cannot
    be.
    """
    serial = wanted.serial
    issuer = issuer_keys(fleet_key, serial)
    meter = meter_keys_of_fleet(key_of_meters or fleet_key, wanted.meter, serial, wanted.epoch)
    letters = (
        KeyLetter(serial, letters_held + 1, meter, wanted.epoch),
        kiosk_letter(fleet_key, serial, letters_held + 2, wanted.generation, wanted.oldest_generation),
    )
    return IssuingKit(
        CardIdentity(serial, wanted.energy),
        Pairing(CardState.PAIRED, wanted.epoch, wanted.meter, wanted.reference),
        issuer,
        tuple((each.number, each.seal(issuer.static.dek)) for each in letters),
    )


def kiosk_letter(fleet_key: bytes, serial: bytes, number: int, generation: int, oldest: int) -> KeyLetter:
    """The letter that brings a card the keys of a kiosk generation, and takes those before `oldest` away."""
    keys = kiosk_keys(generation_key(fleet_key, generation), generation, serial)
    return KeyLetter(serial, number, keys, oldest)
