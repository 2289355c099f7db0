"""Writes the messages that the carrier receives to the store: in batches, each one transaction (design §6).

The carrier delivers one message at a time, and acknowledges it by itself. Messages wait in a bounded queue
while a batch is written. A batch grows with the load: a single message hardly waits, and ten thousand need
few commits. A kill -9 between the acknowledgement and the commit loses messages; the retries of `jobs` and
the next sync bring their content again.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy import Engine

from controller.database.engine import writing
from controller.exchange.intake import take_in
from controller.exchange.key_book import KeyBook
from controller.exchange.purses import PursesHeard
from controller.exchange.sync_answer import RootSent
from controller.exchange.words import IntakeRefusal, hear, heard_before
from controller.service.aside import Aside
from controller.service.supervising import STORE_ERRORS, VALUE_ERRORS, Trouble, line_of_store
from protocols.link.carriage import Arrival
from protocols.timekeeping import Timekeeper

logger = logging.getLogger(__name__)

_BATCH_MAX: Final = 1_000
# How long a batch waits for a next message. A transaction takes some 5 ms however little it holds: without
# the wait the answers of a thousand meters would take hundreds of transactions.
LINGER_S: Final = 0.025
# How long a batch waits in all: a person may be waiting to see the result.
_LINGER_S_MAX: Final = 0.2
# The bound of the queue: more than a fleet's answers to one order. A full queue blocks the carrier, and so
# the broker.
_QUEUE_MAX: Final = 20_000
# How long an orderly stop waits for the last transaction.
_REST_S: Final = 2.5
# So many messages that nobody has proved are written in one transaction, when nothing else waits. Then they
# rest so many times as long as that took: whoever floods us takes a tenth of the store's time at most.
_ASIDE_AT_ONCE: Final = 100
_ASIDE_RESTS: Final = 9
_LOG_EVERY_S: Final = 1.0


class Intake:
    """Writes messages while `run` runs; `written` is called with each batch that is in the store.

    `root` is what meters get that hold an older one. `linger_s` is 0 where the caller holds the lock until
    all messages have arrived, as the demo's conductor does.
    """

    def __init__(
        self,
        engine: Engine,
        book: KeyBook,
        root: RootSent,
        timekeeper: Timekeeper,
        lock: asyncio.Lock,
        written: Callable[[Sequence[Arrival]], None],
        nonce: str = "",
        purses: PursesHeard | None = None,
    ) -> None:
        self._purses = purses
        self.refused: Counter[IntakeRefusal] = Counter()
        self.taken = 0
        self.linger_s = LINGER_S
        self._engine = engine
        self._book = book
        self.root = root
        self._timekeeper = timekeeper
        self._lock = lock
        self._written = written
        self._nonce = nonce
        self._queue: asyncio.Queue[Arrival] = asyncio.Queue(_QUEUE_MAX)
        # What nobody has proved waits apart, and is written when nothing else waits.
        self._aside = Aside()
        self._aside_due_s = 0.0
        self._arrived = asyncio.Event()
        self._refused_unlogged: Counter[IntakeRefusal] = Counter()
        self._log_due: asyncio.TimerHandle | None = None
        self._batch: list[Arrival] = []
        self._unwritten = 0
        self._trouble = Trouble("intake")

    @property
    def drained(self) -> bool:
        """Whether every message that was received is in the store."""
        return self._unwritten == 0

    async def handle(self, arrival: Arrival) -> None:
        """Queue one message with its proof; waits while the queue is full. What is forged is dropped here."""
        heard = hear(arrival, self._book)
        if isinstance(heard, IntakeRefusal):
            self._note_refused(Counter([heard]))
        elif heard.authentic:
            self._unwritten += 1
            await self._queue.put(heard_before(arrival, heard))
            self._arrived.set()
        elif heard.forged or not self._aside.put(heard_before(arrival, heard)):
            self._note_refused(
                Counter([IntakeRefusal.NOT_AUTHENTIC if heard.forged else IntakeRefusal.NO_ROOM])
            )
        else:
            self._unwritten += 1
            if len(self._aside) == 1:
                self._arrived.set()

    async def run(self) -> None:
        """Write batches until cancelled."""
        while True:
            await self._some()
            await self._linger()
            while len(self._batch) < _BATCH_MAX and not self._queue.empty():
                self._batch.append(self._queue.get_nowait())
            if self._batch:
                await self._write_batch()
            if self._queue.empty() and self._aside_rest_s() == 0:
                await self._write_aside()

    async def _write_batch(self) -> None:
        await self._write(self._batch)
        self._unwritten -= len(self._batch)
        written, self._batch = self._batch, []
        self._written(written)

    async def _write_aside(self) -> None:
        """Write some of what nobody has proved, in a transaction of its own, and let the rest of it rest."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        self._batch = self._aside.take(_ASIDE_AT_ONCE)
        await self._write_batch()
        ended_s = loop.time()
        self._aside_due_s = ended_s + _ASIDE_RESTS * (ended_s - begun_s) if self.linger_s else 0

    def _aside_rest_s(self) -> float | None:
        """How long what nobody has proved must still wait; None where there is none."""
        return max(0.0, self._aside_due_s - asyncio.get_running_loop().time()) if self._aside else None

    async def _some(self) -> None:
        """Wait until something can be written."""
        while self._queue.empty() and (rest_s := self._aside_rest_s()) != 0:
            self._arrived.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(rest_s):
                    await self._arrived.wait()

    def _note_refused(self, refused: Counter[IntakeRefusal]) -> None:
        """Count refused messages, and log the first at once; a flood of them is logged once a second."""
        self.refused += refused
        self._refused_unlogged += refused
        if self._log_due is None:
            self._log_refused()

    def _log_refused(self) -> None:
        """Log what was refused since the last line, if anything was; the next line is a second away."""
        self._log_due = None
        if not self._refused_unlogged:
            return
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self._refused_unlogged.items()))
        logger.warning("intake: refused messages: %s", reasons)
        self._refused_unlogged.clear()
        self._log_due = asyncio.get_running_loop().call_later(_LOG_EVERY_S, self._log_refused)

    async def _linger(self) -> None:
        """Wait while more messages come and the batch has room for them."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + _LINGER_S_MAX if self.linger_s else 0
        waiting = -1
        while waiting < self._queue.qsize() < _BATCH_MAX and loop.time() < until_s:
            waiting = self._queue.qsize()
            await asyncio.sleep(self.linger_s)

    async def write_rest(self) -> None:
        """Write what is still queued, at an orderly stop, after `run` was cancelled: in one attempt.

        What nobody has proved is written last, so that it takes the time of nothing that is.
        """
        # The batch that `run` was writing may be in the store already; repeated messages change nothing.
        batch, self._batch = self._batch, []
        while not self._queue.empty():
            batch.append(self._queue.get_nowait())
        waiting = [rest for rest in (batch, self._aside.take(len(self._aside))) if rest]
        try:
            async with asyncio.timeout(_REST_S):
                while waiting:
                    await self._write_once(waiting[0])
                    self._unwritten -= len(waiting.pop(0))
        except (*STORE_ERRORS, TimeoutError) as error:
            why = "no answer" if isinstance(error, TimeoutError) else line_of_store(error)
            logger.warning(
                "intake: ends without storing %d received messages: %s; links send them again",
                sum(map(len, waiting)),
                why,
            )

    async def _write(self, batch: Sequence[Arrival]) -> None:
        while True:
            try:
                await self._write_once(batch)
            except STORE_ERRORS as error:
                # A backup holds the file, the disk is full, the database restarts: the batch is kept.
                await asyncio.sleep(self._trouble.met(error))
            else:
                self._trouble.over()
                return

    async def _write_once(self, batch: Sequence[Arrival]) -> None:
        """One transaction. Raises one of STORE_ERRORS where the store takes nothing now."""
        try:
            async with self._lock:
                refused = await asyncio.to_thread(self._take_in, batch)
        except STORE_ERRORS as error:
            if not isinstance(error, VALUE_ERRORS):
                raise
            await self._write_in_halves(batch, error)
        except Exception as error:  # noqa: BLE001 # logged with its traceback and the message that caused it
            await self._write_in_halves(batch, error)
        else:
            self._count(batch, refused)

    async def _write_in_halves(self, batch: Sequence[Arrival], error: Exception) -> None:
        """Write a batch in halves, since one of its messages meets a bug: only that one is dropped."""
        if len(batch) == 1:
            logger.error("intake: a bug; dropped %s", batch[0].place, exc_info=error)
            return
        middle = len(batch) // 2
        await self._write_once(batch[:middle])
        await self._write_once(batch[middle:])

    def _take_in(self, batch: Sequence[Arrival]) -> Counter[IntakeRefusal]:
        proven = dict(self._book.unstored)
        with writing(self._engine) as session:
            refused = take_in(
                session,
                batch,
                self._book,
                self.root,
                self._timekeeper.now_ms(),
                nonce=self._nonce,
                purses=self._purses,
            )
        self._book.stored(proven)
        return refused

    def _count(self, batch: Sequence[Arrival], refused: Counter[IntakeRefusal]) -> None:
        self.taken += len(batch) - refused.total()
        if refused:
            self._note_refused(refused)
