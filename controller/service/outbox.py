"""Publishes queued messages within 100 ms of their commit, whichever process committed them (design §6).

The outbox is polled every 50 ms: on SQLite a poll takes some 0.2 ms, and SQLite cannot notify another
process. PostgreSQL is polled too; LISTEN could replace that, and is not used yet.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final

from sqlalchemy import Engine

from controller.database.engine import reading, writing
from controller.orders.outbox import Message, due_messages, is_empty
from controller.orders.sending import mark_refused, mark_taken
from controller.service.carrying import Carries
from controller.service.clock import ServiceClock
from controller.service.putting_off import PuttingOff
from controller.service.supervising import STORE_ERRORS, Trouble
from protocols.link.carriage import BrokerRefusedError, NotConnectedError

logger = logging.getLogger(__name__)

_POLL_EVERY_S: Final = 0.05
# How long to wait before a broker that did not answer is tried again.
_RETRY_AFTER_S: Final = 0.25
_MESSAGES_AT_ONCE: Final = 500
# How many refused messages one line of the log names.
_NAMED_MAX: Final = 3


async def nothing_to_prepare() -> None:
    """An outbox that others fill."""


class Outbox:
    """Drains the outbox while `run` runs. `poke` makes it poll at once.

    `poll_every_s` is longer where every act is followed by a `poke`, as in a simulation. `prepare` is awaited
    before each drain: what it makes is sent at once. `leave_mark` is awaited before messages are sent.
    """

    def __init__(
        self,
        engine: Engine,
        carrier: Carries,
        clock: ServiceClock,
        lock: asyncio.Lock,
        prepare: Callable[[], Awaitable[None]] = nothing_to_prepare,
        leave_mark: Callable[[], Awaitable[None]] = nothing_to_prepare,
    ) -> None:
        self._prepare = prepare
        self._leave_mark = leave_mark
        self.poll_every_s = _POLL_EVERY_S
        self._engine = engine
        self._carrier = carrier
        self._clock = clock
        self._lock = lock
        self._poked = asyncio.Event()
        self._draining = asyncio.Lock()
        self._put_off = PuttingOff()
        self._seen_seq = 0
        # Sent, and not noted in the store yet.
        self._unmarked: dict[int, Message] = {}
        self._trouble = Trouble("outbox")

    def poke(self) -> None:
        """Poll at once: there may be something to send."""
        self._poked.set()

    async def is_drained(self) -> bool:
        """Whether nothing is queued but what the broker refuses, and nothing awaits its acknowledgement."""
        if self._draining.locked():
            return False
        return await asyncio.to_thread(self._is_empty, asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Drain, then poll again, until cancelled."""
        while True:
            self._poked.clear()
            try:
                await self.drain()
                self._trouble.over()
            except NotConnectedError as error:
                logger.debug("outbox: %s", error)
                await asyncio.sleep(_RETRY_AFTER_S)
            except STORE_ERRORS as error:
                await asyncio.sleep(self._trouble.met(error))
            try:
                async with asyncio.timeout(self.poll_every_s):
                    await self._poked.wait()
            except TimeoutError:
                continue

    async def drain(self) -> None:
        """Send all that is due now.

        Raises NotConnectedError where the broker did not answer; an error of the database where it could not
        be read, or could not note what was sent. Such messages are not sent again by this run.
        """
        async with self._draining:
            await self._prepare()
            if not self._carrier.connected:
                # Before anything is marked: harm that is marked is never sent again.
                raise NotConnectedError("no broker")
            now_s = asyncio.get_running_loop().time()
            if self._put_off.looks_at_all(now_s):
                self._seen_seq = 0
            failure: Exception | None = None
            while messages := await asyncio.to_thread(self._due):
                self._seen_seq = messages[-1].seq
                # After they were read: it counts all that they number.
                await self._leave_mark()
                ready = self._put_off.ready(messages, now_s)
                try:
                    await self._send([each for each in ready if each.seq not in self._unmarked])
                except NotConnectedError:
                    raise
                except STORE_ERRORS as error:
                    # What the store cannot note now must not hold up what protects.
                    failure = error
            if failure is not None:
                raise failure

    async def _send(self, messages: Sequence[Message]) -> None:
        harm = [message for message in messages if message.once]
        if harm:
            try:
                await self._mark(harm)
            except STORE_ERRORS:
                await self._publish_all([message for message in messages if not message.once])
                raise
        await self._publish_all(messages)

    async def _publish_all(self, messages: Sequence[Message]) -> None:
        # Started in their order, so that they are sent in it; the carrier bounds how many await
        # acknowledgement.
        outcomes = await asyncio.gather(*map(self._publish, messages), return_exceptions=True)
        answered = list(zip(messages, outcomes, strict=True))
        taken = [message for message, outcome in answered if outcome is None and not message.once]
        self._put_off.forget(taken)
        await self._note_sent(taken)
        refused = [(each, outcome) for each, outcome in answered if isinstance(outcome, BrokerRefusedError)]
        if refused:
            await self._put_off_refused(refused)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, BrokerRefusedError):
                raise outcome

    async def _note_sent(self, taken: Sequence[Message]) -> None:
        """Note in the store what was sent, also what it could not note before."""
        self._unmarked |= {message.seq: message for message in taken}
        while batch := list(islice(self._unmarked.values(), _MESSAGES_AT_ONCE)):
            await self._mark(batch)
            for message in batch:
                del self._unmarked[message.seq]

    async def _put_off_refused(self, refused: Sequence[tuple[Message, BrokerRefusedError]]) -> None:
        """Show and name what the broker has refused; harm is given up, the rest is tried again later."""
        now_s = asyncio.get_running_loop().time()
        for message, _ in refused:
            if not message.once:
                self._put_off.note(message, now_s)
        named = [f"{each.order_id or 'a clearing'} to {each.meter or 'the fleet'}" for each, _ in refused]
        more = f" and {len(named) - _NAMED_MAX} more" if len(named) > _NAMED_MAX else ""
        logger.warning("outbox: %s; not sent: %s%s", refused[0][1], ", ".join(named[:_NAMED_MAX]), more)
        async with self._lock:
            await asyncio.to_thread(self._mark_refused, [(each, error.why) for each, error in refused])

    async def _publish(self, message: Message) -> None:
        await self._carrier.publish(
            message.place, message.payload, expiry_s=message.expiry_s, retain=message.retain
        )

    async def _mark(self, messages: Sequence[Message]) -> None:
        async with self._lock:
            await asyncio.to_thread(self._mark_taken, messages)

    def _due(self) -> list[Message]:
        now = self._clock.judged()
        with reading(self._engine) as session:
            return due_messages(
                session, now.estimate_ms, _MESSAGES_AT_ONCE, beyond=self._seen_seq, harm=now.trusted
            )

    def _mark_taken(self, messages: Sequence[Message]) -> None:
        with writing(self._engine) as session:
            mark_taken(session, messages, self._clock.now_ms())

    def _mark_refused(self, refused: Sequence[tuple[Message, str]]) -> None:
        with writing(self._engine) as session:
            for message, why in refused:
                mark_refused(session, message, why, self._clock.now_ms())

    def _is_empty(self, now_s: float) -> bool:
        now = self._clock.judged()
        with reading(self._engine) as session:
            if self._put_off.is_empty:
                return is_empty(session, now.estimate_ms, harm=now.trusted)
            due = due_messages(session, now.estimate_ms, _MESSAGES_AT_ONCE, harm=now.trusted)
            return not self._put_off.ready(due, now_s)
