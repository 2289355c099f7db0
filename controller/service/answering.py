"""Answers asks for the time: at once where they are proved, and behind those where they are not (design §5).

Whoever floods a time authority with asks that nobody has proved delays no meter that proves its own.
"""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Final

from controller.service.aside import Aside
from controller.service.time_service import TimeAuthority
from protocols.link.carriage import Arrival, BrokerRefusedError, NotConnectedError
from protocols.link.proofs import Proof

logger = logging.getLogger(__name__)

# How often an ask is answered that nobody has proved. One answer takes some 0.4 ms of a core.
_ASIDE_EVERY_S: Final = 0.004


class Answering:
    """Hands asks to a time authority, and awaits none of its answers."""

    def __init__(self) -> None:
        self._answers: set[asyncio.Task[None]] = set()
        self._waiting = Aside()
        self._answering_aside: asyncio.Task[None] | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether every ask is answered that was taken."""
        return not self._answers

    def take(self, authority: TimeAuthority, arrival: Arrival) -> None:
        """Have `authority` answer an ask; without room for what is not proved it is only counted."""
        # Not awaited: the answers to a thousand meters that ask at once must not delay what else arrives.
        if authority.proof_of(arrival) is not Proof.UNVERIFIED:
            self._begin(authority.handle(arrival))
        elif not self._waiting.put(arrival):
            authority.ignored["no room"] += 1
        elif self._answering_aside is None or self._answering_aside.done():
            self._answering_aside = self._begin(self._answer_aside(authority))

    async def _answer_aside(self, authority: TimeAuthority) -> None:
        """Answer asks that nobody has proved, one after the other: they must not delay anything else."""
        while arrivals := self._waiting.take(1):
            # Without a broker the answer would come too late in any case: the meter asks again.
            with suppress(BrokerRefusedError, NotConnectedError):
                await authority.handle(arrivals[0])
            # So slowly that a flood of them takes a tenth of a core at most.
            await asyncio.sleep(_ASIDE_EVERY_S)

    def _begin(self, answer: Coroutine[object, object, None]) -> asyncio.Task[None]:
        answering = asyncio.create_task(answer)
        self._answers.add(answering)
        answering.add_done_callback(self._answered)
        return answering

    def _answered(self, answering: asyncio.Task[None]) -> None:
        """Log an answer that failed. Not where the broker is missing or refuses it: the meter asks again."""
        self._answers.discard(answering)
        failure = None if answering.cancelled() else answering.exception()
        if failure is not None and not isinstance(failure, BrokerRefusedError | NotConnectedError):
            logger.error("time: an ask could not be answered", exc_info=failure)
