"""The guarded fleet of the demo: the households' second meters, on links over MQTT.

A part for the conductor: it advances the links, applies what a household does at its meter, and passes every
effect to the camera.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from controller.demo import night
from controller.demo.camera import Camera, Fleet
from controller.demo.conductor import Conductor
from controller.demo.population import TwinHousehold
from controller.demo.pressing import quiet_from_ms
from emulator.firmware.effects import Effect
from emulator.firmware.events import Button, ButtonName, Event, SetLoad
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.fleet.building import FleetSecrets, identity_of
from emulator.fleet.running import RunningLink
from emulator.links.link import Link
from emulator.links.reporting import ReportingMeter
from emulator.population.profile_form import ProfileData
from emulator.world.crystal import Crystal
from emulator.world.household import Household
from protocols.instants import HOUR_MS, MINUTE_MS
from protocols.link.carriage import BrokerAddress
from protocols.link.keys import link_key
from protocols.reasons import Energy, Supply

PROFILE = "wallonia-smart"
LINKS_MAX = 10
# Each meter asks both time authorities every second day, in one of so many turns. Its register is read every
# six hours.
ASK_EVERY_MS = 48 * HOUR_MS
ASK_TURNS = 48
READ_EVERY_MS = 6 * HOUR_MS
# From the armed valve until somebody has read the screen and closed the taps.
_TO_THE_METER_MS = 10 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the world changes for a meter."""

    load_every_ms: int


class GuardedFleet:
    """The guarded meters and their links; see the head of this module."""

    def __init__(
        self,
        homes: Sequence[TwinHousehold],
        profile: ProfileData,
        secrets: FleetSecrets,
        camera: Camera,
        conductor: Conductor,
        pace: Pace,
    ) -> None:
        self.homes = {home.guarded: home for home in homes}
        self._camera = camera
        self._conductor = conductor
        self._pace = pace
        self._agenda: list[tuple[int, int, str, Event]] = []
        self._number = 0
        self._running: list[RunningLink] = []
        count = min(LINKS_MAX, len(homes))
        self.links = [
            Link(
                f"link-{index + 1}",
                [self._make(home, profile, secrets, f"link-{index + 1}") for home in homes[index::count]],
                key=link_key(secrets.fleet_key, f"link-{index + 1}"),
                births=night.START_MS // 1_000,
                read_every_ms=READ_EVERY_MS,
                ask_every_ms=ASK_EVERY_MS,
                ask_turns=ASK_TURNS,
                observe=self._see,
            )
            for index in range(count)
        ]
        self._link_of = {meter: index for index, link in enumerate(self.links) for meter in link.meters}

    def connect(self, address: BrokerAddress) -> list[RunningLink]:
        """Give each link a connection; the caller runs the carriers."""
        self._running = [RunningLink(link, address, self._conductor) for link in self.links]
        return self._running

    def meter(self, name: str) -> GuardedMeter:
        """A meter by its id."""
        return self.links[self._link_of[name]].meters[name].household.meter

    def running(self, name: str) -> RunningLink:
        """The running link of a meter."""
        return self._running[self._link_of[name]]

    def next_due_ms(self) -> int | None:
        dues = [due_ms for link in self.links if (due_ms := link.next_due_ms()) is not None]
        return min([*dues, *([self._agenda[0][0]] if self._agenda else [])], default=None)

    def bring(self, at_ms: int, meter: str, event: Event) -> None:
        """Plan an event at a meter: a button, or a document that does not come over the network."""
        self._number += 1
        heapq.heappush(self._agenda, (at_ms, self._number, meter, event))

    async def advance(self) -> None:
        now_ms = self._conductor.now_ms()
        while self._agenda and self._agenda[0][0] <= now_ms:
            _, _, meter, event = heapq.heappop(self._agenda)
            await self.running(meter).apply(meter, event)
        for running in self._running:
            due_ms = running.link.next_due_ms()
            if due_ms is not None and due_ms <= now_ms:
                await running.step()

    def _make(
        self, home: TwinHousehold, profile: ProfileData, secrets: FleetSecrets, link: str
    ) -> ReportingMeter:
        meter = GuardedMeter(
            identity_of(home.guarded, secrets.fleet_key),
            profile.of(home.energy),
            secrets.root,
            balance_q=home.balance_q,
            load_w=home.load(night.START_MS),
            commissioned_ms=night.START_MS,
            issuers=secrets.issuers,
        )
        self._camera.add(Fleet.GUARDED, meter)
        household = Household(
            home.guarded,
            meter,
            Crystal(home.drift_ppm, night.START_MS),
            home.load,
            from_ms=night.START_MS,
            load_every_ms=self._pace.load_every_ms,
        )
        return ReportingMeter(household, link, None, night.START_MS)

    def _see(self, household: Household[GuardedMeter], effects: tuple[Effect, ...]) -> None:
        for change in self._camera.see(Fleet.GUARDED, household, effects):
            home = self.homes[change.meter]
            if change.after is Supply.ARMED and home.energy is Energy.GAS:
                at_ms = quiet_from_ms(home.load, self._pace.load_every_ms, change.true_ms + _TO_THE_METER_MS)
                self.bring(at_ms, change.meter, SetLoad(0))
                self.bring(at_ms, change.meter, Button(ButtonName.BLUE))
