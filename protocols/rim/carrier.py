"""One connection to a broker that comes back by itself: the only place that knows aiomqtt (design §5).

The one module of this package that touches the machine: links and controller hold the same connection, and
only their shells may import it (docs/decisions/0007-one-carrier.md). What can be decided without a network
is in `protocols.link.carriage`.

Whoever cancels `run` must see it end. Nothing here goes through `asyncio.wait_for`, neither ours nor
aiomqtt's: in Python 3.11 a cancellation that comes together with the awaited answer is lost in it
(bpo-37658). So aiomqtt is told to wait for ever, and every patience is an `asyncio.timeout` of ours.
"""

import asyncio
import logging
import math
import os
import socket
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import lru_cache
from typing import Final, Never

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from protocols.errors import RelanceError, UnreachableError
from protocols.instants import SECOND_MS
from protocols.link.carriage import (
    IN_FLIGHT_MAX,
    KEEPALIVE_S,
    PACKET_BYTES_MAX,
    PATIENCE_S,
    STEADY_MS,
    Arrival,
    BrokerAddress,
    Drop,
    NotConnectedError,
    Publication,
    Traffic,
    admitted,
    backoff_ms,
    publication,
)
from protocols.link.topics import Place

logger = logging.getLogger(__name__)

Handle = Callable[[Arrival], Awaitable[None]]
OnConnect = Callable[[], Awaitable[None]]
LastWill = Callable[[], tuple[Place, bytes]]

_GOODBYE_S: Final = 0.5
_REFUSED: Final = 128


