"""The service's clock asks the timeserver as soon as there is a broker: it does not wait for its turn."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import Engine

from controller.service.serve import put_together
from protocols.link.carriage import BrokerAddress, NotConnectedError
from protocols.link.service_time import read_ask
from protocols.link.topics import Channel, Place
from protocols.rim.carrier import Carrier
from tests.controller.service_bench import SERVICE_KEYS, SteppedClock


class LateBroker:
    """A connection that is not there yet when the service starts. `connect` makes it, as a carrier would."""

    def __init__(self, *_: object, on_connect: Callable[[], Awaitable[None]], **__: object) -> None:
        self.connected = False
        self.published: list[tuple[Place, bytes]] = []
        self._on_connect = on_connect

    async def publish(
        self, place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
    ) -> None:
        del expiry_s, retain
        if not self.connected:
            raise NotConnectedError("no broker")
        self.published.append((place, payload))

    async def connect(self) -> None:
        self.connected = True
        await self._on_connect()


async def settle() -> None:
    """Let every task that is ready go on; no time passes."""
    for _ in range(50):
        await asyncio.sleep(0)


def test_the_time_is_asked_for_at_each_connect(engine: Engine) -> None:
    async def story() -> None:
        made: list[LateBroker] = []

        def carry(*arguments: object, **more: object) -> Carrier:
            made.append(LateBroker(*arguments, **more))  # type: ignore[arg-type] # as a carrier is made
            return made[0]  # type: ignore[return-value] # all of a carrier that the service needs

        service, _, _ = put_together(
            engine, SERVICE_KEYS, BrokerAddress("127.0.0.1", 1), SteppedClock(), carry
        )
        (broker,) = made
        asking = asyncio.create_task(service.clock.run())
        await settle()
        assert broker.published == []
        for connects in (1, 2):
            await broker.connect()
            await settle()
            asks = [payload for place, payload in broker.published if place.channel is Channel.SERVICE_ASK]
            assert len({read_ask(ask).nonce for ask in asks}) == connects
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(story())
