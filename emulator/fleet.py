"""A fleet of emulated meters, built from a seed, and its links over MQTT.

Everything about a meter follows from the seed and its name: energy, drift, balance, load. A guarded
fleet hangs on links; a fleet of 2020's card meters has no remote channel and hangs on nothing.

Whoever comes back from a power cut does not know how long it was dark: a meter that is restored goes on
from its image and is told at once that its ticks were lost (design §4.1), so that its clock is lost until
two witnesses have answered.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final, TypeVar

from emulator.files import LinkMemory
from emulator.firmware.events import Event, TicksLost
from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.legacy.meter import LegacyMeter
from emulator.firmware.meter import Meter
from emulator.firmware.profile import Profile
from emulator.household import Household
from emulator.link import Link
from emulator.reporting import Kept, Outgoing, ReportingMeter
from emulator.scenario.profile_form import ProfileData
from emulator.unlinked import Observer, UnlinkedMeters
from emulator.world.crystal import Crystal
from emulator.world.loads import QUARTER_MS, HouseholdLoad
from protocols.chain import GENESIS, Entry
from protocols.documents.roles import Root
from protocols.instants import SECOND_MS
from protocols.link.carriage import BrokerAddress, NotConnectedError
from protocols.link.messages import meter_key
from protocols.link.topics import Channel, Place, link_filters
from protocols.reasons import Energy
from protocols.rim.carrier import Carrier
from protocols.timekeeping import Timekeeper
from protocols.units import QUANTA_PER_EUR

# One meter in so many measures gas: about as in 2012, with 20,000 of 77,000 active ones (domain.md §1.1.5).
_GAS_ONE_IN: Final = 5
# How far of its bound a crystal may be off: the bound has to hold in the cold as well.
_DRIFT_OF_BOUND_PERCENT: Final = 80
_BALANCE_CENT_MAX: Final = 60_00

M = TypeVar("M", bound=Meter)


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What a fleet is made of. `load_every_ms`: how often a household's load may change."""

    meters: int
    links: int
    seed: int
    profile: ProfileData
    load_every_ms: int = QUARTER_MS

    def ids(self) -> list[str]:
        return [f"m{number:05d}" for number in range(1, self.meters + 1)]

    def links_of(self) -> dict[str, list[str]]:
        """The meters of each link, dealt out in turn."""
        ids = self.ids()
        return {f"link-{number + 1}": ids[number :: self.links] for number in range(self.links)}


@dataclass(frozen=True, slots=True)
class HouseholdPlan:
    """What the seed says of one meter. `balance_q` is its first credit."""

    id: str
    profile: Profile
    drift_ppm: int
    balance_q: int
    load: HouseholdLoad


def household_plan(plan: FleetPlan, meter: str) -> HouseholdPlan:
    """The plan of one meter; adding a meter changes no other."""
    digest = blake2b(f"{plan.seed}/{meter}".encode(), digest_size=12, person=b"fleet").digest()
    chances = [int.from_bytes(digest[at : at + 4], "big") for at in (0, 4, 8)]
    profile = plan.profile.of(Energy.GAS if chances[0] % _GAS_ONE_IN == 0 else Energy.ELECTRICITY)
    drift_max = profile.crystal_ppm * _DRIFT_OF_BOUND_PERCENT // 100
    return HouseholdPlan(
        meter,
        profile,
        chances[1] % (2 * drift_max + 1) - drift_max,
        (chances[2] % _BALANCE_CENT_MAX + 1) * QUANTA_PER_EUR // 100,
        HouseholdLoad(plan.seed, meter, profile.zone),
    )


# ------------------------------------------------------------------------------------------ building


@dataclass(frozen=True, slots=True)
class Secrets:
    """What meters are given at manufacture: whom to trust, and the key that each one's own comes from."""

    root: Root
    fleet_key: bytes


def build_links(plan: FleetPlan, secrets: Secrets, now_ms: int, folder: Path | None) -> list[Link]:
    """The links of a guarded fleet, new or as `folder` keeps them. Raises InputError for a wrong folder.

    Numbers of births and reports begin with the instant, so that a fleet made anew under the same names
    is not taken for an old one.
    """
    return [
        _build_link(plan, secrets, now_ms, link, meters, folder) for link, meters in plan.links_of().items()
    ]


def build_unlinked(plan: FleetPlan, now_ms: int, observe: Observer) -> UnlinkedMeters:
    """A fleet of card meters of 2020, their clocks right at `now_ms`."""
    households: list[Household[Meter]] = []
    for name in plan.ids():
        made = household_plan(plan, name)
        meter = LegacyMeter(
            made.profile, balance_q=made.balance_q, load_w=made.load.load_w(now_ms), set_ms=now_ms
        )
        households.append(_household(plan, made, meter, now_ms))
    return UnlinkedMeters(households, observe)


