"""Sets up and stops all parts of the demo: controller, two time authorities, links, card meters.

All of them run in this process and on the conductor's time; every message goes through the broker.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from controller.demo import night
from controller.demo.camera import Camera
from controller.demo.card_fleet import PROFILE as CARD_PROFILE
from controller.demo.card_fleet import CardFleet
from controller.demo.conductor import Conductor
from controller.demo.guarded_fleet import PROFILE as GUARDED_PROFILE
from controller.demo.guarded_fleet import GuardedFleet, Pace
from controller.demo.operators import Keys, Operators
from controller.demo.population import TwinHousehold
from controller.demo.post import Post
from controller.demo.script import GuardedActs
from controller.service.serve import Service, ServiceKeys
from controller.service.time_service import TimeAuthority
from emulator.fleet.building import FleetSecrets
from emulator.fleet.running import RunningLink
from emulator.population.shipped import shipped_profiles
from protocols.instants import HOUR_MS, UtcMs
from protocols.link.carriage import Arrival, BrokerAddress
from protocols.link.keys import asks_key
from protocols.link.service_time import machine_of
from protocols.link.topics import CARRIAGE, Channel, controller_filters, time_filters
from protocols.reasons import Source
from protocols.rim.carrier import Carrier
from protocols.timekeeping import Machine, Timekeeper

# Not the name of a controller's own store: a replay overwrites the last replay, and nothing else.
STORE_FILE: Final = "replay.db"
LOAD_EVERY_MS: Final = 2 * HOUR_MS
_HEARD_BY_CONTROLLER: Final = frozenset(
    {Channel.SERVICE_ANSWER, Channel.MARK, *(channel for channel, how in CARRIAGE.items() if how.upward)}
)
_HEARD_BY_AUTHORITY: Final = frozenset({Channel.TIME_ASK, Channel.SERVICE_ASK})


class LyingTime:
    """The head-end's clock: right, except in the night in which it is a day ahead."""

    def __init__(self, clock: Timekeeper) -> None:
        self._clock = clock

    def now_ms(self) -> UtcMs:
        true_ms = self._clock.now_ms()
        lies = night.LIE_MS <= true_ms < night.LIE_ENDS_MS
        return UtcMs(true_ms + night.LIE_OFFSET_MS) if lies else true_ms

    async def sleep_until(self, instant_ms: int) -> None:
        await self._clock.sleep_until(instant_ms)


class SteppedService(Service):
    """The service, with the one thing more that stepped time asks of it."""

    @property
    def writing(self) -> asyncio.Lock:
        """Held by whoever writes."""
        return self._lock


class CardPart:
    """The card meters as a part for the conductor. They have no link, so nothing is awaited."""

    def __init__(self, fleet: CardFleet, clock: Timekeeper) -> None:
        self._fleet = fleet
        self._clock = clock

    def next_due_ms(self) -> int | None:
        return self._fleet.next_due_ms()

    async def advance(self) -> None:
        self._fleet.advance(self._clock.now_ms())


@dataclass(slots=True)
class Stage:
    """All running parts of the demo."""

    homes: Sequence[TwinHousehold]
    camera: Camera
    conductor: Conductor
    post: Post
    card_fleet: CardFleet
    guarded_fleet: GuardedFleet
    acts: GuardedActs
    service: SteppedService
    store: Engine


@asynccontextmanager
async def staged(
    homes: Sequence[TwinHousehold], seed: int, keys: Keys, store: Engine, address: BrokerAddress
) -> AsyncIterator[Stage]:
    """Start all parts, and connect them; the end of the block stops them.

    Raises UnreachableError without a broker.
    """
    post = Post()
    camera = Camera()
    conductor = Conductor(night.START_MS, post.until_quiet)
    profiles = shipped_profiles()
    card_fleet = CardFleet(homes, profiles[CARD_PROFILE], camera, seed=seed, load_every_ms=LOAD_EVERY_MS)
    secrets = FleetSecrets(keys.root, keys.fleet_key, issuers=keys.issuers)
    pace = Pace(LOAD_EVERY_MS)
    guarded = GuardedFleet(homes, profiles[GUARDED_PROFILE], secrets, camera, conductor, pace)
    operators = Operators(store, keys, conductor)
    operators.open_books()
    service, controller = _controller(keys, store, address, conductor)
    authority = _authority(keys, address, conductor)
    acts = GuardedActs(homes, seed, guarded, operators, service, store, conductor, post.stir)
    conductor.add(CardPart(card_fleet, conductor))
    conductor.add(acts.part)
    conductor.add(guarded)
    post.listeners += [(controller, _HEARD_BY_CONTROLLER), (authority, _HEARD_BY_AUTHORITY)]
    post.idle.append(service.drained)
    post.writing = service.writing
    running: list[asyncio.Task[None]] = []
    try:
        running += [asyncio.create_task(each.run()) for each in (controller, authority)]
        for carrier in (controller, authority):
            await carrier.first_attempt()
        assert service.outbox is not None
        post.poke = service.outbox.poke
        running += [asyncio.create_task(service.intake.run()), asyncio.create_task(service.outbox.run())]
        links = guarded.connect(address)
        await _connect(links, running, post)
        await service.clock.ask()
        await post.until_quiet()
        yield Stage(homes, camera, conductor, post, card_fleet, guarded, acts, service, store)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await service.finish()


async def _connect(links: Sequence[RunningLink], running: list[asyncio.Task[None]], post: Post) -> None:
    """Connect one link after the other, so that meters are registered in the same order each time."""
    for link in links:
        post.links.append(link.carrier)
        running.append(asyncio.create_task(link.carrier.run()))
        await link.carrier.first_attempt()
        await post.until_quiet()


def _controller(
    keys: Keys, store: Engine, address: BrokerAddress, clock: Machine
) -> tuple[SteppedService, Carrier]:
    service_keys = ServiceKeys(
        keys.service,
        keys.authority(Source.HEADEND),
        keys.fleet_key,
        keys.root_envelope,
        keys.find_issuer,
    )
    service = SteppedService(store, service_keys, clock)
    # While the post holds the lock `writing`, a batch gathers anyway; lingering would only take time.
    service.intake.linger_s = 0.0
    carrier = Carrier(address, "relance-controller", controller_filters(), handle=service.handle)
    service.attach(carrier)
    # Only this authority has the wrong clock, behind the back of the service's judgement: the rest keeps the
    # right one.
    service.time = TimeAuthority(
        Source.HEADEND,
        keys.authority(Source.HEADEND),
        LyingTime(clock),
        carrier,
        asks=asks_key(keys.fleet_key, Source.HEADEND),
    )
    return service, carrier


def _authority(keys: Keys, address: BrokerAddress, clock: Machine) -> Carrier:
    """The second witness, with its own key and its own connection."""
    held: list[TimeAuthority] = []

    async def handle(arrival: Arrival) -> None:
        await held[0].handle(arrival)

    carrier = Carrier(address, "relance-timeserver", time_filters(), handle=handle)
    signer, asks = keys.authority(Source.TIMESERVER), asks_key(keys.fleet_key, Source.TIMESERVER)
    held.append(
        TimeAuthority(Source.TIMESERVER, signer, clock, carrier, asks=asks, machine=machine_of("elsewhere"))
    )
    return carrier


def store_url(folder: Path) -> str:
    """The URL of the demo's own store, in its folder."""
    return f"sqlite:///{folder / STORE_FILE}"
