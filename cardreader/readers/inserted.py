"""What a card in its reader is, whatever the reader."""

from typing import Protocol

from cardreader.host.transport import CardChannel


class InsertedCard(CardChannel, Protocol):
    """A card in its reader, for this program alone; a `CardChannel`. `opening.open_card` gives one."""

    @property
    def name(self) -> str:
        """The reader, as a person names it: `virtual:FILE`, or its whole name in PC/SC."""
        ...

    def reset(self) -> bytes:
        """Power off and on: sessions end. Returns the answer to reset. Raises CardGoneError."""
        ...
