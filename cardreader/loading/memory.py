"""What the last cards hold that this program has read or written, so that it need not read it again.

A card says a digest of all that it holds, in a session with its keys. What has this digest is what was read:
so neither a copy of the card, nor an earlier image of it, nor another card is taken for it. Nothing of it is
ever written down; it is gone with the program.
"""

from collections.abc import Mapping
from typing import Final

from cardreader.files.inventory import contents_digest
from cardreader.files.layout import CardFile

# The card in front, as it was and as it is now, and the one before it.
_CARDS: Final = 3


class CardMemory:
    """Contents of cards by their digest; the newest few."""

    def __init__(self) -> None:
        """With nothing in it."""
        self._kept = dict[bytes, Mapping[CardFile, bytes]]()

    def __bool__(self) -> bool:
        """Whether there is anything that a card could be compared with."""
        return bool(self._kept)

    def known(self, digest: bytes) -> Mapping[CardFile, bytes] | None:
        """The contents that have this digest, if they are known."""
        return self._kept.get(digest)

    def keep(self, contents: Mapping[CardFile, bytes]) -> None:
        """Remembers what a card holds; of too many the oldest is forgotten."""
        digest = contents_digest(contents)
        self._kept.pop(digest, None)
        self._kept[digest] = dict(contents)
        while len(self._kept) > _CARDS:
            del self._kept[next(iter(self._kept))]
