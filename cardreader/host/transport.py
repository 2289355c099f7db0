"""What carries commands to a card, and the rules that all readers share (ISO 7816-4 §5.6: 61XX, 6CXX)."""

from dataclasses import replace
from typing import Final, Protocol

from cardreader.card.card import SmartCard
from cardreader.iso7816.apdu import CardGoneError, CommandApdu, ResponseApdu, read_response

# 61XX: XX more bytes are ready; 6CXX: ask again with Le = XX.
_MORE: Final = 0x61
_OTHER_LE: Final = 0x6C
_GET_RESPONSE: Final = 0xC0


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


def transceive(channel: CardChannel, command: CommandApdu) -> ResponseApdu:
    """The whole answer to a command, also where the card gives it in parts or names another Le."""
    answer = read_response(channel.transmit(command.encode()))
    if answer.status >> 8 == _OTHER_LE:
        again = replace(command, ne=answer.status & 0xFF)
        answer = read_response(channel.transmit(again.encode()))
    data = answer.data
    while answer.status >> 8 == _MORE:
        more = CommandApdu(0, _GET_RESPONSE, 0, 0, ne=answer.status & 0xFF or None)
        answer = read_response(channel.transmit(more.encode()))
        data += answer.data
    return ResponseApdu(data, answer.status)
