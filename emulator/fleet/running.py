"""Runs a link: keeps its connection to a broker, and lets its meters act when they are due."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from emulator.firmware.events import Event
from emulator.links.link import Link
from emulator.links.reporting import Outgoing
from protocols.link.carriage import Arrival, BrokerAddress, BrokerRefusedError, NotConnectedError
from protocols.link.topics import Channel, Place, link_filters
from protocols.rim.carrier import Carrier
from protocols.timekeeping import Timekeeper


class RunningLink:
    """A link over MQTT: it reconnects by itself, and its meters run all the while.

    `step` does what is due and publishes it, for a conductor; `run` does so as its timekeeper's time passes.
    `carry` makes the connection.
    """

    def __init__(
        self,
        link: Link,
        address: BrokerAddress,
        timekeeper: Timekeeper,
        carry: Callable[..., Carrier] = Carrier,
    ) -> None:
        self.link = link
        self.carrier = carry(
            address,
            f"relance-{link.name}",
            link_filters(link.name),
            handle=self._receive,
            on_connect=self._greet,
            last_will=self._last_will,
        )
        self._timekeeper = timekeeper
        # Messages of one meter must keep their order: whoever makes some holds this until they are published.
        self._speaking = asyncio.Lock()
        self._disturbed = asyncio.Event()

    async def run(self) -> None:
        """Carry messages, and let meters act when they are due, until cancelled or a bug ends it."""
        carrying = asyncio.create_task(self.carrier.run())
        try:
            while not carrying.done():
                await self._wait_for_due()
                await self.step()
            carrying.result()
        finally:
            carrying.cancel()
            await asyncio.wait([carrying])

    async def step(self) -> None:
        """Do what is due by now, and publish what comes of it."""
        async with self._speaking:
            if not self.carrier.connected and self.link.online:
                self.link.disconnected()
            with suppress(NotConnectedError):
                await self._publish(self.link.advance(self._timekeeper.now_ms()))

    async def apply(self, meter: str, event: Event) -> None:
        """Something happens at one meter now, a button or a card; publish what comes of it."""
        async with self._speaking:
            self._disturbed.set()
            with suppress(NotConnectedError):
                await self._publish(self.link.apply(meter, event, self._timekeeper.now_ms()))

    def save(self) -> None:
        """Store every meter as it is now."""
        self.link.save(self._timekeeper.now_ms())

    async def _wait_for_due(self) -> None:
        self._disturbed.clear()
        waits: list[asyncio.Task[bool] | asyncio.Task[None]] = [asyncio.create_task(self._disturbed.wait())]
        due_ms = self.link.next_due_ms()
        if due_ms is not None:
            waits.append(asyncio.create_task(self._timekeeper.sleep_until(due_ms)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _greet(self) -> None:
        async with self._speaking:
            self._disturbed.set()
            await self._publish(self.link.connected(self._timekeeper.now_ms()))

    async def _receive(self, arrival: Arrival) -> None:
        async with self._speaking:
            self._disturbed.set()
            now_ms = self._timekeeper.now_ms()
            await self._publish(
                self.link.receive(arrival.place, arrival.payload, now_ms, retained=arrival.retained)
            )

    async def _publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish events last, since nobody waits for them; the carrier bounds what is in flight.

        Raises NotConnectedError: what is lost is sent again after the next connect.
        """
        # All are started in their order, and sent in it; none waits for the acknowledgement of another.
        messages = sorted(messages, key=_is_explanation)
        sending = (
            self.carrier.publish(each.place, each.payload, expiry_s=each.expiry_s) for each in messages
        )
        outcomes = await asyncio.gather(*sending, return_exceptions=True)
        for each, failure in zip(messages, outcomes, strict=True):
            if isinstance(failure, BrokerRefusedError):
                continue  # not confirmed: published again with the next sync
            if failure is not None:
                self.link.disconnected()
                raise failure
            self.link.confirm(each)

    def _last_will(self) -> tuple[Place, bytes]:
        will = self.link.will()
        return will.place, will.payload


def _is_explanation(message: Outgoing) -> bool:
    return message.place.channel is Channel.EVENTS
