"""A model of a broker and of the network around it, and the connection to it in place of a carrier.

What it keeps of MQTT 5: QoS 1 with its acknowledgement, retained messages, expiry, last wills, a clean
start at each connect, and the order of messages within one topic, and only there. What can go wrong: a
connection breaks before or after a message has reached the broker; a message is delivered twice, late, or,
after its acknowledgement, never; a client cannot be reached for a while; the broker is killed, and forgets.
"""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Final, cast

from protocols.errors import RelanceError
from protocols.link.carriage import (
    ANSWER_TIMEOUT_S,
    IN_FLIGHT_MAX,
    KEEPALIVE_S,
    Arrival,
    BrokerAddress,
    BrokerRefusedError,
    Drop,
    NotConnectedError,
    Publication,
    Traffic,
    admitted,
    backoff_ms,
    publication,
)
from protocols.link.topics import Channel, Place, place_of
from protocols.rim.carrier import Carrier, Handle, LastWill, OnConnect
from tests.simulation.truth import Lots, Trace, Truth

ADDRESS: Final = BrokerAddress("simulation")
# MQTT 5 §3.1.2.10: a client that is silent for one and a half times its Keep Alive counts as gone.
_SILENT_S: Final = 1.5 * KEEPALIVE_S
_RANDOM_PART: Final = r"-[0-9a-f]{12}$"
# MQTT 5 §3.4.2.1.
_NOT_AUTHORIZED: Final = 0x87
_LATENCY_MS: Final = (2, 40)


@dataclass(slots=True)
class Weather:
    """What the network does to messages, each in a thousand. `slow_ms`: more latency, by client.

    `denied`: the meters whose topic of orders the broker's access list denies.
    """

    broken: int = 0
    twice: int = 0
    lost: int = 0
    slow_ms: dict[str, int] = field(default_factory=dict)
    unreachable: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)

    @property
    def is_fair(self) -> bool:
        """Whether every message arrives, and soon, but for those that one topic denies."""
        troubles = (self.broken, self.twice, self.lost, self.slow_ms, self.unreachable)
        return not any(troubles)


@dataclass(slots=True, eq=False)
class _Session:
    """One connection, as the broker sees it."""

    carrier: "ModelCarrier"
    will: Publication | None
    delivered_s: dict[str, float] = field(default_factory=dict)
    accepted_s: float = 0.0
    open: bool = True


