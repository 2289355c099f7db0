"""What a card says of all its files in one answer: which hold how much, and a digest of all of it.

Both are answered in a session alone, and see what the session has staged. So a host reads only what is there,
knows without reading whether the card holds what it knows already, and checks what it has staged before it
commits.

    inventory:   free bytes u16 | for each file of the application that holds something: SFI u8 | length u16
    fingerprint: free bytes u16 | the first 13 bytes of a SHA-256
    the SHA-256 covers, for each such file in the order of the SFIs: SFI u8 | length u16 | its bytes

A fingerprint has 15 bytes: with the padding that is one block of AES. 104 bits are enough, since an attacker
needs a second content for one that the kiosk has read or made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from struct import Struct
from typing import Final, Self

from cardreader.files.content import Content
from cardreader.files.layout import IN_ADF, CardFile
from protocols.errors import DocumentError

DIGEST_BYTES: Final = 13

_FREE_BYTES: Final = 2
_ENTRY: Final = Struct(">BH")
_OF_SFI: Final = {each.sfi: each for each in IN_ADF}


@dataclass(frozen=True, slots=True)
class Inventory(Content):
    """How many bytes each file holds, but for the empty ones, in the order of the SFIs.

    `free_bytes`: what a commit may take.
    """

    free_bytes: int = 0
    lengths: Mapping[CardFile, int] = field(default_factory=dict)

    def encode(self) -> bytes:
        """As `Content`."""
        entries = (_ENTRY.pack(file.sfi, length) for file, length in self.lengths.items())
        return self.free_bytes.to_bytes(_FREE_BYTES) + b"".join(entries)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As `Content`. Raises DocumentError also for a file of nobody, named twice, or too long."""
        entries = data[_FREE_BYTES:]
        if len(data) < _FREE_BYTES or len(entries) % _ENTRY.size:
            raise DocumentError("inventory: cut off")
        lengths, last = dict[CardFile, int](), 0
        for sfi, length in _ENTRY.iter_unpack(entries):
            file = _OF_SFI.get(sfi)
            if file is None or sfi <= last or not 1 <= length <= file.bytes_max + file.records_max:
                raise DocumentError(f"inventory: {length} bytes in file {sfi}")
            lengths[file] = length
            last = sfi
        return cls(int.from_bytes(data[:_FREE_BYTES]), lengths)


Inventory.vectors = (
    ("0000", Inventory()),
    ("6d80 01000a 160203", Inventory(28_032, {_OF_SFI[1]: 10, _OF_SFI[22]: 515})),
)


@dataclass(frozen=True, slots=True)
class Fingerprint(Content):
    """`digest`: of all files of the application (`contents_digest`). `free_bytes`: as in `Inventory`."""

    free_bytes: int
    digest: bytes

    def encode(self) -> bytes:
        """As `Content`."""
        return self.free_bytes.to_bytes(_FREE_BYTES) + self.digest

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As `Content`."""
        if len(data) != _FREE_BYTES + DIGEST_BYTES:
            raise DocumentError(f"fingerprint: {len(data)} bytes; allowed: {_FREE_BYTES + DIGEST_BYTES}")
        return cls(int.from_bytes(data[:_FREE_BYTES]), data[_FREE_BYTES:])


def contents_digest(contents: Mapping[CardFile, bytes]) -> bytes:
    """The digest of the application's files; empty ones and those of other folders do not count."""
    found = sha256()
    for file in IN_ADF:
        content = contents.get(file, b"")
        if content:
            found.update(_ENTRY.pack(file.sfi, len(content)) + content)
    return found.digest()[:DIGEST_BYTES]


Fingerprint.vectors = (
    ("7a80 e3b0c44298fc1c149afbf4c899", Fingerprint(31_360, contents_digest({}))),
    ("7a00 8598a98c3dcb3f04037cc4ba85", Fingerprint(31_232, contents_digest({_OF_SFI[1]: b"abc"}))),
)
