"""A relay board of type LCUS-1: four bytes switch a channel, and the board answers nothing.

The frame is A0, the channel, 00 or 01, and the sum of the three. Nobody can ask the board how a channel
stands: the interlock switches it before the first story, and a `SupplySensor` sees what came of it.
"""

from typing import Final, Protocol

_START: Final = 0xA0
_BYTE: Final = 0x100


class ByteSink(Protocol):
    """A port that bytes can be sent to."""

    def send(self, data: bytes) -> None:
        """Send bytes."""


def frame(channel: int, *, energised: bool) -> bytes:
    """What switches a channel, counted from 1."""
    state = int(energised)
    return bytes((_START, channel, state, (_START + channel + state) % _BYTE))


class RelayPower:
    """`Power` by a channel of the board. `is_on`: as it was switched last; None: not yet."""

    def __init__(self, port: ByteSink, channel: int, *, energised_is_on: bool) -> None:
        self.is_on: bool | None = None
        self._port = port
        self._channel = channel
        self._energised_is_on = energised_is_on

    def switch(self, *, on: bool) -> None:
        """As `Power`. It is sent also where it is so already: nobody knows what a board has forgotten."""
        self._port.send(frame(self._channel, energised=on is self._energised_is_on))
        self.is_on = on