class Broker:
    """One broker. `on` is False while it is killed. `heard`: what it accepted, the newest last."""

    def __init__(
        self, seed: int, trace: Trace, truth: Truth, published: Callable[[bytes, Place], None]
    ) -> None:
        self.on = True
        self.weather = Weather()
        self.heard: deque[Publication] = deque(maxlen=4_000)
        self._lots = Lots(seed, "network")
        self._nonces = Lots(seed, "nonces")
        self._trace = trace
        self._truth = truth
        self._published = published
        self._sessions: dict[str, _Session] = {}
        self._retained: dict[str, tuple[Publication, float]] = {}

    def carry(
        self,
        address: BrokerAddress,
        client_id: str,
        filters: Sequence[str],
        *,
        handle: Handle,
        on_connect: OnConnect | None = None,
        last_will: LastWill | None = None,
    ) -> Carrier:
        """A connection of this broker, with the arguments of a `Carrier`."""
        # A program adds a random part to its name; a schedule names the program, whichever run it is.
        name = re.sub(_RANDOM_PART, "", client_id)
        made = ModelCarrier(self, address, name, filters, handle, on_connect, last_will)
        return cast("Carrier", made)

    def draw_nonce(self) -> str:
        """A nonce of 16 bytes, as a program draws it."""
        return f"{self._nonces.below(1 << 128):032x}"

    def kill(self, *, forgets: bool) -> None:
        """End every connection. Wills are lost with it; `forgets`: retained messages too."""
        self.on = False
        for session in list(self._sessions.values()):
            self._end(session)
        if forgets:
            self._retained.clear()

    def start(self) -> None:
        """Accept clients again."""
        self.on = True

    def reaches(self, client_id: str) -> bool:
        return self.on and client_id not in self.weather.unreachable

    def latency_s(self, client_id: str) -> float:
        """How long one message takes between this client and the broker."""
        return (self._lots.between(*_LATENCY_MS) + self.weather.slow_ms.get(client_id, 0)) / 1_000

    def denies(self, place: Place) -> bool:
        """Whether the access list denies this topic."""
        return place.channel is Channel.ORDERS and place.meter in self.weather.denied

    def breaks(self) -> bool:
        """Whether a connection breaks at this message."""
        return self.weather.broken > 0 and self._lots.below(1_000) < self.weather.broken

    def open(self, carrier: "ModelCarrier", will: Publication | None) -> _Session:
        """Accept a client; one that is there already under its name is thrown out, with its will."""
        before = self._sessions.get(carrier.client_id)
        if before is not None:
            self.close(before, wills=True)
        session = _Session(carrier, will)
        self._sessions[carrier.client_id] = session
        now_s = asyncio.get_running_loop().time()
        for message, until_s in self._retained.values():
            if until_s > now_s and _fits(carrier.filters, message.topic):
                self._deliver(session, message, retained=True)
        return session

    def close(self, session: _Session, *, wills: bool) -> None:
        """A connection is over. An unreachable client is noticed by its silence, and its will comes then."""
        if not session.open:
            return
        self._end(session)
        if wills and session.will is not None and self.on:
            client = session.carrier.client_id
            if client in self.weather.unreachable:
                asyncio.get_running_loop().call_later(_SILENT_S, self._tell_will, client, session.will)
            else:
                self.accept(session.will)

    def accept(self, message: Publication) -> None:
        """A message has reached the broker."""
        self.heard.append(message)
        place = place_of(message.topic)
        if place is not None:
            self._published(message.payload, place)
        self._trace.mix(b"%d %s %s" % (self._truth.now_ms(), message.topic.encode(), _short(message.payload)))
        if message.retain:
            self._keep(message)
        for session in list(self._sessions.values()):
            if _fits(session.carrier.filters, message.topic):
                self._deliver(session, message, retained=False)

    def _tell_will(self, client_id: str, will: Publication) -> None:
        if self.on and client_id not in self._sessions:
            self.accept(will)

    def _keep(self, message: Publication) -> None:
        if not message.payload:
            self._retained.pop(message.topic, None)
            return
        life_s = float("inf") if message.expiry_s is None else message.expiry_s
        self._retained[message.topic] = (message, asyncio.get_running_loop().time() + life_s)

    def _deliver(self, session: _Session, message: Publication, *, retained: bool) -> None:
        if self.weather.lost and self._lots.below(1_000) < self.weather.lost:
            return
        loop = asyncio.get_running_loop()
        times = 2 if self.weather.twice and self._lots.below(1_000) < self.weather.twice else 1
        for _ in range(times):
            soonest_s = loop.time() + self.latency_s(session.carrier.client_id)
            at_s = max(soonest_s, session.delivered_s.get(message.topic, 0.0))
            session.delivered_s[message.topic] = at_s
            if message.expiry_s is None or at_s - loop.time() < message.expiry_s:
                loop.call_at(at_s, self._arrive, session, message, retained)

    def _arrive(self, session: _Session, message: Publication, retained: bool) -> None:
        if session.open and self.reaches(session.carrier.client_id):
            session.carrier.arrived(message, retained=retained)

    def _end(self, session: _Session) -> None:
        session.open = False
        if self._sessions.get(session.carrier.client_id) is session:
            del self._sessions[session.carrier.client_id]
        session.carrier.ended(session)


