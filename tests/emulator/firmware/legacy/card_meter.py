"""A card meter on a table: events at local times of its watch-wearing household, and what it did."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from emulator.firmware.effects import Effect, RecordEmitted, SetSupply
from emulator.firmware.events import CardPass, Event, MainsOff, MainsOn, UnsignedDate
from emulator.firmware.legacy.meter import LegacyMeter
from emulator.firmware.profile import EmergencyStart, Profile, Reconnect
from emulator.firmware.ticks import Tick
from protocols.instants import UtcMs, datetime_from_ms, ms_from_datetime
from protocols.link.records import ClaimHeard, CreditChanged, FaultShown, OrderJudged
from protocols.reasons import Energy, Supply, SupplyReason
from protocols.units import quanta_from_eur

BRUSSELS = ZoneInfo("Europe/Brussels")
FRIENDLY = "weekdays 00:00-08:00; weekdays 16:00-24:00; weekend 00:00-24:00"

WALLONIA = Profile(
    name="wallonia-card-2020",
    energy=Energy.ELECTRICITY,
    zone="Europe/Brussels",
    keypad=False,
    emergency_credit_q=quanta_from_eur("12.00"),
    emergency_start=EmergencyStart.BUTTON,
    reconnect=Reconnect.CLOSE,
    warning_s=3600,
    spread_max_s=3600,
    limiter_w=2300,
    leak_test_s=720,
    crystal_ppm=50,
    friendly=FRIENDLY,
    low_credit_q=0,
    debt_share_percent=0,
    price_ueur_per_kwh=250_000,
    fixed_ueur_per_day=0,
)
AUTOMATIC = replace(WALLONIA, emergency_start=EmergencyStart.AUTOMATIC)
GAS = replace(WALLONIA, energy=Energy.GAS, emergency_credit_q=quanta_from_eur("15.00"))
# 1 kW at 0.25 €/kWh: an hour of it costs 0.25 €.
KETTLE_W = 1_000


def local(text: str) -> UtcMs:
    """The instant of `2020-07-03 23:01` on a Belgian watch; the first of two where it is shown twice."""
    return ms_from_datetime(datetime.fromisoformat(text).replace(tzinfo=BRUSSELS))


def watch(instant_ms: int) -> str:
    """What a Belgian watch shows, to the second, without the seconds where they are 0."""
    text = datetime_from_ms(instant_ms, BRUSSELS).strftime("%Y-%m-%d %H:%M:%S")
    return text.removesuffix(":00")


def seconds_before(text: str, seconds: int) -> str:
    """The local time some seconds before another, of the same kind of time."""
    return (datetime.fromisoformat(text) - timedelta(seconds=seconds)).isoformat(sep=" ")


class CardMeter:
    """A meter whose crystal is perfect: tick 0 is `start`."""

    def __init__(
        self,
        start: str,
        *faults: str,
        balance_eur: str = "20.00",
        load_w: int = 0,
        profile: Profile = WALLONIA,
        seed: int = 0,
    ) -> None:
        self.start_ms = local(start)
        balance_q = quanta_from_eur(balance_eur)
        self.meter = LegacyMeter(
            profile, balance_q=balance_q, load_w=load_w, set_ms=UtcMs(self.start_ms), faults=faults, seed=seed
        )
        self.effects: list[Effect] = []
        self._cards = 0

    def at(self, when: str, event: Event) -> "CardMeter":
        self.effects += self.meter.handle(event, Tick(local(when) - self.start_ms))
        return self

    def until(self, when: str) -> "CardMeter":
        self.effects += self.meter.advance(Tick(local(when) - self.start_ms))
        return self

    def program(self, when: str, cut: str, name: str = "ores") -> "CardMeter":
        return self.at(when, CardPass(self._number(), programmed_cut=name, programmed_cut_ms=local(cut)))

    def cancel(self, when: str, name: str = "ores") -> "CardMeter":
        return self.at(when, CardPass(self._number(), cancel_cut=name))

    def suspend(self, when: str, from_: str, until: str) -> "CardMeter":
        interval_ms = local(from_), local(until)
        card = CardPass(
            self._number(), suspend_from_ms=UtcMs(interval_ms[0]), suspend_until_ms=UtcMs(interval_ms[1])
        )
        return self.at(when, card)

    def top_up(self, when: str, eur: int, payment: str = "p1") -> "CardMeter":
        return self.at(when, CardPass(self._number(), payment=payment, top_up_ueur=eur * 1_000_000))

    def restart(self, when: str) -> "CardMeter":
        return self.at(when, CardPass(self._number(), restart=True))

    def dated_card(self, when: str, date: str) -> "CardMeter":
        return self.at(when, CardPass(self._number(), date_ms=local(date)))

    def set_by_hand(self, when: str, date: str) -> "CardMeter":
        return self.at(when, UnsignedDate(local(date)))

    def mains_dip(self, off: str, on: str) -> "CardMeter":
        return self.at(off, MainsOff()).at(on, MainsOn())

    @property
    def supply(self) -> Supply:
        return self.meter.point.supply

    @property
    def reason(self) -> SupplyReason:
        return self.meter.point.reason

    @property
    def code(self) -> str:
        return self.meter.point.recorder.code

    def shows(self, when: str) -> str:
        """What the meter's clock shows while a watch shows `when`."""
        return watch(self.meter.readout(Tick(local(when) - self.start_ms)).estimate_ms)

    def openings(self) -> list[str]:
        """When it opened, by a watch, and why."""
        return [
            f"{watch(self.start_ms + effect.at_tick)} {effect.reason}"
            for effect in self.effects
            if isinstance(effect, SetSupply) and effect.after is Supply.OFF
        ]

    def switchings(self) -> list[str]:
        """Every change of supply: when, to what, why."""
        return [
            f"{watch(self.start_ms + effect.at_tick)} {effect.after} {effect.reason}"
            for effect in self.effects
            if isinstance(effect, SetSupply)
        ]

    def orders(self) -> Sequence[OrderJudged]:
        return [
            e.record
            for e in self.effects
            if isinstance(e, RecordEmitted) and isinstance(e.record, OrderJudged)
        ]

    def claims(self) -> Sequence[ClaimHeard]:
        return [
            e.record
            for e in self.effects
            if isinstance(e, RecordEmitted) and isinstance(e.record, ClaimHeard)
        ]

    def credit_causes(self) -> list[str]:
        """Why credit changed, each time that it was told."""
        notes = [effect.record for effect in self.effects if isinstance(effect, RecordEmitted)]
        return [record.cause for record in notes if isinstance(record, CreditChanged)]

    def faults(self) -> set[str]:
        """Which defects acted."""
        return {
            e.record.name
            for e in self.effects
            if isinstance(e, RecordEmitted) and isinstance(e.record, FaultShown)
        }

    def _number(self) -> int:
        self._cards += 1
        return self._cards
