"""A card in a meter's slot: how long line and chip take, and that somebody pulls it out. Pure.

The line is that of a plain contact reader: 9,600 bit/s, 12 bits a character (ISO 7816-3 §7.2), 4 characters
of T=1 around each block. So a visit takes some seconds, as people remember it. A card that is pulled out
while a command travels has not heard it; one that is pulled out later has done it, and the meter hears
nothing of that.
"""

from typing import Final

from cardreader.host.transport import CardChannel
from cardreader.iso7816.apdu import CardGoneError
from emulator.firmware.events import CardAnswered, CardInserted, CardRemoved, Event
from protocols.instants import UtcMs

_BITS_A_CHARACTER: Final = 12
_BIT_PER_MS_TENTHS: Final = 96
_AROUND_CHARS: Final = 4
# What a chip needs to decrypt a command, to do it, and to encrypt its answer.
CHIP_MS: Final = 20


class CardContact:
    """One card from the moment in which it is put in until it is taken out.

    `pull_at_ms`: when somebody pulls it out, finished or not; None: nobody does. `drawn`: 32 bytes of chance
    for a key that the meter draws in this visit; without them it draws none.
    """

    def __init__(self, channel: CardChannel, pull_at_ms: UtcMs | None = None, *, drawn: bytes = b"") -> None:
        self._channel = channel
        self._drawn = drawn
        self._pull_at_ms = pull_at_ms
        self._answer: CardAnswered | None = None
        self._answer_at_ms: UtcMs | None = None
        self._is_in = True

    def begin(self) -> tuple[Event, ...]:
        """The card is in."""
        return (CardInserted(self._drawn),)

    @property
    def due_ms(self) -> UtcMs | None:
        """When the next thing happens at the slot; None: nothing does."""
        if not self._is_in:
            return None
        dues = [each for each in (self._answer_at_ms, self._pull_at_ms) if each is not None]
        return min(dues, default=None)

    def send(self, command: bytes, at_ms: UtcMs) -> None:
        """The meter sends a command."""
        received_ms = at_ms + line_ms(command)
        if not self._is_in or (self._pull_at_ms is not None and self._pull_at_ms < received_ms):
            return
        try:
            answer = self._channel.transmit(command)
        except CardGoneError:
            answer = b""
        self._answer = CardAnswered(answer)
        self._answer_at_ms = UtcMs(received_ms + CHIP_MS + line_ms(answer))

    def happen(self) -> tuple[Event, ...]:
        """What is due: the card's answer, or that it is pulled out."""
        if self._answer_at_ms is None or self._answer_at_ms != self.due_ms:
            return self.out()
        answer, self._answer, self._answer_at_ms = self._answer, None, None
        return () if answer is None else (answer,)

    def out(self) -> tuple[Event, ...]:
        """The card is taken out now."""
        if not self._is_in:
            return ()
        self._is_in = False
        return (CardRemoved(),)


def line_ms(block: bytes) -> int:
    """How long a block takes on the line, in whole milliseconds."""
    bits = (len(block) + _AROUND_CHARS) * _BITS_A_CHARACTER
    return -(-bits * 10 // _BIT_PER_MS_TENTHS)