class ModelCarrier:
    """What the program uses of a `protocols.rim.carrier.Carrier`, over the model of a broker."""

    def __init__(
        self,
        broker: Broker,
        address: BrokerAddress,
        client_id: str,
        filters: Sequence[str],
        handle: Handle,
        on_connect: OnConnect | None,
        last_will: LastWill | None,
    ) -> None:
        self.client_id = client_id
        self.filters = tuple(filters)
        self.traffic = Traffic()
        self.errors: deque[Exception] = deque(maxlen=100)
        self.killed = False
        self._broker = broker
        self._address = address
        self._handle = handle
        self._on_connect = on_connect
        self._last_will = last_will
        self._session: _Session | None = None
        self._inbox: asyncio.Queue[Arrival | None] = asyncio.Queue()
        self._in_flight = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._attempted = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._session is not None

    async def first_attempt(self) -> None:
        """Wait for the outcome of the first attempt to connect. Raises NotConnectedError."""
        await self._attempted.wait()
        if not self.connected:
            raise NotConnectedError(f"broker {self._address}: no answer")

    async def run(self) -> None:
        """Connect, handle arrivals, and connect again, until cancelled."""
        attempt = 0
        while True:
            began_s = asyncio.get_running_loop().time()
            await asyncio.sleep(self._broker.latency_s(self.client_id))
            if self._broker.reaches(self.client_id):
                await self._serve_session()
            self._attempted.set()
            steady = asyncio.get_running_loop().time() - began_s > 2 * ANSWER_TIMEOUT_S
            attempt = 1 if steady else attempt + 1
            await asyncio.sleep(backoff_ms(attempt, self.client_id) / 1_000)

    def kill(self) -> None:
        """The process is gone: nothing leaves it any more, and the broker tells its will."""
        self.killed = True
        if self._session is not None:
            self._broker.close(self._session, wills=True)

    async def publish(
        self, place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
    ) -> None:
        """Publish and wait for the broker's acknowledgement. Raises as `Carrier.publish` does."""
        message = publication(place, payload, expiry_s=expiry_s, retain=retain)
        async with self._in_flight:
            session = self._session
            if session is None or self.killed:
                raise NotConnectedError(f"broker {self._address}: no connection")
            self.traffic.published[place.channel] += 1
            # One connection keeps the order of what is sent over it.
            loop = asyncio.get_running_loop()
            session.accepted_s = max(session.accepted_s, loop.time() + self._broker.latency_s(self.client_id))
            await asyncio.sleep(session.accepted_s - loop.time())
            breaks = self._broker.breaks()
            arrives = not breaks or self._broker.breaks()
            if not breaks and session.open and self._broker.denies(place):
                await asyncio.sleep(self._broker.latency_s(self.client_id))
                raise BrokerRefusedError(message.topic, _NOT_AUTHORIZED, "Not authorized")
            if session.open and self._broker.reaches(self.client_id) and arrives:
                self._broker.accept(message)
            if breaks or not session.open or not self._broker.reaches(self.client_id):
                await self._lose(session)
            await asyncio.sleep(self._broker.latency_s(self.client_id))
            if not session.open:
                await self._lose(session)

    def arrived(self, message: Publication, *, retained: bool) -> None:
        """The broker delivers a message."""
        place = admitted(message.topic, message.payload, self._inbox.qsize())
        if isinstance(place, Drop):
            self.traffic.dropped[place] += 1
            return
        self.traffic.received[place.channel] += 1
        self._inbox.put_nowait(Arrival(place, message.payload, retained))

    def ended(self, session: _Session) -> None:
        """The broker has ended a connection; arrivals before that are still handled."""
        if self._session is session:
            self._session = None
            self._inbox.put_nowait(None)

    async def _lose(self, session: _Session) -> None:
        if session.open:
            await asyncio.sleep(ANSWER_TIMEOUT_S)
            self._broker.close(session, wills=True)
        raise NotConnectedError(f"broker {self._address}: no acknowledgement")

    async def _serve_session(self) -> None:
        self._inbox = asyncio.Queue()
        will = None if self._last_will is None else publication(*self._last_will())
        session = self._session = self._broker.open(self, will)
        try:
            if self._on_connect is not None and not await self._call(self._on_connect()):
                self._broker.close(session, wills=True)
            self._attempted.set()
            while (arrival := await self._inbox.get()) is not None:
                await self._call(self._handle(arrival))
        finally:
            if not self.killed and session.open:
                # An orderly end: a program publishes its last will itself.
                self._broker.close(session, wills=True)
            self._session = None

    async def _call(self, callback: Awaitable[None]) -> bool:
        try:
            await callback
        except BrokerRefusedError:
            return True
        except RelanceError:
            return False
        except Exception as error:  # noqa: BLE001 # kept, and seen by whoever watches
            self.errors.append(error)
            return False
        return True


@lru_cache(maxsize=4_096)
def _fits(filters: tuple[str, ...], topic: str) -> bool:
    """Whether one of the filters matches a topic (MQTT 5 §4.7; only `+` is used here)."""
    levels = topic.split("/")
    for each in filters:
        asked = each.split("/")
        if len(asked) == len(levels) and all(a in ("+", b) for a, b in zip(asked, levels, strict=True)):
            return True
    return False


def _short(payload: bytes) -> bytes:
    return sha256(payload).digest()
