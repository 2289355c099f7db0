"""The card's keys, and how many failed authentications each set still permits. No command reads them.

A *key set* belongs to one holder and has a version by which a host names it (GlobalPlatform's KVN):

    10        issuer     one set, from the factory
    20        meter      one set; its generation is the pairing epoch
    30 to 6F  kiosk      generation g has version 30 + g mod 64; the card keeps as many as it is told

`letters` is the number of the last key letter (`cardreader.channel.letters`): no earlier one is taken again.
`sequence` counts authentications that were tried; from it follows the card's challenge.

    form u8 | sequence u32 | letters u32
    for each set: holder u8 | version u8 | generation u16 | tries u8 | ENC, MAC, DEK of 16 bytes each
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from struct import Struct
from typing import Final, Self

from cardreader.card.store import PAGE_BYTES
from cardreader.channel.keys import KeySet
from cardreader.channel.scp03 import StaticKeys
from cardreader.files.access import KeyHolder
from protocols.errors import DocumentError

# The number by which the card's store names the ring. No file of the layout has it.
KEYRING: Final = 0xFF
# Failed authentications in a row that block a set. A MAC of 8 bytes is guessed in none of them; a clerk's
# reader with bad contacts does not fail so often.
TRIES_MAX: Final = 10
SEQUENCE_MAX: Final = 2**24 - 1
# The issuer's, the meter's, and three generations of kiosks.
SETS_MAX: Final = 5

_FORM: Final = 1
_HEAD: Final = Struct(">BII")
_SET: Final = Struct(">BBHB16s16s16s")
# What no file may take: each authentication writes the ring anew, and a card without room for it is dead.
RING_PAGES: Final = -(-(_HEAD.size + SETS_MAX * _SET.size) // PAGE_BYTES)


def free_for_files(free_bytes: int) -> int:
    """What of a store's free bytes a commit of files may take."""
    return max(free_bytes - RING_PAGES * PAGE_BYTES, 0)


@dataclass(frozen=True, slots=True)
class HeldKeys:
    """A key set as the card holds it. `tries` 0: it is blocked."""

    keys: KeySet
    tries: int = TRIES_MAX


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys of one card."""

    sequence: int = 0
    letters: int = 0
    held: tuple[HeldKeys, ...] = ()

    def of_version(self, version: int) -> HeldKeys | None:
        """The set of this version."""
        return next((each for each in self.held if each.keys.version == version), None)

    def of_holder(self, holder: KeyHolder) -> HeldKeys | None:
        """The newest set of this holder."""
        return max((each for each in self.held if each.keys.holder is holder), key=_generation, default=None)

    def begin_attempt(self, version: int) -> Self:
        """The ring after an authentication with this set has begun: one try less, and a new challenge.

        It is stored before the cryptogram is compared. So whoever pulls the card at the right moment has
        used up a try all the same, and each challenge is answered once.
        """
        held = tuple(
            replace(each, tries=each.tries - 1) if each.keys.version == version else each
            for each in self.held
        )
        return replace(self, sequence=self.sequence + 1, held=held)

    def end_attempt(self, version: int) -> Self:
        """The ring after the authentication has succeeded: the set has all its tries again."""
        held = tuple(
            replace(each, tries=TRIES_MAX) if each.keys.version == version else each for each in self.held
        )
        return replace(self, held=held)

    def with_set(self, added: KeySet, letter: int, oldest_generation: int) -> Self:
        """The ring with this set, which a letter brought; sets of its holder that are too old go.

        The set that has the new one's version goes too, as do, of too many, the oldest ones of a kiosk.
        """
        kept = [
            each
            for each in self.held
            if each.keys.version != added.version
            and (each.keys.holder is not added.holder or each.keys.generation >= oldest_generation)
            and not (added.holder is KeyHolder.METER and each.keys.holder is KeyHolder.METER)
        ]
        kept.append(HeldKeys(added))
        kiosks = sorted((each for each in kept if each.keys.holder is KeyHolder.KIOSK), key=_generation)
        for oldest in kiosks[: max(0, len(kept) - SETS_MAX)]:
            kept.remove(oldest)
        return replace(self, letters=letter, held=_sorted(kept))

    def encode(self) -> bytes:
        """The bytes of the ring."""
        head = _HEAD.pack(_FORM, self.sequence, self.letters)
        return head + b"".join(
            _SET.pack(
                *(each.keys.holder, each.keys.version, each.keys.generation, each.tries),
                *(each.keys.static.enc, each.keys.static.mac, each.keys.static.dek),
            )
            for each in self.held
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The ring of these bytes. Raises DocumentError where they are none."""
        if len(data) < _HEAD.size or data[0] != _FORM or (len(data) - _HEAD.size) % _SET.size:
            raise DocumentError("key ring: not of a form that this card knows")
        _form, sequence, letters = _HEAD.unpack_from(data)
        held = tuple(
            HeldKeys(KeySet(KeyHolder(holder), version, generation, StaticKeys(enc, mac, dek)), tries)
            for holder, version, generation, tries, enc, mac, dek in _SET.iter_unpack(data[_HEAD.size :])
        )
        return cls(sequence, letters, held)


def _generation(held: HeldKeys) -> int:
    return held.keys.generation


def _sorted(held: Iterable[HeldKeys]) -> tuple[HeldKeys, ...]:
    return tuple(sorted(held, key=_by_version))


def _by_version(held: HeldKeys) -> int:
    return held.keys.version
