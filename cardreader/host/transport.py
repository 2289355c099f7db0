"""What carries commands to a card."""

from typing import Protocol

from cardreader.card.card import SmartCard
from cardreader.iso7816.apdu import CardGoneError


class CardChannel(Protocol):
    """A reader with a card in it. A meter's slot, PC/SC and a card in process look alike."""

    def transmit(self, command: bytes) -> bytes:
        """The card's answer to one command. Raises CardGoneError where there is none."""
        ...


class InProcess:
    """A channel to a card in the same process; `remove` pulls it out."""

    def __init__(self, card: SmartCard) -> None:
        """With the card put in and powered."""
        card.reset()
        self._card: SmartCard | None = card

    def transmit(self, command: bytes) -> bytes:
        """As `CardChannel`."""
        if self._card is None:
            raise CardGoneError("card: it was removed")
        return self._card.process(command)

    def remove(self) -> None:
        """The card is pulled out."""
        self._card = None
