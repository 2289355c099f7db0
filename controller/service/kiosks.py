"""The service's side of kiosks: takes in what they say, and answers each (docs/kiosk.md).

Only authentic words come into the queue, which has room for so many of each kiosk: so a stolen one delays
nobody else. What has no room is dropped: a kiosk says it again until it is acknowledged.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy import Engine

from controller.database.engine import reading, writing
from controller.database.kiosk_tables import KioskRow
from controller.exchange.key_book import KeyBook
from controller.exchange.proven_keys import store_proven
from controller.exchange.purses import PursesHeard
from controller.exchange.sync_answer import RootSent
from controller.exchange.words import IntakeRefusal
from controller.kiosks.answering import answers_to, lacks
from controller.kiosks.documents import refresh_documents
from controller.kiosks.intake import KioskSaid, KioskTaken, hear_kiosk, take_kiosk_words
from controller.kiosks.store import generations_in, kiosks_in, status_said
from controller.service.carrying import Carries
from controller.service.supervising import STORE_ERRORS, VALUE_ERRORS, Trouble
from protocols.link.carriage import Arrival, BrokerRefusedError, NotConnectedError
from protocols.link.topics import Channel, Place
from protocols.timekeeping import Timekeeper

logger = logging.getLogger(__name__)

# Words of one kiosk, and of all, that wait: more than an office says in a week offline.
_KIOSK_MAX: Final = 500
_TOTAL_MAX: Final = 5_000
_BATCH_MAX: Final = 100
# How often it is looked whether a kiosk lacks something, and its documents are chosen anew.
_LOOK_EVERY_S: Final = 10.0
_LINGER_S: Final = 0.02

Word = tuple[Channel, KioskSaid]


class Kiosks:
    """`handle` takes arrivals, `run` stores and answers them. `root` says what is in force now."""

    def __init__(
        self,
        engine: Engine,
        fleet_key: bytes,
        book: KeyBook,
        root: Callable[[], RootSent],
        timekeeper: Timekeeper,
        lock: asyncio.Lock,
        purses: PursesHeard,
        stored: Callable[[], None],
    ) -> None:
        self.refused: Counter[IntakeRefusal] = Counter()
        self._engine = engine
        self._fleet_key = fleet_key
        self._book = book
        self._root = root
        self._timekeeper = timekeeper
        self._lock = lock
        self._purses = purses
        self._stored = stored
        self._waiting: list[Word] = []
        self._of_kiosk: Counter[str] = Counter()
        self._arrived = asyncio.Event()
        self._busy = False
        # Whether a kiosk may be online: only its own words can bring one.
        self._somebody = True
        self._trouble = Trouble("kiosks")
        self._carrier: Carries | None = None

    def attach(self, carrier: Carries) -> None:
        """Give it the connection; once."""
        self._carrier = carrier

    @property
    def is_quiet(self) -> bool:
        """Whether all that was taken is stored and answered."""
        return not self._waiting and not self._busy

    def handle(self, arrival: Arrival) -> None:
        """Queue an authentic word; anything else is only counted."""
        said = hear_kiosk(arrival, self._fleet_key)
        if isinstance(said, IntakeRefusal):
            self.refused[said] += 1
        elif len(self._waiting) >= _TOTAL_MAX or self._of_kiosk[said.kiosk] >= _KIOSK_MAX:
            self.refused[IntakeRefusal.NO_ROOM] += 1
        else:
            self._of_kiosk[said.kiosk] += 1
            self._waiting.append((arrival.place.channel, said))
            self._arrived.set()

    async def run(self) -> None:
        """Store and answer until cancelled."""
        loop = asyncio.get_running_loop()
        look_s = loop.time()
        while True:
            self._arrived.clear()
            if not self._waiting:
                # Where no kiosk is online there is nothing to look for.
                patience_s = max(look_s - loop.time(), 0) if self._somebody else None
                with suppress(TimeoutError):
                    async with asyncio.timeout(patience_s):
                        await self._arrived.wait()
            await asyncio.sleep(_LINGER_S)
            self._busy = True
            try:
                await self._work(look=loop.time() >= look_s)
            finally:
                self._busy = False
            if loop.time() >= look_s:
                look_s = loop.time() + _LOOK_EVERY_S

    async def _work(self, *, look: bool) -> None:
        batch = self._waiting[:_BATCH_MAX]
        try:
            async with self._lock:
                answers = await asyncio.to_thread(self._take, batch, look=look)
        except STORE_ERRORS as error:
            if isinstance(error, VALUE_ERRORS):
                self._drop(batch, error)
            else:
                await asyncio.sleep(self._trouble.met(error))
            return
        except Exception as error:  # noqa: BLE001 # logged with its traceback; one word must not stop the rest
            self._drop(batch, error)
            return
        self._trouble.over()
        self._forget(batch)
        if batch:
            self._stored()
        await self._publish(answers)

    def _drop(self, batch: Sequence[Word], error: Exception) -> None:
        """A word meets a bug: the first of the batch goes, the others are tried again."""
        first = batch[:1]
        logger.error("kiosks: a bug; dropped %s", [said.kiosk for _, said in first], exc_info=error)
        self._forget(first)

    def _forget(self, words: Sequence[Word]) -> None:
        del self._waiting[: len(words)]
        self._of_kiosk.subtract(said.kiosk for _, said in words)
        self._of_kiosk += Counter()

    def _take(self, batch: Sequence[Word], *, look: bool) -> dict[str, list[bytes]]:
        """One transaction: store a batch, choose documents, and say what is to be answered."""
        root, now_ms = self._root(), self._timekeeper.now_ms()
        if not batch and not look:
            return {}
        self._somebody = bool(batch) or not self._nobody()
        if not self._somebody:
            return {}
        with writing(self._engine) as session:
            taken = take_kiosk_words(session, batch, self._book, root, now_ms, self._purses)
            proven = store_proven(session, self._book)
            self.refused += taken.refused
            due = {row.id: row for row in kiosks_in(session) if self._is_due(row, taken, look=look)}
            for row in due.values():
                if row.revoked_ms is None:
                    refresh_documents(session, row, self._fleet_key, root, now_ms)
            generations = generations_in(session)
            answers: dict[str, list[bytes]] = {}
            for row in due.values():
                status = taken.greeted.get(row.id) or status_said(row)
                acks = taken.acks.get(row.id, [])
                if status is None:
                    continue
                if row.id in taken.greeted or acks or lacks(row, status, generations, root):
                    answers[row.id] = answers_to(
                        session, row, status, acks, self._fleet_key, root, echo=row.id in taken.greeted
                    )
        self._book.stored(proven)
        return answers

    def _nobody(self) -> bool:
        with reading(self._engine) as session:
            return not any(row.online for row in kiosks_in(session, revoked=False))

    @staticmethod
    def _is_due(row: KioskRow, taken: KioskTaken, *, look: bool) -> bool:
        if row.id in taken.greeted or row.id in taken.acks or row.id in taken.touched:
            return True
        return look and bool(row.online) and row.revoked_ms is None

    async def _publish(self, answers: dict[str, list[bytes]]) -> None:
        assert self._carrier is not None, "attach a carrier first"
        for kiosk, messages in sorted(answers.items()):
            with suppress(BrokerRefusedError, NotConnectedError):  # said again with the next status
                for message in messages:
                    await self._carrier.publish(Place(Channel.KIOSK_ORDERS, kiosk=kiosk), message)
