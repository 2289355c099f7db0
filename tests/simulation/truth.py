"""What the simulation alone knows: true time, chance, and the trace of all that happened.

Chance comes from hashes of the seed. Each part draws from lots of its own, so that what one part draws
changes nothing for another.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from hashlib import blake2b, sha256
from typing import Final, TypeVar

from protocols.instants import UtcMs, iso_from_ms, ms_from_iso

T = TypeVar("T")

# A Monday in March, at midnight in Brussels: no change of the hour is near.
START_MS: Final = ms_from_iso("2026-03-02T00:00+01:00")
_LINES_KEPT: Final = 60
_PERCENT: Final = 100


class Lots:
    """Numbers drawn from a seed, in order; `what` names whose they are."""

    def __init__(self, seed: int, what: str) -> None:
        self._key = f"{seed}/{what}".encode()
        self._drawn = 0

    def below(self, count: int) -> int:
        """A number from 0 to `count` - 1."""
        self._drawn += 1
        digest = blake2b(b"%d" % self._drawn, digest_size=8, key=self._key[:64]).digest()
        return int.from_bytes(digest) % count

    def between(self, least: int, most: int) -> int:
        """A number from `least` to `most`, both included."""
        return least + self.below(most - least + 1)

    def of(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]

    def happens(self, percent: int) -> bool:
        """True in `percent` of a hundred draws."""
        return self.below(_PERCENT) < percent


class Truth:
    """True time: the loop's, as UTC. A `Timekeeper` for whatever has a right clock."""

    def now_ms(self) -> UtcMs:
        return UtcMs(START_MS + round(asyncio.get_running_loop().time() * 1_000))

    async def sleep_until(self, instant_ms: int) -> None:
        if instant_ms <= self.now_ms():
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        timer = loop.call_at((instant_ms - START_MS) / 1_000, _wake, woken)
        try:
            await woken
        finally:
            timer.cancel()


class Trace:
    """All that happened, as one digest; the last lines are kept for people."""

    def __init__(self) -> None:
        self.last: deque[str] = deque(maxlen=_LINES_KEPT)
        self.count = 0
        self._digest = sha256()

    def add(self, at_ms: int, what: str) -> None:
        """Something that a person may want to read."""
        line = f"{iso_from_ms(at_ms)} {what}"
        self.last.append(line)
        self.mix(line.encode())

    def mix(self, data: bytes) -> None:
        """Something that only the digest shall show."""
        self.count += 1
        self._digest.update(len(data).to_bytes(4))
        self._digest.update(data)

    def digest(self) -> str:
        return self._digest.hexdigest()


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