class Carrier:
    """Carries messages while `run` runs; connects again for ever, each time with a clean start.

    `handle` gets arrivals one at a time, in order, after `on_connect` has ended,
    which is called once per connection when the filters are subscribed. `last_will` is asked at every
    connect; its message is also published at an orderly end. Whatever a handler raises is logged; errors
    that are bugs are kept in `errors`, the newest last.
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
        self._client_id = client_id
        self._filters = filters
        self._handle = handle
        self._on_connect = on_connect
        self._last_will = last_will
        self._client: aiomqtt.Client | None = None
        self._settled = asyncio.Event()
        self._trouble = "not yet connected"
        self._in_flight = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._unconfirmed: set[asyncio.Timeout] = set()
        self._inbox: asyncio.Queue[Arrival | None] = asyncio.Queue()

    @property
    def connected(self) -> bool:
        return self._client is not None

    async def first_attempt(self) -> None:
        """Wait for the outcome of `run`'s first attempt. Raises UnreachableError where it failed."""
        await self._settled.wait()
        if not self.connected:
            raise UnreachableError(f"broker {self._address}: {self._trouble}")

    async def publish(
        self, place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
    ) -> None:
        """Publish and wait for the broker's word that it has the message: QoS 1, no proof of delivery.

        None: as `topics.CARRIAGE` has it. Raises NotConnectedError without a broker or its word, and
        DocumentError for a payload that is too long.
        """
        message = publication(place, payload, expiry_s=expiry_s, retain=retain)
        async with self._in_flight:
            client = self._client
            if client is None:
                raise NotConnectedError(f"broker {self._address}: {self._trouble}")
            self.traffic.published[place.channel] += 1
            try:
                async with self._until_gone():
                    await _hand_over(client, message)
            except (aiomqtt.MqttError, TimeoutError) as error:
                self.traffic.published[place.channel] -= 1
                self.traffic.unconfirmed[place.channel] += 1
                # A broker that keeps silent about one message is no better than none.
                self._hang_up(client, _reason(error))
                raise NotConnectedError(f"broker {self._address}: {self._trouble}") from None

    async def run(self) -> Never:
        """Connect, serve, and begin again when the connection ends, until cancelled."""
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            begun_s = loop.time()
            try:
                await self._session()
            except (aiomqtt.MqttError, OSError) as error:
                self._trouble = _reason(error)
            self._settled.set()
            steady = (loop.time() - begun_s) * SECOND_MS >= STEADY_MS
            attempt = 1 if steady else attempt + 1
            if attempt == 1:
                logger.warning(
                    "%s: broker %s: %s; trying again", self._client_id, self._address, self._trouble
                )
            await asyncio.sleep(backoff_ms(attempt, self._client_id) / SECOND_MS)

    async def _session(self) -> None:
        """One connection, from connect to its loss; what has arrived by then is still handled."""
        await self._knock()
        self._inbox = asyncio.Queue()
        async with self._connection() as client:
            self._client = client
            reader = asyncio.create_task(self._read(client))
            try:
                await self._greet(client)
                await self._handle_inbox()
                if reader.done():
                    reader.result()  # a bug in it ends `run`
            except asyncio.CancelledError:
                await self._say_goodbye(client)
                raise
            finally:
                self._client = None
                reader.cancel()
                self._count_unhandled()

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[aiomqtt.Client]:
        """A client that is connected and has its subscriptions, until the block ends.

        Raises TimeoutError for a broker that does not answer, MqttError for one that refuses.
        """
        client, stack = self._new_client(), AsyncExitStack()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await stack.enter_async_context(client)
                await self._subscribe(client)
            yield client
        finally:
            try:
                async with asyncio.timeout(_GOODBYE_S):
                    await stack.aclose()
            except (aiomqtt.MqttError, TimeoutError) as error:
                # Raised further it would take the place of a cancellation.
                logger.debug("%s: no orderly end: %r", self._client_id, error)

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        """Subscribe the filters. Raises MqttError where the broker refuses one."""
        if not self._filters:
            return
        codes = await client.subscribe([(each, SubscribeOptions(qos=1)) for each in self._filters])
        if any(code.value >= _REFUSED for code in codes if not isinstance(code, int)):
            raise aiomqtt.MqttError("the broker refused a subscription")

    async def _knock(self) -> None:
        """Whether anybody listens. aiomqtt connects in a thread, which Ctrl-C could not interrupt."""
        async with asyncio.timeout(PATIENCE_S):
            _, writer = await asyncio.open_connection(self._address.host, self._address.port)
        writer.close()

    def _new_client(self) -> aiomqtt.Client:
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho leaves it bare
        connect.MaximumPacketSize = PACKET_BYTES_MAX
        will = None
        if self._last_will is not None:
            message = publication(*self._last_will())
            will = aiomqtt.Will(message.topic, message.payload, message.qos, message.retain)
        client = aiomqtt.Client(
            self._address.host,
            self._address.port,
            username=self._address.user,
            password=self._address.password,
            identifier=self._client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=KEEPALIVE_S,
            timeout=math.inf,
            will=will,
            properties=connect,
            # 44 ms per message otherwise: Nagle's algorithm waits for a delayed acknowledgement.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        client.pending_calls_threshold = IN_FLIGHT_MAX
        return client

    async def _greet(self, client: aiomqtt.Client) -> None:
        """Call `on_connect`. Where it fails the link is not introduced: hang up and begin again."""
        if self._on_connect is not None and not await self._perform("on connect", self._on_connect()):
            self._hang_up(client, "the greeting failed")
        self._settled.set()
        if self.connected:
            logger.info("%s: connected to broker %s", self._client_id, self._address)

    async def _read(self, client: aiomqtt.Client) -> None:
        """Sort arrivals as they come, so that all are counted; aiomqtt has acknowledged them already."""
        try:
            async for message in client.messages:
                topic, payload = str(message.topic), message.payload
                assert isinstance(payload, bytes)
                place = admitted(topic, payload, self._inbox.qsize())
                if isinstance(place, Drop):
                    self.traffic.dropped[place] += 1
                    logger.debug(
                        "%s: dropped %d bytes on %s: %s", self._client_id, len(payload), topic, place
                    )
                else:
                    self.traffic.received[place.channel] += 1
                    self._inbox.put_nowait(Arrival(place, payload, message.retain))
        except aiomqtt.MqttError as error:
            logger.debug("%s: %s: %r", self._client_id, error, error.__cause__)
        finally:
            self._hang_up(client, "connection lost")

    def _count_unhandled(self) -> None:
        """What came after we hung up is nobody's: so that nobody waits for it."""
        while not self._inbox.empty():
            arrival = self._inbox.get_nowait()
            if arrival is not None:
                self.traffic.failed[arrival.place.channel] += 1

    async def _handle_inbox(self) -> None:
        while (arrival := await self._inbox.get()) is not None:
            channel = arrival.place.channel
            done = await self._perform(channel, self._handle(arrival))
            (self.traffic.handled if done else self.traffic.failed)[channel] += 1

    @asynccontextmanager
    async def _until_gone(self) -> AsyncGenerator[None]:
        """Raises TimeoutError when patience or the connection ends: aiomqtt notices neither by itself."""
        async with asyncio.timeout(PATIENCE_S) as scope:
            self._unconfirmed.add(scope)
            try:
                yield
            finally:
                self._unconfirmed.discard(scope)

    async def _perform(self, name: str, call: Awaitable[None]) -> bool:
        """Whether somebody else's code ended well; if not, its error is said, and the shell goes on."""
        try:
            await call
        except NotConnectedError as error:
            logger.debug("%s: %s: %s", self._client_id, name, error)
        except RelanceError as error:
            logger.warning("%s: %s: %s", self._client_id, name, error)
        except Exception as error:
            self.errors.append(error)
            logger.exception("%s: %s: a bug", self._client_id, name)
        else:
            return True
        return False

    def _hang_up(self, client: aiomqtt.Client, trouble: str) -> None:
        """The connection is over: nobody waits for its acknowledgements any more."""
        if self._client is not client:
            return
        self._client = None
        self._trouble = trouble
        self._inbox.put_nowait(None)
        for until_gone in self._unconfirmed:
            until_gone.reschedule(0)

    async def _say_goodbye(self, client: aiomqtt.Client) -> None:
        """A broker keeps the last will of a client that leaves in order: so publish it ourselves."""
        if self._last_will is None or self._client is None:
            return
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await _hand_over(client, publication(*self._last_will()))
        except (aiomqtt.MqttError, TimeoutError) as error:
            logger.debug("%s: no goodbye: %r", self._client_id, error)


async def _hand_over(client: aiomqtt.Client, message: Publication) -> None:
    await client.publish(
        message.topic, message.payload, message.qos, message.retain, _expiring(message.expiry_s)
    )


@lru_cache(maxsize=64)
def _expiring(expiry_s: int | None) -> Properties | None:
    """The properties of a publication; paho only reads them, so that many may share one."""
    if expiry_s is None:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho leaves it bare
    properties.MessageExpiryInterval = expiry_s
    return properties


def _reason(error: Exception) -> str:
    """Why there is no connection, in words for a person."""
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, OSError):
        # A name with several addresses fails with several errors in one text; none of them is long news.
        return os.strerror(error.errno) if error.errno else "no connection"
    if isinstance(error, aiomqtt.MqttCodeError):
        return str(error).partition("] ")[2]  # without the number in front
    return str(error) or type(error).__name__
