"""Decides when the post is quiet: every published message has been handled by each of its subscribers.

The topics (`protocols.link.topics`) tell how many these are. A message to a meter has one subscriber, an
order to the fleet as many as there are links, a message from a link as many as subscribe to its channel. So
the counts of all connections tell whether a message is still in transit; no fixed delay is needed.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from protocols.errors import UnreachableError
from protocols.link.carriage import Drop, Traffic
from protocols.link.topics import CARRIAGE, Channel

# A broker that has not delivered after so long has lost a message.
_PATIENCE_S: Final = 30.0
_POLLS_BEFORE_NAP: Final = 4
_POLLS_PER_CHECK: Final = 50
_NAP_S: Final = 0.001


class Connection(Protocol):
    """A connection with its counters, such as `protocols.rim.carrier.Carrier`."""

    traffic: Traffic
    errors: deque[Exception]

    @property
    def connected(self) -> bool: ...


@dataclass(slots=True)
class Post:
    """All connections of the demo.

    `idle`: functions that tell whether a part has nothing left to do. `writing`: the lock of the controller's
    writers; while it is held, messages gather instead of being stored one by one.
    """

    links: list[Connection] = field(default_factory=list)
    listeners: list[tuple[Connection, frozenset[Channel]]] = field(default_factory=list)
    idle: list[Callable[[], Awaitable[bool]]] = field(default_factory=list)
    poke: Callable[[], None] = lambda: None
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _stirred: bool = True
    _quiet: tuple[int, int] = (-1, -1)
    _readers: tuple[tuple[int, int], dict[Channel, int]] = ((-1, -1), {})

    @property
    def connections(self) -> Sequence[Connection]:
        """All connections."""
        return [*self.links, *(connection for connection, _ in self.listeners)]

    @property
    def published(self) -> Counter[Channel]:
        """Published messages by channel, each counted once, however many subscribers it has."""
        total: Counter[Channel] = Counter()
        for connection in self.connections:
            total.update(connection.traffic.published)
        return total

    def stir(self) -> None:
        """Let the next `until_quiet` look again: the store has changed without a message."""
        self._stirred = True

    async def until_quiet(self) -> None:
        """Wait until the post is quiet. Raises UnreachableError for a lost connection or a lost message."""
        if not self._stirred and self._counts() == self._quiet:
            return
        self._stirred = False
        deadline = time.monotonic() + _PATIENCE_S
        self.poke()
        while True:
            # So all messages of one instant are stored in one batch.
            async with self.writing:
                await self._until_heard(deadline)
            before = self._counts()
            if all([await each() for each in self.idle]) and self._counts() == before:
                self._quiet = before
                return
            self._check(deadline, *before)
            await asyncio.sleep(0)

    async def _until_heard(self, deadline: float) -> None:
        polls = 0
        while True:
            expected, arrived = self._counts()
            if arrived >= expected and not any(connection.traffic.waiting for connection in self.connections):
                return
            polls += 1
            if polls % _POLLS_PER_CHECK == 0:
                self._check(deadline, expected, arrived)
            await asyncio.sleep(0 if polls < _POLLS_BEFORE_NAP else _NAP_S)

    def _counts(self) -> tuple[int, int]:
        """How many arrivals the published messages must cause, and how many there were."""
        readers = self._readers_now()
        expected = arrived = 0
        for connection in self.connections:
            traffic = connection.traffic
            for channel, count in traffic.published.items():
                expected += count * readers[channel]
            # An empty message, which clears a retained one, arrives too, but is dropped by the carrier.
            arrived += sum(traffic.received.values()) + traffic.dropped[Drop.EMPTY]
        return expected, arrived

    def _readers_now(self) -> dict[Channel, int]:
        """How many subscribers a message of each channel has."""
        key = (len(self.links), len(self.listeners))
        if self._readers[0] != key:
            heard = {channel: sum(channel in hears for _, hears in self.listeners) for channel in Channel}
            down = {channel: 1 for channel in Channel if not CARRIAGE[channel].upward}
            self._readers = (key, heard | down | {Channel.FLEET_ORDERS: len(self.links)})
        return self._readers[1]

    def _check(self, deadline: float, expected: int, arrived: int) -> None:
        for connection in self.connections:
            if connection.errors:
                # A bug in some part: the replay would be worth nothing.
                raise connection.errors[-1]
        if not all(connection.connected for connection in self.connections):
            raise UnreachableError("broker: the connection was lost; the demo needs one that stays")
        if time.monotonic() > deadline:
            missing = f"{expected - arrived} messages" if expected > arrived else "what was sent"
            raise UnreachableError(f"broker: {missing} did not get through within {_PATIENCE_S:.0f} s")
