"""The invocation counters of a key: what makes every nonce another one (NIST SP 800-38D §8). Pure.

Neither counter may ever go back while a key is in use, also over a start of the program: with one counter
used twice, whoever listens can read and forge. So a counter is used once it is written down that the next
start begins behind it, for many counters at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from emulator.faces.dlms.ciphering import COUNTER_MAX

# So many may be used before it is written down again, and as many are lost with each start.
RESERVED: Final = 1_000
# An answer to a challenge takes two.
_ANSWER: Final = 2


class CounterPair(NamedTuple):
    """The smallest invocation counter that is taken from a client, and the next one that is sent."""

    next_received: int
    next_sent: int


# Writes down where both go on after a start. False: it could not.
Keep = Callable[[CounterPair], bool]
FIRST_COUNTERS: Final = CounterPair(0, 1)


def keep_nothing(_pair: CounterPair) -> bool:
    """Of a meter whose keys end with it."""
    return True


class SpentKeysError(Exception):
    """No counter is left that this key could be used with."""


@dataclass(slots=True)
class InvocationCounters:
    """Both counters. Each moves forward only."""

    next_received: int
    next_sent: int
    keep: Keep
    _received_end: int = 0
    _sent_end: int = 0

    @property
    def are_spent(self) -> bool:
        """Whether one has come to its end."""
        return self.next_sent > COUNTER_MAX - 1 or self.next_received > COUNTER_MAX

    def receive(self, counter: int) -> None:
        """A message with this counter was authentic: it counts once, and what is smaller no more.

        Raises SpentKeysError; then nothing has changed.
        """
        next_received = max(self.next_received, counter + 1)
        if self.are_spent or not self._is_kept(next_received, self.next_sent + _ANSWER):
            raise SpentKeysError
        self.next_received = next_received

    def draw(self) -> int:
        """A counter that no message of ours has had. Whoever answers has received before."""
        assert self.next_sent <= COUNTER_MAX, "`receive` has looked"
        self.next_sent += 1
        return self.next_sent - 1

    def _is_kept(self, received_end: int, sent_end: int) -> bool:
        """Whether a start of now on begins behind these."""
        if received_end <= self._received_end and sent_end <= self._sent_end:
            return True
        ends = CounterPair(received_end + RESERVED, sent_end + RESERVED)
        if not self.keep(ends):
            return False
        self._received_end, self._sent_end = ends
        return True
