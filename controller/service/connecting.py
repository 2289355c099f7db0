"""A connection that says which run is there, and how it runs until a stop: for all services."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Final, Protocol

from controller.service.presence import Presence
from protocols.link.carriage import Arrival, BrokerAddress
from protocols.link.topics import topic_of
from protocols.rim.carrier import Carrier, Handle

_CLIENT_ID_DIGITS: Final = 12

Carry = Callable[..., Carrier]
Draw = Callable[[], str]


class Stops(Protocol):
    """Told when a stop begins: by Ctrl-C or an error (`interrupted`), or by SIGTERM."""

    def __call__(self, *, interrupted: bool) -> None: ...


def nobody_waits(*, interrupted: bool) -> None:
    """A stop that nobody limits."""
    del interrupted


def present_carrier(
    presence: Presence,
    broker: BrokerAddress,
    filters: Sequence[str],
    handle: Handle,
    carry: Carry,
    draw: Draw,
    connected: Callable[[], Awaitable[None]] | None = None,
) -> Carrier:
    """A carrier that says that this run is there, and hears of others with its key.

    `connected` is awaited at each connect, before this run says so.
    """

    async def greet() -> None:
        if connected is not None:
            await connected()
        await presence.greet()

    async def handle_all(arrival: Arrival) -> None:
        if arrival.place == presence.place:
            presence.hear(arrival)
        else:
            await handle(arrival)

    carrier = carry(
        broker,
        # Random: with one id for all runs a broker would end each one's connection for the other, for ever.
        f"relance-{presence.name}-{draw()[:_CLIENT_ID_DIGITS]}",
        (*filters, topic_of(presence.place)),
        handle=handle_all,
        on_connect=greet,
        last_will=presence.last_will,
    )
    presence.attach(carrier)
    return carrier


async def all_together(*works: Coroutine[object, object, object]) -> None:
    """Run all of them until the first error, or until all have ended."""
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)


async def until_stopped(
    carrier: Carrier, work: Coroutine[object, object, object], stops: Stops = nobody_waits
) -> None:
    """Run a carrier and `work` until SIGTERM, cancellation, or the end of either.

    Raises UnreachableError where the carrier's first attempt fails.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    # SIGINT is left to asyncio.run, which cancels this task; the command then ends with status 130.
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    carrying = asyncio.create_task(carrier.run(), name="carrier")
    working = asyncio.create_task(work, name="work")
    stopping = asyncio.create_task(stopped.wait(), name="stop")
    attempting = asyncio.create_task(carrier.first_attempt(), name="first attempt")
    tasks = (carrying, working, stopping, attempting)
    try:
        # A broker that accepts a connection and says nothing must not hold up the stop.
        await asyncio.wait({attempting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if attempting.done():
            attempting.result()
        await asyncio.wait({carrying, working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (carrying, working):
            if task.done():
                task.result()
    finally:
        stops(interrupted=not stopped.is_set())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        loop.remove_signal_handler(signal.SIGTERM)
