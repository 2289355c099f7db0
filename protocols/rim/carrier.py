"""One connection to a broker that reconnects by itself: the only room that uses aiomqtt (design §5).

Links and controller use the same connection, and only code that does I/O may import it
(docs/decisions/0007-one-carrier.md). What can be decided without a network is in `protocols.link.carriage`.

A cancelled `run` must end. Nothing here uses `asyncio.wait_for`, neither we nor aiomqtt: in Python 3.11 it
loses a cancellation that comes together with the awaited answer (bpo-37658). So aiomqtt gets no timeout,
and every timeout is an `asyncio.timeout` of ours.
"""

import asyncio
import logging
import math
import os
import socket
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Final, Never

import aiomqtt
from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from protocols.errors import RelanceError, UnreachableError
from protocols.instants import SECOND_MS
from protocols.link.carriage import (
    ANSWER_TIMEOUT_S,
    IN_FLIGHT_MAX,
    KEEPALIVE_S,
    PACKET_BYTES_MAX,
    STEADY_MS,
    Arrival,
    BrokerAddress,
    BrokerRefusedError,
    Drop,
    NotConnectedError,
    Publication,
    Refusals,
    Traffic,
    admitted,
    ask_again_ms,
    backoff_ms,
    publication,
)
from protocols.link.topics import Channel, Place
from protocols.rim.acknowledging import FAILURE_CODE_MIN, AcknowledgingClient
from protocols.rim.patience import Patience
from protocols.rim.tls import client_context

logger = logging.getLogger(__name__)

Handle = Callable[[Arrival], Awaitable[None]]
OnConnect = Callable[[], Awaitable[None]]
LastWill = Callable[[], tuple[Place, bytes]]

_CLOSE_TIMEOUT_S: Final = 0.5
# So many arrivals are handled before the loop comes to other work: some ten milliseconds.
_HANDLED_AT_ONCE: Final = 100


