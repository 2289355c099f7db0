"""A carrier that records its arrivals, and waits with a time limit: nothing here sleeps for a fixed time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from protocols.link.carriage import Arrival, BrokerAddress
from protocols.rim.carrier import Carrier, LastWill, OnConnect

TIMEOUT_S = 20.0


class Post(Carrier):
    """A carrier that records what arrives, in `heard`."""

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        filters: Sequence[str] = (),
        *,
        on_connect: OnConnect | None = None,
        last_will: LastWill | None = None,
    ) -> None:
        self.heard: list[Arrival] = []
        super().__init__(
            address, client_id, filters, handle=self._keep, on_connect=on_connect, last_will=last_will
        )

    async def _keep(self, arrival: Arrival) -> None:
        self.heard.append(arrival)

    @property
    def payloads(self) -> list[bytes]:
        return [each.payload for each in self.heard]


@asynccontextmanager
async def running(*carriers: Carrier) -> AsyncIterator[None]:
    """The carriers, connected, until the block ends."""
    tasks = [asyncio.create_task(carrier.run()) for carrier in carriers]
    try:
        for carrier in carriers:
            await carrier.first_attempt()
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` is true. Raises AssertionError, with `what`, after `TIMEOUT_S`."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while not condition():  # noqa: ASYNC110 # what is waited for knows no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"in {TIMEOUT_S:.0f} s it did not happen that {what}") from None


def play(story: Callable[[], Awaitable[None]]) -> None:
    """Run an asynchronous test. A task that is left running makes it fail, by asyncio's warning."""

    async def whole() -> None:
        await story()

    asyncio.run(whole())
