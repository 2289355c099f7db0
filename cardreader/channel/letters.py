"""Key letters: new keys for one card, which only this card can open, over any way.

The controller makes a letter; kiosks, links and people carry it and learn nothing. It is wrapped with the DEK
of the issuer's keys of this card (AES key wrap, RFC 3394), so that a changed letter, or that of another card,
does not open. Its number must be above that of the last one that the card took: an old letter brings no old
keys back.

    serial 8 | number u32 | holder u8 | version u8 | generation u16 | oldest generation u16 | 6 zeros
    ENC, MAC, DEK of 16 bytes each
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final, Self

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from cardreader.channel.keys import KeySet
from cardreader.channel.scp03 import StaticKeys
from cardreader.files.access import KeyHolder
from protocols.errors import DocumentError

# RFC 3394 wraps a multiple of eight bytes.
_LETTER: Final = Struct(">8sIBBHH6x16s16s16s")
# A wrapped letter has eight bytes more (RFC 3394 §2.2.1).
LETTER_BYTES: Final = _LETTER.size + 8


@dataclass(frozen=True, slots=True)
class KeyLetter:
    """What a letter says: this card shall hold these keys, and none of their holder older than `oldest`.

    `number` rises with each letter to a card. `oldest` is a generation: with it a stolen generation is shut
    out of every card that has taken the letter.
    """

    serial: bytes
    number: int
    keys: KeySet
    oldest: int = 0

    def seal(self, issuer_dek: bytes) -> bytes:
        """The letter as it travels. `issuer_dek`: of the issuer's keys of the card."""
        keys = self.keys
        plain = _LETTER.pack(
            *(self.serial, self.number, keys.holder, keys.version, keys.generation, self.oldest),
            *(keys.static.enc, keys.static.mac, keys.static.dek),
        )
        return aes_key_wrap(issuer_dek, plain)

    @classmethod
    def open(cls, data: bytes, issuer_dek: bytes) -> Self:
        """What a letter says. Raises DocumentError for one of another card, or a changed one."""
        if len(data) != LETTER_BYTES:
            raise DocumentError(f"key letter: {len(data)} bytes; allowed: {LETTER_BYTES}")
        try:
            plain = aes_key_unwrap(issuer_dek, data)
        except InvalidUnwrap:
            raise DocumentError("key letter: not for this card, or changed") from None
        serial, number, holder, version, generation, oldest, enc, mac, dek = _LETTER.unpack(plain)
        if holder not in set(KeyHolder):
            raise DocumentError(f"key letter: holder {holder}; allowed: 1 to {max(KeyHolder)}")
        keys = KeySet(KeyHolder(holder), version, generation, StaticKeys(enc, mac, dek))
        return cls(serial, number, keys, oldest)