class Carrier:
    """Carries messages while `run` runs; reconnects for ever, each time with a clean start.

    `on_connect` is called once per connection, when the filters are subscribed. After it has ended, `handle`
    gets the arrivals one at a time, in order. `last_will` is called at every connect; its message is also
    published at an orderly end. What a handler raises is logged; errors that are bugs are also kept in
    `errors`, the newest last. Raises InputError where the address names credentials that cannot be read.
    """

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        filters: Sequence[str],
        *,
        handle: Handle,
        on_connect: OnConnect | None = None,
        last_will: LastWill | None = None,
    ) -> None:
        self.traffic = Traffic()
        self.errors: deque[Exception] = deque(maxlen=100)
        self._address = address
        self._tls = client_context(Path(address.credentials)) if address.credentials else None
        self._client_id = client_id
        self._filters = filters
        self._handle = handle
        self._on_connect = on_connect
        self._last_will = last_will
        self._client: AcknowledgingClient | None = None
        self._attempted = asyncio.Event()
        self._problem = "not yet connected"
        self._refusals = Refusals()
        self._lost_s: float | None = None
        self._in_flight = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._patience = Patience()
        self._inbox: asyncio.Queue[Arrival | None] = asyncio.Queue()

    @property
    def connected(self) -> bool:
        return self._client is not None

    async def first_attempt(self) -> None:
        """Wait for the outcome of `run`'s first attempt. Raises UnreachableError where it failed."""
        await self._attempted.wait()
        if not self.connected:
            raise UnreachableError(f"broker {self._address}: {self._problem}")

    async def publish(
        self, place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
    ) -> None:
        """Publish and wait for the broker's acknowledgement (QoS 1), which does not prove delivery.

        Expiry and retain None: as in `topics.CARRIAGE`. Raises NotConnectedError without a connection or
        without the acknowledgement, BrokerRefusedError where the broker refuses this message or has refused
        its topic lately, and DocumentError for a payload that is too long.
        """
        message = publication(place, payload, expiry_s=expiry_s, retain=retain)
        async with self._in_flight:
            client = self._client
            if client is None:
                raise NotConnectedError(f"broker {self._address}: {self._problem}")
            now_s = asyncio.get_running_loop().time()
            if (standing := self._refusals.standing(message.topic, now_s)) is not None:
                raise standing
            self.traffic.published[place.channel] += 1
            try:
                async with self._patience.waiting():
                    await _publish(client, message)
                self._refusals.forget(message.topic)
            except BrokerRefusedError as error:
                self.traffic.published[place.channel] -= 1
                self._refusals.note(message.topic, error, now_s)
                self._note_refusal(place.channel, error)
                raise
            except (aiomqtt.MqttError, TimeoutError) as error:
                self.traffic.published[place.channel] -= 1
                self.traffic.unconfirmed[place.channel] += 1
                # A broker that does not acknowledge one message may acknowledge none: reconnect.
                self._disconnect(client, _why_unreachable(error))
                raise NotConnectedError(f"broker {self._address}: {self._problem}") from None

    def _note_refusal(self, channel: Channel, error: BrokerRefusedError) -> None:
        """Count and log a refusal: each channel's first, then ever more seldom."""
        self.traffic.refused[channel] += 1
        count = self.traffic.refused[channel]
        if count & (count - 1) == 0:
            logger.warning("%s: %s; refused on this channel so far: %d", self._client_id, error, count)

    async def run(self) -> Never:
        """Connect, handle arrivals, and connect again when the connection ends, until cancelled."""
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            begun_s = loop.time()
            try:
                await self._session()
            except (aiomqtt.MqttError, OSError) as error:
                self._problem = _why_unreachable(error)
            self._attempted.set()
            steady = (loop.time() - begun_s) * SECOND_MS >= STEADY_MS
            attempt = 1 if steady else attempt + 1
            if attempt == 1:
                self._lost_s = self._lost_s or loop.time()
                logger.warning(
                    "%s: broker %s: %s; trying again", self._client_id, self._address, self._problem
                )
            await asyncio.sleep(backoff_ms(attempt, self._client_id) / SECOND_MS)

    async def _session(self) -> None:
        """One connection, until it is lost; arrivals that came before the loss are still handled."""
        await self._probe()
        self._inbox = asyncio.Queue()
        async with self._connection() as client:
            self._client = client
            watcher = asyncio.create_task(self._watch(client))
            try:
                await self._call_on_connect(client)
                await self._handle_inbox()
                if watcher.done():
                    watcher.result()  # raises what a bug in `_watch` raised, and so ends `run`
            except asyncio.CancelledError:
                await self._publish_last_will(client)
                raise
            finally:
                self._client = None
                watcher.cancel()
                self._count_unhandled()

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[AcknowledgingClient]:
        """A client that is connected and has its subscriptions, until the block ends.

        Raises TimeoutError for a broker that does not answer, MqttError for one that refuses.
        """
        client, stack = self._new_client(), AsyncExitStack()
        again: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await stack.enter_async_context(client)
                refused = await self._subscribe(client, self._filters)
            again = asyncio.create_task(self._subscribe_again(client, refused))
            yield client
        finally:
            if again is not None:
                again.cancel()
            try:
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await stack.aclose()
            except (aiomqtt.MqttError, TimeoutError) as error:
                # Raised from here it would replace a cancellation that is on its way.
                logger.debug("%s: no orderly end: %r", self._client_id, error)
            _take_note_of_end(client)

    async def _subscribe(self, client: AcknowledgingClient, filters: Sequence[str]) -> list[str]:
        """Subscribe filters; returns those that the broker refuses. They are logged, the others are heard."""
        if not filters:
            return []
        codes = await client.subscribe([(each, SubscribeOptions(qos=1)) for each in filters])
        refused = [
            (each, code)
            for each, code in zip(filters, codes, strict=True)
            if isinstance(code, ReasonCode) and code.value >= FAILURE_CODE_MIN
        ]
        for each, code in refused:
            logger.warning(
                "%s: broker %s refuses to send us %s: %s (0x%02x); asked again later",
                self._client_id,
                self._address,
                each,
                code,
                code.value,
            )
        return [each for each, _ in refused]

    async def _subscribe_again(self, client: AcknowledgingClient, refused: list[str]) -> None:
        """Ask again for what the broker has refused, after 1, 2, 4, … minutes, until it is granted."""
        attempt = 0
        while refused:
            await asyncio.sleep(ask_again_ms(attempt) / SECOND_MS)
            attempt += 1
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    refused = await self._subscribe(client, refused)
            except (aiomqtt.MqttError, TimeoutError) as error:
                logger.debug("%s: subscribe: %r", self._client_id, error)

    async def _probe(self) -> None:
        """Open and close a plain connection first: aiomqtt connects in a thread, which Ctrl-C cannot stop.

        Raises OSError if nobody listens, TimeoutError if nobody answers.
        """
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            _, writer = await asyncio.open_connection(self._address.host, self._address.port, ssl=self._tls)
        writer.close()

    def _new_client(self) -> AcknowledgingClient:
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho leaves it bare
        connect.MaximumPacketSize = PACKET_BYTES_MAX
        will = None
        if self._last_will is not None:
            message = publication(*self._last_will())
            will = aiomqtt.Will(message.topic, message.payload, message.qos, message.retain)
        client = AcknowledgingClient(
            self._address.host,
            self._address.port,
            username=self._address.user,
            password=self._address.password,
            tls_context=self._tls,
            identifier=self._client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=KEEPALIVE_S,
            timeout=math.inf,
            will=will,
            properties=connect,
            arrived=self._arrived,
            # Otherwise each message takes 44 ms: Nagle's algorithm waits for a delayed acknowledgement.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        client.pending_calls_threshold = IN_FLIGHT_MAX
        return client

    async def _call_on_connect(self, client: AcknowledgingClient) -> None:
        """Call `on_connect`. If it fails the peer does not know us: disconnect and connect again.

        Not where the broker refuses a message: it would refuse it at the next connection too.
        """
        if not await self._run_callback("on connect", self._greet()):
            self._disconnect(client, "the first messages failed")
        self._attempted.set()
        if self.connected:
            self._say_connected()

    def _say_connected(self) -> None:
        """Log the connection; also without `--verbose` where its loss was logged."""
        if self._lost_s is None:
            logger.info("%s: connected to broker %s", self._client_id, self._address)
            return
        lost_s, self._lost_s = asyncio.get_running_loop().time() - self._lost_s, None
        logger.warning("%s: broker %s: connected again after %.0f s", self._client_id, self._address, lost_s)

    async def _greet(self) -> None:
        if self._on_connect is not None:
            with suppress(BrokerRefusedError):  # `publish` has logged it
                await self._on_connect()

    def _arrived(self, message: MQTTMessage) -> None:
        """Count and queue an arrival, or drop it; it is acknowledged in either case."""
        self._patience.heard()
        topic, payload = message.topic, message.payload
        assert isinstance(payload, bytes)
        place = admitted(topic, payload, self._inbox.qsize())
        if isinstance(place, Drop):
            self.traffic.dropped[place] += 1
            logger.debug("%s: dropped %d bytes on %s: %s", self._client_id, len(payload), topic, place)
        else:
            self.traffic.received[place.channel] += 1
            self._inbox.put_nowait(Arrival(place, payload, message.retain))

    async def _watch(self, client: AcknowledgingClient) -> None:
        """Say how the connection ended."""
        lost = "connection lost"
        try:
            await client.ended()
        except aiomqtt.MqttError as error:
            logger.debug("%s: %s: %r", self._client_id, error, error.__cause__)
            if isinstance(error.__cause__, aiomqtt.MqttCodeError):
                # For instance "Session taken over": another program has our client id (MQTT 5 §3.14.2.1).
                lost = f"{lost}: {_why_unreachable(error.__cause__)}"
            elif error.__cause__ is not None and not isinstance(error.__cause__, OSError):
                # A broker that sends what is no MQTT, or a bug in `_arrived`: not the network.
                logger.warning("%s: the connection ended: %r", self._client_id, error.__cause__)
        finally:
            self._disconnect(client, lost)

    def _count_unhandled(self) -> None:
        """Count arrivals that no handler will get as failed, so that `Traffic.waiting` comes down to 0."""
        while not self._inbox.empty():
            arrival = self._inbox.get_nowait()
            if arrival is not None:
                self.traffic.failed[arrival.place.channel] += 1

    async def _handle_inbox(self) -> None:
        handled = 0
        while (arrival := await self._inbox.get()) is not None:
            channel = arrival.place.channel
            done = await self._run_callback(channel, self._handle(arrival))
            (self.traffic.handled if done else self.traffic.failed)[channel] += 1
            handled += 1
            if handled % _HANDLED_AT_ONCE == 0:
                # A full inbox never makes `get` wait, and few handlers wait for anything.
                await asyncio.sleep(0)

    async def _run_callback(self, name: str, call: Awaitable[None]) -> bool:
        """Await a callback. False if it raised: the error is logged, and the connection stays."""
        try:
            await call
        except (BrokerRefusedError, NotConnectedError) as error:
            logger.debug("%s: %s: %s", self._client_id, name, error)
        except RelanceError as error:
            logger.warning("%s: %s: %s", self._client_id, name, error)
        except Exception as error:
            self.errors.append(error)
            logger.exception("%s: %s: a bug", self._client_id, name)
        else:
            return True
        return False

    def _disconnect(self, client: AcknowledgingClient, problem: str) -> None:
        """Mark the connection as ended, and end every wait for an acknowledgement on it."""
        if self._client is not client:
            return
        self._client = None
        self._problem = problem
        self._inbox.put_nowait(None)
        self._patience.end()

    async def _publish_last_will(self, client: AcknowledgingClient) -> None:
        """Publish the last will ourselves: a broker discards it at an orderly end (MQTT 5 §3.14.4)."""
        if self._last_will is None or self._client is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await _publish(client, publication(*self._last_will()))
        except (aiomqtt.MqttError, BrokerRefusedError, TimeoutError) as error:
            logger.debug("%s: the last will was not published: %r", self._client_id, error)


async def _publish(client: AcknowledgingClient, message: Publication) -> None:
    await client.send(message, _publish_properties(message.expiry_s))


@lru_cache(maxsize=64)
def _publish_properties(expiry_s: int | None) -> Properties | None:
    """The properties of a publication. Cached: paho only reads them, so that publications may share one."""
    if expiry_s is None:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho leaves it bare
    properties.MessageExpiryInterval = expiry_s
    return properties


def _take_note_of_end(client: aiomqtt.Client) -> None:
    """Look at why a connection ended: where nobody does, asyncio writes about it on standard error."""
    end = client._disconnected  # noqa: SLF001 # aiomqtt itself leaves it unread where the broker goes first
    if end.done() and not end.cancelled():
        end.exception()


def _why_unreachable(error: Exception) -> str:
    """Why there is no connection, as a text for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or 'refused'}"
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, OSError):
        # For a name with several addresses asyncio joins several errors into one long text, without `errno`.
        return os.strerror(error.errno) if error.errno else "no connection"
    if isinstance(error, aiomqtt.MqttCodeError):
        return str(error).partition("] ")[2]  # the text after "[code:N] "
    return str(error) or type(error).__name__
