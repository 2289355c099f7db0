"""The card meters of 2020, and what their households do with cards: nothing else reaches these meters.

The card passes of every household are planned from the start. After a cut it queues at its office, presses
the red button, or buys credit in a shop. Pure.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto, unique

from controller.demo import night
from controller.demo.camera import Camera, Change, Fleet
from controller.demo.choices import chance
from controller.demo.offices import Offices
from controller.demo.population import Reactivation, TwinHousehold
from controller.demo.pressing import quiet_from_ms
from emulator.firmware.credit import Emergency
from emulator.firmware.effects import Effect
from emulator.firmware.events import Button, ButtonName, CardPass, Event, SetLoad, UnsignedDate
from emulator.firmware.legacy.meter import LegacyMeter
from emulator.firmware.meter import Meter
from emulator.links.unlinked import UnlinkedMeters
from emulator.population.profile_form import ProfileData
from emulator.world.crystal import Crystal
from emulator.world.household import Household
from protocols.cutting.zones import load_zone, wall_clock
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, UtcMs
from protocols.reasons import Energy, Supply, SupplyReason
from protocols.units import UEUR_PER_EUR

PROFILE = "wallonia-card-2020"
# After a cut for credit a household needs a quarter of an hour to reach the meter and press the button.
_TO_THE_METER_MS = 15 * MINUTE_MS
_RAISE_MS = MINUTE_MS
# Whoever has used up the emergency credit buys so much the next time a shop is open.
_BOUGHT_UEUR = 20 * UEUR_PER_EUR
_SHOP_H = (9, 19)


@unique
class Step(Enum):
    """What a household does of its own accord; everything else is an event at its meter."""

    ARRIVE = auto()
    HOME_WITH_CARD = auto()
    PRESS_BLUE = auto()
    REACTIVATE_LATE = auto()


@dataclass(frozen=True, slots=True)
class WayBack:
    """How a household got supply back by card. `served_ms`: its card was ready; `back_ms`: supply was on."""

    meter: str
    cut_ms: int
    office: str
    arrived_ms: int
    served_ms: int
    back_ms: int


class CardFleet:
    """All card meters and their households, on one agenda."""

    def __init__(
        self,
        homes: Sequence[TwinHousehold],
        profile: ProfileData,
        camera: Camera,
        *,
        seed: int,
        load_every_ms: int,
    ) -> None:
        self.homes = {home.card: home for home in homes}
        self.ways_back: list[WayBack] = []
        self.paid_ueur = 0
        self._seed = seed
        self._load_every_ms = load_every_ms
        self._camera = camera
        self._offices = Offices(len(night.OFFICES))
        self._agenda: list[tuple[UtcMs, int, str, Event | Step]] = []
        self._number = 0
        self._cards: dict[str, int] = {}
        self._cut_ms: dict[str, int] = {}
        self._queued: dict[str, tuple[int, int]] = {}
        self._meters = UnlinkedMeters([self._make(home, profile) for home in homes], self._see)
        for home in homes:
            self._plan(home)

    @property
    def households(self) -> dict[str, Household[Meter]]:
        """The household of each meter, for tests and reports."""
        return self._meters.households

    def next_due_ms(self) -> int | None:
        """The next true instant at which a household or a meter does something."""
        dues = [self._agenda[0][0]] if self._agenda else []
        meters_ms = self._meters.next_due_ms()
        return min([*dues, *([] if meters_ms is None else [meters_ms])], default=None)

    def advance(self, true_ms: UtcMs) -> None:
        """Do everything that is due up to and including a true instant, in order of time."""
        while self._agenda and self._agenda[0][0] <= true_ms:
            at_ms, _, meter, what = heapq.heappop(self._agenda)
            self._meters.advance(UtcMs(at_ms - 1))
            if isinstance(what, Step):
                self._take(what, meter, at_ms)
            else:
                self._meters.apply(meter, what, at_ms)
        self._meters.advance(true_ms)

    # -- the calendar of a household ---------------------------------------------------------------

    def _make(self, home: TwinHousehold, profile: ProfileData) -> Household[Meter]:
        meter = LegacyMeter(
            profile.of(home.energy),
            balance_q=home.balance_q,
            load_w=home.load(night.START_MS),
            set_ms=night.START_MS,
            faults=home.faults,
            seed=chance(self._seed, home.number, "fault", 1_000),
        )
        self._camera.add(Fleet.LEGACY, meter)
        return Household(
            home.card,
            meter,
            Crystal(home.drift_ppm, night.START_MS),
            home.load,
            from_ms=night.START_MS,
            load_every_ms=self._load_every_ms,
        )

    def _plan(self, home: TwinHousehold) -> None:
        meter = home.card
        if home.reactivation is not Reactivation.BEFORE_START:
            suspended = (night.SUSPENDED_FROM_MS, night.SUSPENDED_UNTIL_MS)
            self._put(
                night.START_MS, meter, self._card(meter, suspended, cut=(night.FIRST_CUT, night.FIRST_CUT_MS))
            )
        if home.reactivation is Reactivation.ON_PAPER:
            assert home.reactivated_ms is not None, home
            # The card brings the new date and the cancellation of the old one, in this order.
            ended = (night.SUSPENDED_FROM_MS, night.SUSPENDED_FROM_MS)
            planned = (night.PLANNED_CUT, night.PLANNED_CUT_MS)
            self._put(
                home.reactivated_ms, meter, self._card(meter, ended, cut=planned, cancel=night.FIRST_CUT)
            )
        elif home.extended_ms is not None:
            suspended = (night.SUSPENDED_FROM_MS, night.PLANNED_CUT_MS)
            planned = (night.PLANNED_CUT, night.PLANNED_CUT_MS)
            self._put(home.extended_ms, meter, self._card(meter, suspended, cut=planned))
        if home.reactivation is Reactivation.IN_TIME:
            assert home.reactivated_ms is not None, home
            self._put(home.reactivated_ms, meter, self._reactivation(meter))
        if home.late_ms is not None:
            self._put(home.late_ms, meter, Step.REACTIVATE_LATE)
        if home.clock_set_wrong:
            self._put(night.LIE_MS, meter, UnsignedDate(UtcMs(night.LIE_MS + night.LIE_OFFSET_MS)))
        for top_up in home.top_ups:
            if top_up.at_ms + night.WAY_HOME_MS < night.END_MS:
                self._buy(meter, top_up.at_ms, top_up.id, top_up.amount_ueur)

    def _card(
        self, meter: str, suspended_ms: tuple[int, int], cut: tuple[str, int] | None = None, cancel: str = ""
    ) -> CardPass:
        return CardPass(
            self._next_card(meter),
            suspend_from_ms=UtcMs(suspended_ms[0]),
            suspend_until_ms=UtcMs(suspended_ms[1]),
            programmed_cut="" if cut is None else cut[0],
            programmed_cut_ms=None if cut is None else UtcMs(cut[1]),
            cancel_cut=cancel,
        )

    def _reactivation(self, meter: str) -> CardPass:
        ended = (night.SUSPENDED_FROM_MS, night.SUSPENDED_FROM_MS)
        return self._card(meter, ended, cancel=night.PLANNED_CUT)

    def _buy(self, meter: str, at_ms: int, payment: str, amount_ueur: int) -> None:
        """Credit is paid in a shop, and in the meter half an hour later."""
        self.paid_ueur += amount_ueur
        card = CardPass(self._next_card(meter), payment=payment, top_up_ueur=amount_ueur)
        self._put(at_ms + night.WAY_HOME_MS, meter, card)

    def _next_card(self, meter: str) -> int:
        self._cards[meter] = self._cards.get(meter, 0) + 1
        return self._cards[meter]

    def _put(self, at_ms: int, meter: str, what: Event | Step) -> None:
        self._number += 1
        heapq.heappush(self._agenda, (UtcMs(at_ms), self._number, meter, what))

    # -- what follows from a cut -------------------------------------------------------------------

    def _see(self, household: Household[Meter], effects: tuple[Effect, ...]) -> None:
        for change in self._camera.see(Fleet.LEGACY, household, effects):
            self._react(change)

    def _react(self, change: Change) -> None:
        home = self.homes[change.meter]
        if change.is_opening and change.reason is SupplyReason.PROGRAMMED_CUT:
            self._cut_ms[change.meter] = change.true_ms
            arrival_ms = self._offices.arrival_ms(
                change.true_ms, chance(self._seed, home.number, "arrives", 100)
            )
            self._put(arrival_ms, change.meter, Step.ARRIVE)
        elif change.is_opening and change.reason is SupplyReason.CREDIT:
            self._live_on_credit(home, change.true_ms)
        elif change.after is Supply.ARMED and home.energy is Energy.GAS:
            at_ms = quiet_from_ms(home.load, self._load_every_ms, change.true_ms + _RAISE_MS)
            self._put(at_ms, change.meter, Step.PRESS_BLUE)
        elif change.after is Supply.ON:
            self._note_way_back(change)

    def _live_on_credit(self, home: TwinHousehold, cut_ms: UtcMs) -> None:
        """Press the button; where the emergency credit is used up, buy credit in a shop as well."""
        at_ms = cut_ms + _TO_THE_METER_MS
        if home.energy is Energy.GAS:
            self._put(at_ms, home.card, Button(ButtonName.BLUE))
        else:
            self._put(at_ms, home.card, Button(ButtonName.RED))
            self._put(at_ms + _RAISE_MS, home.card, Button(ButtonName.BREAKER))
        household = self.households[home.card]
        purse = household.meter.readout(household.tick_at(cut_ms)).purse
        if purse.emergency is not Emergency.READY:
            self._buy(home.card, _shop_ms(cut_ms), f"need-{home.number:05d}-{self._number}", _BOUGHT_UEUR)

    def _take(self, step: Step, meter: str, at_ms: UtcMs) -> None:
        home = self.homes[meter]
        if step is Step.ARRIVE:
            served_ms = self._offices.serve(home.office, at_ms)
            self._queued[meter] = (at_ms, served_ms)
            self._put(served_ms + night.WAY_HOME_MS, meter, Step.HOME_WITH_CARD)
        elif step is Step.HOME_WITH_CARD:
            # The office also writes the present date on the card.
            self._meters.apply(meter, CardPass(self._next_card(meter), date_ms=at_ms, restart=True), at_ms)
        elif step is Step.PRESS_BLUE:
            self._meters.apply(meter, SetLoad(0), at_ms)
            self._meters.apply(meter, Button(ButtonName.BLUE), at_ms)
        elif meter not in self._cut_ms:
            self._meters.apply(meter, self._reactivation(meter), at_ms)

    def _note_way_back(self, change: Change) -> None:
        cut_ms = self._cut_ms.get(change.meter)
        queued = self._queued.pop(change.meter, None)
        if cut_ms is None or queued is None:
            return
        office = night.OFFICES[self.homes[change.meter].office]
        self.ways_back.append(WayBack(change.meter, cut_ms, office, *queued, change.true_ms))


def _shop_ms(after_ms: int) -> int:
    """The next time that a shop is open, an hour after or more."""
    zone = load_zone(night.ZONE)
    at_ms = after_ms + HOUR_MS
    while not _SHOP_H[0] <= wall_clock(at_ms, zone).hour < _SHOP_H[1]:
        at_ms += HOUR_MS
        assert at_ms < after_ms + DAY_MS, after_ms
    return at_ms
