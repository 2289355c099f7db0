"""Makes a fleet's meters: new ones, or restored from the folder that stores them.

After a power cut nobody knows how long it lasted. So a restored meter goes on from its image and gets the
input `TicksLost` first (design §4.1): its clock is lost until two witnesses have answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_bytes
from typing import TypeVar

from emulator.firmware.events import TicksLost
from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.legacy.meter import LegacyMeter
from emulator.firmware.meter import Meter
from emulator.firmware.ticks import FIRST_TICK, Tick
from emulator.fleet.files import LinkMemory
from emulator.links.asking import ASKED
from emulator.links.link import Link
from emulator.links.reporting import ReportingMeter, StoredMeter
from emulator.links.unlinked import Observer, UnlinkedMeters
from emulator.population.plan import FleetPlan, HouseholdPlan, household_plan
from emulator.world.crystal import Crystal
from emulator.world.household import Household
from protocols.chain import GENESIS
from protocols.documents.issuers import Issuers
from protocols.documents.roles import Root
from protocols.instants import SECOND_MS, UtcMs
from protocols.link.keys import ask_key, asks_key, link_key, meter_key

M = TypeVar("M", bound=Meter)


@dataclass(frozen=True, slots=True)
class FleetSecrets:
    """What meters are given at manufacture: whom to trust, and the key that each one's own comes from.

    `epoch`: the life that a meter or link begins when it is made. `issuers`: who may sign payments; None in
    a home that names none. `fleet_key`: the first generation, from which emulated meters are made;
    `newest`: the last one, empty where there is no other.
    """

    root: Root
    fleet_key: bytes
    epoch: int = 0
    issuers: Issuers | None = None
    newest: bytes = b""

    @property
    def of_links(self) -> bytes:
        """The key from which links' keys derive: they are given at each start."""
        return self.newest or self.fleet_key


def build_links(
    plan: FleetPlan, secrets: FleetSecrets, now_ms: UtcMs, folder: Path | None, *, epoch: int = 0
) -> list[Link]:
    """The links of a guarded fleet, new or as `folder` keeps them. Raises InputError for a wrong folder.

    What is new, or has lost its memory, begins the life `epoch`, which the caller draws by chance: a fleet
    made anew under the same names is not taken for an old one. Numbers of births and reports begin with the
    instant all the same, for a controller that knows no lives.
    """
    return [
        _build_link(plan, replace(secrets, epoch=epoch), now_ms, link, meters, folder)
        for link, meters in plan.links_of().items()
    ]


def build_unlinked(plan: FleetPlan, now_ms: UtcMs, observe: Observer) -> UnlinkedMeters:
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
    plan: FleetPlan,
    secrets: FleetSecrets,
    now_ms: UtcMs,
    link: str,
    meters: Sequence[str],
    folder: Path | None,
) -> Link:
    memory = None if folder is None else LinkMemory(folder, link, meters)
    if memory is not None and memory.exists:
        return _restore_link(plan, secrets, now_ms, link, meters, memory)
    made = [_commission(plan, secrets, now_ms, link, name, memory) for name in meters]
    births = now_ms // SECOND_MS
    if memory is not None:
        images = {each.household.id: each.household.meter.image() for each in made}
        kept = {name: StoredMeter(image, GENESIS, now_ms, now_ms, 0) for name, image in images.items()}
        memory.create(kept, births, secrets.epoch)
    keep_births = None if memory is None else memory.keep_births
    key = link_key(secrets.of_links, link)
    return Link(link, made, key=key, epoch=secrets.epoch, births=births, keep_births=keep_births, draw=_draw)


def _commission(
    plan: FleetPlan, secrets: FleetSecrets, now_ms: UtcMs, link: str, name: str, memory: LinkMemory | None
) -> ReportingMeter:
    made = household_plan(plan, name)
    meter = GuardedMeter(
        identity_of(name, secrets.fleet_key),
        made.profile,
        secrets.root,
        balance_q=made.balance_q,
        load_w=made.load.load_w(now_ms),
        commissioned_ms=now_ms,
        epoch=secrets.epoch,
        issuers=secrets.issuers,
    )
    return ReportingMeter(_household(plan, made, meter, now_ms), link, memory, now_ms)


def _restore_link(
    plan: FleetPlan,
    secrets: FleetSecrets,
    now_ms: UtcMs,
    link: str,
    meters: Sequence[str],
    memory: LinkMemory,
) -> Link:
    memory.open()
    made = [_restore(plan, secrets, now_ms, link, name, memory) for name in meters]
    births = memory.births or now_ms // SECOND_MS
    key = link_key(secrets.of_links, link)
    epoch = memory.live_on(secrets.epoch)
    restored = Link(
        link, made, key=key, epoch=epoch, births=births, keep_births=memory.keep_births, draw=_draw
    )
    for name in meters:
        restored.apply(name, TicksLost(), now_ms)
    return restored


def _restore(
    plan: FleetPlan, secrets: FleetSecrets, now_ms: UtcMs, link: str, name: str, memory: LinkMemory
) -> ReportingMeter:
    made = household_plan(plan, name)
    kept, entries = memory.read(name)
    meter = GuardedMeter.restore(
        identity_of(name, secrets.fleet_key),
        made.profile,
        secrets.root,
        None if kept is None else kept.image,
        load_w=made.load.load_w(now_ms),
        head=GENESIS if kept is None else kept.head,
        epoch=secrets.epoch,
        issuers=secrets.issuers,
    )
    household = _household(plan, made, meter, now_ms, began_tick=meter.tick)
    reporting = ReportingMeter(household, link, memory, now_ms)
    if kept is not None:
        reporting.resume(kept, entries)
    return reporting


def _household(
    plan: FleetPlan, made: HouseholdPlan, meter: M, now_ms: UtcMs, began_tick: Tick = FIRST_TICK
) -> Household[M]:
    return Household(
        made.id,
        meter,
        Crystal(made.drift_ppm, now_ms),
        made.load.load_w,
        from_ms=now_ms,
        began_tick=began_tick,
        load_every_ms=plan.load_every_ms,
    )


def _draw() -> bytes:
    """What a real meter has of its own: chance that nobody else sees."""
    return token_bytes(32)


def identity_of(name: str, fleet_key: bytes) -> Identity:
    """Who a meter is: its name, and all keys that it is given at manufacture."""
    asks = {source: ask_key(asks_key(fleet_key, source), name) for source in ASKED}
    return Identity(name, frozenset(), meter_key(fleet_key, name), asks)
