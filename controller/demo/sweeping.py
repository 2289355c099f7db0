"""A broker that is not the demo's own: it must carry no fleet before, and carries nothing of ours after.

What an earlier fleet has left retained would reach the demo's meters, and be counted as theirs; what the
demo leaves would reach whoever comes next.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from protocols.errors import InputError
from protocols.link.carriage import Arrival, BrokerAddress
from protocols.link.topics import PREFIX, Place, topic_of
from protocols.rim.carrier import Carrier

# Retained messages come at once after a subscription; a broker far away may take this long.
_LISTEN_S: Final = 0.4


async def check_free(address: BrokerAddress) -> None:
    """Raises InputError where the broker carries a fleet, UnreachableError where it does not answer."""
    async with _listening(address) as (_, retained):
        if retained:
            topic = topic_of(retained[0])
            raise InputError(f"broker {address}: carries a fleet already ({topic}); allowed: one without")


async def sweep(address: BrokerAddress) -> None:
    """Clear everything that is retained. Raises UnreachableError where the broker does not answer."""
    async with _listening(address) as (carrier, retained):
        for place in retained:
            await carrier.publish(place, b"", retain=True)


@asynccontextmanager
async def _listening(address: BrokerAddress) -> AsyncGenerator[tuple[Carrier, list[Place]]]:
    """A connection, and what it was told of all that is retained."""
    retained: list[Place] = []

    async def handle(arrival: Arrival) -> None:
        if arrival.retained:
            retained.append(arrival.place)

    carrier = Carrier(address, "relance-demo", (f"{PREFIX}/#",), handle=handle)
    running = asyncio.create_task(carrier.run())
    try:
        await carrier.first_attempt()
        await asyncio.sleep(_LISTEN_S)
        yield carrier, retained
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
