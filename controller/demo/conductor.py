"""Stepped time: time stands still until every part is done, and then jumps to the next due instant.

The conductor is the `Timekeeper` of every part. It moves to the earliest instant at which a part or a sleeper
is due, in whole seconds; lets everything due happen; and waits until the post is quiet: no message in
transit, none unhandled, nothing in an outbox. So no decision depends on the speed of a broker or a machine:
the same seed leads to the same decisions on all of them.

Time never goes back, and no sleeper wakes early. Sleepers of one instant wake in the order in which they
asked.
"""

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from protocols.instants import SECOND_MS, UtcMs

# One step in real time, while time runs at rate 1.
_TICK_S: Final = 0.002
_NS_PER_MS: Final = 1_000_000


class Part(Protocol):
    """A part of the demo with an agenda of its own."""

    def next_due_ms(self) -> int | None: ...

    async def advance(self) -> None:
        """Do all that is due by the conductor's time."""


class Conductor:
    """Steps time; see the head of this module. `until_quiet` returns when every message has been handled."""

    def __init__(self, start_ms: int, until_quiet: Callable[[], Awaitable[None]]) -> None:
        self.steps = 0
        self._now_ms = start_ms
        self._until_quiet = until_quiet
        self._parts: list[Part] = []
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = 0
        self._running: tuple[int, int] | None = None

    # -- the timekeeper ----------------------------------------------------------------------------

    def now_ms(self) -> UtcMs:
        """True time: stepped, or running while `run_at_rate_one` runs."""
        if self._running is not None:
            from_ms, from_ns = self._running
            self._now_ms = from_ms + (time.monotonic_ns() - from_ns) // _NS_PER_MS
        return UtcMs(self._now_ms)

    def tick_ms(self) -> int:
        """The crystal of the service's machine, which is stepped too: nobody sets it wrong."""
        return self.now_ms()

    @property
    def boot_id(self) -> str:
        """The machine is never restarted."""
        return "demo"

    async def sleep_until(self, instant_ms: int) -> None:
        """Return when time has reached `instant_ms`."""
        if instant_ms <= self.now_ms():
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(self._sleepers, (instant_ms, self._number, woken))
        await woken

    # -- stepping ----------------------------------------------------------------------------------

    def add(self, part: Part) -> None:
        """Add a part. Parts are advanced in the order in which they were added."""
        self._parts.append(part)

    def next_due_ms(self) -> int | None:
        """The earliest instant at which a part or a sleeper is due; None where none is."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        dues = [part.next_due_ms() for part in self._parts]
        if self._sleepers:
            dues.append(self._sleepers[0][0])
        return min((due_ms for due_ms in dues if due_ms is not None), default=None)

    async def step(self, until_ms: int) -> bool:
        """Move to the next due instant, and do what is due then.

        Returns False, with time at `until_ms`, where nothing is due before that.
        """
        due_ms = self.next_due_ms()
        if due_ms is None or due_ms > until_ms:
            self._now_ms = max(self._now_ms, until_ms)
            return False
        # In whole seconds: what a thousand meters do within one of them is one step.
        second_ms = -(-due_ms // SECOND_MS) * SECOND_MS
        self._now_ms = max(self._now_ms, min(second_ms, until_ms))
        self.steps += 1
        await self.settle()
        return True

    async def settle(self) -> None:
        """Do all that is due now, and all that follows from it at the same instant."""
        while True:
            self._wake()
            for part in self._parts:
                await part.advance()
            await self._until_quiet()
            due_ms = self.next_due_ms()
            if due_ms is None or due_ms > self._now_ms:
                return

    async def run_at_rate_one(self, done: Callable[[], Awaitable[bool]], patience_s: float) -> bool:
        """Run at the speed of real time until `done`; False where that took longer than `patience_s`."""
        started_ns = time.monotonic_ns()
        self._running = (self._now_ms, started_ns)
        try:
            while not await done():
                if time.monotonic_ns() - started_ns > patience_s * 1e9:
                    return False
                self.now_ms()
                self._wake()
                for part in self._parts:
                    due_ms = part.next_due_ms()
                    if due_ms is not None and due_ms <= self._now_ms:
                        await part.advance()
                await asyncio.sleep(_TICK_S)
            return True
        finally:
            self.now_ms()
            self._running = None

    def _wake(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._now_ms:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)


class Acts:
    """Acts of people at planned instants; acts of one instant happen in the order of their list.

    `stir` is called after each: an act in the store changes no count of messages until it is published.
    """

    def __init__(
        self,
        conductor: Conductor,
        acts: Sequence[tuple[int, Callable[[], Awaitable[None]]]],
        stir: Callable[[], None],
    ) -> None:
        self._conductor = conductor
        self._stir = stir
        self._acts = sorted(acts, key=lambda act: act[0])  # stable
        self._next = 0

    def next_due_ms(self) -> int | None:
        return self._acts[self._next][0] if self._next < len(self._acts) else None

    async def advance(self) -> None:
        while (due_ms := self.next_due_ms()) is not None and due_ms <= self._conductor.now_ms():
            act = self._acts[self._next][1]
            self._next += 1
            await act()
            self._stir()
