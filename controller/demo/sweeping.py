"""Checks and clears a broker that is not the demo's own.

Retained messages of another fleet would reach the demo's meters, and disturb the counts of messages. Retained
messages of the demo would reach whoever uses the broker next.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from protocols.errors import InputError
from protocols.link.carriage import Arrival, BrokerAddress
from protocols.link.topics import PREFIX, Place, topic_of
from protocols.rim.carrier import Carrier

# Retained messages come right after the subscription (MQTT 5, 3.8.4); a distant broker may take this long.
_LISTEN_S: Final = 0.4


async def check_free(address: BrokerAddress) -> None:
    """Raises InputError where the broker carries a fleet, UnreachableError where it does not answer."""
    async with _listening(address) as (_, retained):
        if retained:
            topic = topic_of(retained[0])
            raise InputError(f"broker {address}: carries a fleet already ({topic}); allowed: one without")


async def sweep(address: BrokerAddress) -> None:
    """Clear all retained messages of ours. Raises UnreachableError where the broker does not answer."""
    async with _listening(address) as (carrier, retained):
        for place in retained:
            await carrier.publish(place, b"", retain=True)


@asynccontextmanager
async def _listening(address: BrokerAddress) -> AsyncGenerator[tuple[Carrier, list[Place]]]:
    """A connection, and the topics of all retained messages that it received."""
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
