"""Leaves a mark outside the store before anything numbered is sent, and hears the broker's (design §6).

So no meter has heard a number above the mark, unless the mark could not be written: protection does not wait
for it. A store that was restored from a backup numbers on above all that meters hold, where the mark outlived
it: in the home, or retained by the broker.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from controller.database.engine import reading, writing
from controller.office.audit import head_of
from controller.restores.acts import account_for, mark_of, unknown_loss
from controller.restores.mark_file import write_mark
from controller.restores.rules import Loss
from controller.service.carrying import Carries
from controller.service.supervising import STORE_ERRORS, Trouble
from protocols.chain import GENESIS, Head
from protocols.documents.envelope import Signer
from protocols.documents.roles import Root
from protocols.errors import DocumentError
from protocols.link.carriage import Arrival, BrokerRefusedError, NotConnectedError
from protocols.link.marks import StoreMark, open_mark, seal_mark
from protocols.link.topics import Channel, Place
from protocols.timekeeping import Timekeeper
from protocols.words.en.losses import loss_in_words

logger = logging.getLogger(__name__)

_MARK: Final = Place(Channel.MARK)
_LOOK_EVERY_S: Final = 1.0
# A broker hands out what it has retained as soon as a topic is subscribed.
_LISTEN_S: Final = 1.0


class Marking:
    """`leave` before anything is sent; `hear` what arrives at the mark's topic. `root` is the one in force.

    `path`: the file of the mark; None: it is only retained by the broker. `found`: called when a mark was
    heard, so that `leave` is called soon, and when a loss was recorded. `is_listening`: a mark that the
    broker has retained may come any moment, so that no payment is booked yet.
    """

    def __init__(
        self,
        engine: Engine,
        root: Root,
        signer: Signer,
        timekeeper: Timekeeper,
        lock: asyncio.Lock,
        found: Callable[[], None],
        path: Path | None = None,
    ) -> None:
        self.root = root
        self.refused = 0
        self._engine = engine
        self._signer = signer
        self._timekeeper = timekeeper
        self._lock = lock
        self._found = found
        self._path = path
        self._carrier: Carries | None = None
        self._left = GENESIS
        self._envelope = b""
        self._publishing: asyncio.Task[None] | None = None
        self._trouble = Trouble("mark")
        self._heard: StoreMark | None = None
        self._told_denied = False
        self._told_foreign = False
        self._look_at_s = 0.0
        self.is_listening = False
        self._has_greeted = False

    def attach(self, carrier: Carries) -> None:
        """Give it its connection; once, before `leave`."""
        self._carrier = carrier

    async def greet(self) -> None:
        """Leave the last mark once more, at a connect: this broker may never have seen it."""
        if self._envelope:
            self._begin_publishing()
        if not self._has_greeted:
            self._has_greeted = self.is_listening = True
            asyncio.get_running_loop().call_later(_LISTEN_S, self._listened)

    async def compare(self) -> None:
        """Compare the store with the mark that was heard. What cannot be recorded now is told, and kept."""
        try:
            await self._compare()
        except STORE_ERRORS as error:
            self._trouble.met(error)

    async def leave(self) -> None:
        """Leave a mark where the store has counted on since the last one.

        What cannot be written is told, and nothing waits for it: protection goes out without a mark.
        """
        try:
            await self._compare()
            head = await asyncio.to_thread(self._make)
            if head != self._left:
                self._begin_publishing()
                if self._path is not None:
                    await asyncio.to_thread(write_mark, self._path, self._envelope)
                self._left = head
            self._trouble.over()
        except STORE_ERRORS as error:
            self._trouble.met(error)

    async def hear(self, arrival: Arrival) -> None:
        """Compare the store with a mark that another run has left; one of another key is ignored.

        What the broker has retained is compared before anything else is sent; what comes now is another
        store's, which is told once.
        """
        now_s = asyncio.get_running_loop().time()
        is_nothing = not arrival.payload or arrival.payload == self._envelope
        if is_nothing or (not arrival.retained and now_s < self._look_at_s):
            return
        try:
            mark = open_mark(arrival.payload, {self._signer.keyid: self._signer.public})
        except DocumentError as error:
            logger.debug("mark: %s", error)
            mark = None
        if mark is None:
            self.refused += 1
        elif arrival.retained:
            self._heard = mark
            self._found()
        elif not self._told_foreign and await asyncio.to_thread(self._is_foreign, mark):
            # Nothing is counted up for it: two stores would lift each other for ever.
            self._told_foreign = True
            logger.warning("mark: another store with our key counts on this broker; only one may go on")
        # Whoever floods the topic is not looked at each time.
        self._look_at_s = now_s + _LOOK_EVERY_S

    async def _compare(self) -> None:
        """Compare the store with the mark that was heard; one that cannot be written yet is kept."""
        mark = self._heard
        if mark is None:
            return
        # Not only a reader: what is lost is recorded, and every counter lifted.
        async with self._lock:
            loss = await asyncio.to_thread(self._account, mark)
        self._heard = None
        self.is_listening = False
        if loss is not None:
            logger.warning("store: %s (`relance audit verify`)", loss_in_words(loss.after, loss.entries))
            self._found()

    def _listened(self) -> None:
        if self._heard is None:
            self.is_listening = False
        self._found()

    def _make(self) -> Head:
        """Seal a mark where there is something new; returns the head of the audit that it names."""
        with reading(self._engine) as session:
            head = head_of(session)
            mark = None if head == self._left else mark_of(session, self.root.version)
        if mark is not None:
            self._envelope = seal_mark(mark, self._signer)
        return head

    def _account(self, mark: StoreMark) -> Loss | None:
        with writing(self._engine) as session:
            return account_for(session, mark, self.root.version, self._timekeeper.now_ms())

    def _is_foreign(self, mark: StoreMark) -> bool:
        with reading(self._engine) as session:
            return unknown_loss(session, mark) is not None

    def _begin_publishing(self) -> None:
        """Hand the mark to the connection before whatever is sent next; its answer may come later."""
        if self._carrier is None or not self._carrier.connected:
            return
        self._publishing = asyncio.create_task(self._publish(self._carrier, self._envelope))

    async def _publish(self, carrier: Carries, envelope: bytes) -> None:
        try:
            await carrier.publish(_MARK, envelope, retain=True)
        except NotConnectedError as error:
            logger.debug("mark: %s", error)
        except BrokerRefusedError as error:
            if not self._told_denied:
                self._told_denied = True
                logger.warning("mark: %s; it is only kept in the home", error)