def _build_link(
    plan: FleetPlan, secrets: Secrets, now_ms: int, link: str, meters: Sequence[str], folder: Path | None
) -> Link:
    memory = None if folder is None else LinkMemory(folder, link, meters)
    if memory is not None and memory.exists:
        return _restore_link(plan, secrets, now_ms, link, meters, memory)
    made = [_commission(plan, secrets, now_ms, link, name, memory) for name in meters]
    births = now_ms // SECOND_MS
    if memory is not None:
        images = {each.household.id: each.household.meter.image() for each in made}
        kept = {name: Kept(image, GENESIS, now_ms, now_ms, 0) for name, image in images.items()}
        memory.create(kept, births)
    return Link(link, made, births=births, keep_births=None if memory is None else memory.keep_births)


def _commission(
    plan: FleetPlan, secrets: Secrets, now_ms: int, link: str, name: str, memory: LinkMemory | None
) -> ReportingMeter:
    made = household_plan(plan, name)
    meter = GuardedMeter(
        _identity(name, secrets),
        made.profile,
        secrets.root,
        balance_q=made.balance_q,
        load_w=made.load.load_w(now_ms),
        commissioned_ms=now_ms,
    )
    return ReportingMeter(_household(plan, made, meter, now_ms), link, memory, now_ms)


def _restore_link(
    plan: FleetPlan, secrets: Secrets, now_ms: int, link: str, meters: Sequence[str], memory: LinkMemory
) -> Link:
    memory.open()
    made = [_restore(plan, secrets, now_ms, link, name, memory) for name in meters]
    births = memory.births or now_ms // SECOND_MS
    restored = Link(link, made, births=births, keep_births=memory.keep_births)
    for name in meters:
        restored.apply(name, TicksLost(), now_ms)
    return restored


def _restore(
    plan: FleetPlan, secrets: Secrets, now_ms: int, link: str, name: str, memory: LinkMemory
) -> ReportingMeter:
    made = household_plan(plan, name)
    kept, entries = memory.read(name)
    meter = GuardedMeter.restore(
        _identity(name, secrets),
        made.profile,
        secrets.root,
        None if kept is None else kept.image,
        load_w=made.load.load_w(now_ms),
        head=GENESIS if kept is None else kept.head,
    )
    household = _household(plan, made, meter, now_ms, began_at=meter.memory.tick)
    reporting = ReportingMeter(household, link, memory, now_ms)
    if kept is not None:
        reporting.resume(kept, _unconfirmed(entries, kept.confirmed))
    return reporting


def _household(
    plan: FleetPlan, made: HouseholdPlan, meter: M, now_ms: int, began_at: int = 0
) -> Household[M]:
    return Household(
        made.id,
        meter,
        Crystal(made.drift_ppm, now_ms),
        made.load.load_w,
        from_ms=now_ms,
        began_at=began_at,
        load_every_ms=plan.load_every_ms,
    )


def _identity(name: str, secrets: Secrets) -> Identity:
    return Identity(name, frozenset(), meter_key(secrets.fleet_key, name))


def _unconfirmed(entries: Sequence[Entry], confirmed: int) -> list[Entry]:
    return [entry for entry in entries if entry.number > confirmed]


# ------------------------------------------------------------------------------------------ running


class RunningLink:
    """A link over MQTT: one connection that comes back by itself, and meters that run all the while.

    `step` does what is due and publishes it, for a conductor; `run` does so as its timekeeper's time passes.
    """

    def __init__(self, link: Link, address: BrokerAddress, timekeeper: Timekeeper) -> None:
        self.link = link
        self.carrier = Carrier(
            address,
            f"relance-{link.name}",
            link_filters(link.name),
            handle=self._receive,
            on_connect=self._greet,
            last_will=self._last_will,
        )
        self._timekeeper = timekeeper
        # Messages of one meter must keep their order: whoever makes some publishes them first.
        self._speaking = asyncio.Lock()
        self._disturbed = asyncio.Event()

    async def run(self) -> None:
        """Carry messages, and let meters act when they are due, until cancelled; a bug ends it as well."""
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
        """Keep every meter as it stands now."""
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

    async def _receive(self, place: Place, payload: bytes, retained: bool) -> None:  # noqa: FBT001
        async with self._speaking:
            self._disturbed.set()
            now_ms = self._timekeeper.now_ms()
            await self._publish(self.link.receive(place, payload, now_ms, retained=retained))

    async def _publish(self, said: Sequence[Outgoing]) -> None:
        """What somebody waits for before the events that explain it; the carrier bounds what is on its way.

        Raises NotConnectedError: what is lost is told again.
        """
        # Started in their order, and so put on the wire: nobody waits for the slowest of a portion.
        said = sorted(said, key=_is_explanation)
        sending = (self.carrier.publish(each.place, each.payload, expiry_s=each.expiry_s) for each in said)
        outcomes = await asyncio.gather(*sending, return_exceptions=True)
        for each, failure in zip(said, outcomes, strict=True):
            if failure is not None:
                self.link.disconnected()
                raise failure
            self.link.confirm(each)

    def _last_will(self) -> tuple[Place, bytes]:
        will = self.link.will()
        return will.place, will.payload


def _is_explanation(message: Outgoing) -> bool:
    return message.place.channel is Channel.EVENTS
