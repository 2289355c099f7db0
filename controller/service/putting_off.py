"""Messages that the broker refuses: each waits longer after each refusal; the others are not delayed.

The waits are kept in memory, by the event loop's clock: a store would keep a wait until an instant, and a
wrong date of this machine could make that a year. A restart tries each of them once more.
"""

from collections.abc import Sequence
from typing import Final

from controller.orders.outbox import Message
from protocols.instants import SECOND_MS
from protocols.link.carriage import ask_again_ms

# Every message of the outbox is looked at again this often; in between only what has come since.
_LOOK_AGAIN_S: Final = 1.0
# A message that has not been seen for so long has left the outbox.
_FORGET_AFTER_S: Final = 2 * 3_600.0


class PuttingOff:
    """`note` a refusal, and ask `ready` which messages may be tried; `now_s` is monotonic."""

    def __init__(self) -> None:
        self._refusals: dict[int, int] = {}
        self._until_s: dict[int, float] = {}
        self._look_again_s = 0.0

    @property
    def is_empty(self) -> bool:
        return not self._until_s

    def note(self, message: Message, now_s: float) -> None:
        """The broker has refused this message once more."""
        refusals = self._refusals.get(message.seq, 0)
        self._refusals[message.seq] = refusals + 1
        self._until_s[message.seq] = now_s + ask_again_ms(refusals) / SECOND_MS

    def ready(self, messages: Sequence[Message], now_s: float) -> list[Message]:
        """Those that do not wait."""
        return [message for message in messages if self._until_s.get(message.seq, 0.0) <= now_s]

    def forget(self, messages: Sequence[Message]) -> None:
        """These were sent."""
        for message in messages:
            self._refusals.pop(message.seq, None)
            self._until_s.pop(message.seq, None)

    def looks_at_all(self, now_s: float) -> bool:
        """Whether to look at the whole outbox now, not only at what is new: always where nothing waits."""
        if self.is_empty:
            return True
        if now_s < self._look_again_s:
            return False
        self._look_again_s = now_s + _LOOK_AGAIN_S
        for seq in [seq for seq, until_s in self._until_s.items() if until_s + _FORGET_AFTER_S < now_s]:
            self._refusals.pop(seq)
            self._until_s.pop(seq)
        return True
