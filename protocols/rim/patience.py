"""How long a program waits for a broker's answers: as long as the broker goes on speaking, within a limit.

An answer comes behind all that the broker has sent before it. When a whole fleet answers an order at once,
that may be a megabyte, and the connection is as good as it ever was.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from protocols.link.carriage import answer_due_s

# A program that stood still reads what has arrived meanwhile, before it calls the broker silent.
_LAST_LOOK_S: Final = 0.2


class Patience:
    """The answers that one connection waits for. `heard` is called with each message from the broker."""

    def __init__(self) -> None:
        self._heard_s = 0.0
        self._scopes: set[asyncio.Timeout] = set()

    def heard(self) -> None:
        """The broker has said something."""
        self._heard_s = asyncio.get_running_loop().time()

    @asynccontextmanager
    async def waiting(self) -> AsyncGenerator[None]:
        """Wait for an answer in the block. Raises TimeoutError by `answer_due_s`, and by `end`."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        # aiomqtt itself waits for ever, and `asyncio.wait_for` may lose a cancellation (see `carrier`).
        async with asyncio.timeout(None) as scope:
            self._scopes.add(scope)
            looks: list[asyncio.TimerHandle] = []

            def look(*, last: bool) -> None:
                due_s = answer_due_s(begun_s, self._heard_s)
                if due_s > loop.time():
                    looks[:] = [loop.call_at(due_s, partial(look, last=False))]
                elif last:
                    _end(scope)
                else:
                    looks[:] = [loop.call_later(_LAST_LOOK_S, partial(look, last=True))]

            look(last=False)
            try:
                yield
            finally:
                looks[0].cancel()
                self._scopes.discard(scope)

    def end(self) -> None:
        """There is no connection any more: nobody waits for an answer."""
        for scope in self._scopes:
            _end(scope)


def _end(scope: asyncio.Timeout) -> None:
    # One that ends by itself in this instant takes no other end.
    if not scope.expired():
        scope.reschedule(0)
