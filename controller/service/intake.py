"""What the carrier hands over, into the store: in batches, each one transaction (design §6).

The carrier delivers one message at a time and acknowledges it on its own; here they wait in a bounded queue
while a batch is written. A batch grows with the load: alone a message waits for nobody, and ten thousand
cost few commits. What is lost between the broker and a commit, by a kill -9, comes back by the retries of
`jobs` and at the next sync.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Engine

from controller.database.engine import writing
from controller.exchange.intake import IntakeRefusal, take_in
from controller.exchange.sync_answer import RootSent
from protocols.errors import UnreachableError
from protocols.link.carriage import Arrival
from protocols.timekeeping import Timekeeper

logger = logging.getLogger(__name__)

_BATCH_MAX: Final = 1_000
# How long a first message waits for others, and each further one for the next: a transaction costs some
# 5 ms however little is in it, and a thousand meters that answer at once would be written in hundreds.
LINGER_S: Final = 0.025
# But no longer than this in all: somebody waits to see it.
_LINGER_S_MAX: Final = 0.2
# More than a fleet's answer to one order; beyond it the carrier waits, and the broker behind it.
_WAITING_MAX: Final = 20_000
_REST_S: Final = 0.25


class Intake:
    """Writes arrivals while `run` runs; `written` is called after each batch.

    `linger_s` is 0 for who holds the lock until everything has been heard, as the demo's conductor does.
    """

    def __init__(
        self,
        engine: Engine,
        fleet_key: bytes,
        root: RootSent,
        timekeeper: Timekeeper,
        lock: asyncio.Lock,
        written: Callable[[], None],
    ) -> None:
        self.refused: Counter[IntakeRefusal] = Counter()
        self.taken = 0
        self.linger_s = LINGER_S
        self._engine = engine
        self._fleet_key = fleet_key
        self._root = root
        self._timekeeper = timekeeper
        self._lock = lock
        self._written = written
        self._queue: asyncio.Queue[Arrival] = asyncio.Queue(_WAITING_MAX)
        self._batch: list[Arrival] = []
        self._unwritten = 0

    @property
    def drained(self) -> bool:
        """Whether everything that was handed over is in the store."""
        return self._unwritten == 0

    async def handle(self, arrival: Arrival) -> None:
        """Take over one message; waits where too many wait already."""
        self._unwritten += 1
        await self._queue.put(arrival)

    async def run(self) -> None:
        """Write for ever."""
        while True:
            self._batch = [await self._queue.get()]
            await self._linger()
            while len(self._batch) < _BATCH_MAX and not self._queue.empty():
                self._batch.append(self._queue.get_nowait())
            await self._write(self._batch)
            self._unwritten -= len(self._batch)
            self._batch = []
            self._written()

    async def _linger(self) -> None:
        """Wait for others, as long as they keep coming and there is room for them."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + _LINGER_S_MAX if self.linger_s else 0
        waiting = -1
        while waiting < self._queue.qsize() < _BATCH_MAX and loop.time() < until_s:
            waiting = self._queue.qsize()
            await asyncio.sleep(self.linger_s)

    async def write_rest(self) -> None:
        """Write what still waits, at an orderly end, when `run` runs no more."""
        # A batch that was being written may be in the store already: the same messages change nothing.
        batch, self._batch = self._batch, []
        while not self._queue.empty():
            batch.append(self._queue.get_nowait())
        if batch:
            await self._write(batch)
            self._unwritten -= len(batch)

    async def _write(self, batch: Sequence[Arrival]) -> None:
        while True:
            try:
                async with self._lock:
                    refused = await asyncio.to_thread(self._take_in, batch)
            except UnreachableError as error:
                # A backup holds the file, or the database restarts: nothing is lost by waiting.
                logger.warning("intake: %s; trying again", error)
                await asyncio.sleep(_REST_S)
            except Exception as error:  # noqa: BLE001 # said with its trace, beside the message that met it
                await self._write_apart(batch, error)
                return
            else:
                self._count(batch, refused)
                return

    async def _write_apart(self, batch: Sequence[Arrival], error: Exception) -> None:
        """One message of a batch has met a bug: the others are not to be lost with it."""
        if len(batch) == 1:
            logger.error("intake: a bug; dropped %s", batch[0].place, exc_info=error)
            return
        middle = len(batch) // 2
        await self._write(batch[:middle])
        await self._write(batch[middle:])

    def _take_in(self, batch: Sequence[Arrival]) -> Counter[IntakeRefusal]:
        with writing(self._engine) as session:
            return take_in(session, batch, self._fleet_key, self._root, self._timekeeper.now_ms())

    def _count(self, batch: Sequence[Arrival], refused: Counter[IntakeRefusal]) -> None:
        self.taken += len(batch) - refused.total()
        self.refused += refused
        if refused:
            words = ", ".join(f"{count} {reason}" for reason, count in sorted(refused.items()))
            logger.warning("intake: refused of %d messages: %s", len(batch), words)
