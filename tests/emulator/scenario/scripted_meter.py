"""A meter that acts at the ticks that a test chooses, and records its inputs."""

from collections.abc import Callable, Mapping

from emulator.firmware.effects import Effect
from emulator.firmware.events import Document, Event
from emulator.firmware.profile import EmergencyStart, Profile, Reconnect
from emulator.firmware.readout import Glance, Readout, purse_at
from emulator.firmware.recorder import Recorder
from emulator.firmware.service_point import ServicePoint
from emulator.firmware.ticks import NEVER, Tick
from emulator.scenario.delivery import CardDelivery, Delivery
from emulator.scenario.keyring import Keyring
from emulator.scenario.model import EventSpec, ExpectSpec, MeterSpec, Scenario
from emulator.scenario.player import Played, play
from protocols.chain import Entry
from protocols.instants import UtcMs, ms_from_iso
from protocols.link.records import OrderJudged
from protocols.reasons import ClockStatus, Energy, NoOrder, OrderVerdict, Refusal

START_MS = ms_from_iso("2020-07-02T20:00:00Z")
HOUR_MS = 3_600_000

# What a meter does at a tick, to its own service point.
Act = Callable[[ServicePoint, int], None]

PROFILE = Profile(
    name="plain",
    energy=Energy.ELECTRICITY,
    zone="Europe/Brussels",
    keypad=True,
    emergency_credit_q=0,
    emergency_start=EmergencyStart.BUTTON,
    reconnect=Reconnect.CLOSE,
    warning_s=0,
    spread_max_s=0,
    limiter_w=0,
    leak_test_s=720,
    crystal_ppm=50,
    friendly="",
    low_credit_q=0,
    debt_share_percent=0,
    price_ueur_per_kwh=300_000,
    fixed_ueur_per_day=0,
)


class ScriptedMeter:
    """Acts at ticks, refuses documents. `heard`: its inputs; `looked`: the ticks that it was advanced to."""

    def __init__(self, script: Mapping[int, Act], balance_q: int = 0, load_w: int = 0) -> None:
        self.point = ServicePoint(PROFILE, Recorder(), balance_q, load_w)
        self.heard: list[tuple[int, Event]] = []
        self.looked: list[int] = []
        self._script = dict(sorted(script.items()))

    def handle(self, event: Event, at_tick: Tick) -> tuple[Effect, ...]:
        self._act_until(Tick(at_tick - 1))
        self.heard.append((at_tick, event))
        if isinstance(event, Document):
            record = OrderJudged("", NoOrder.UNREADABLE, "", 0, OrderVerdict.REFUSED, Refusal.UNSUPPORTED)
            self.point.recorder.journal(at_tick, record)
        return self.point.recorder.drain()

    def advance(self, until_tick: Tick) -> tuple[Effect, ...]:
        self._act_until(until_tick)
        self.looked.append(until_tick)
        return self.point.recorder.drain()

    def next_due_tick(self) -> Tick:
        return Tick(min(self._script, default=NEVER))

    @property
    def glance(self) -> Glance:
        code = self.point.recorder.code
        return Glance(self.point.supply, self.point.reason, ClockStatus.TRUSTED, "", code)

    def readout(self, at_tick: Tick) -> Readout:
        now_ms = START_MS + at_tick
        return Readout(
            glance=self.glance,
            text=self.point.recorder.text,
            earliest_ms=UtcMs(now_ms),
            latest_ms=UtcMs(now_ms),
            estimate_ms=UtcMs(now_ms),
            purse=purse_at(self.point.credit, at_tick),
            mains_on=True,
            is_warned=False,
            next_possible_ms=None,
            journal_number=0,
        )

    def entries_after(self, _number: int) -> tuple[Entry, ...]:
        return ()

    def _act_until(self, until_tick: Tick) -> None:
        for at_tick in [at_tick for at_tick in self._script if at_tick <= until_tick]:
            self._script.pop(at_tick)(self.point, at_tick)


def spec(meter: str, drift_ppm: int = 0, load_w: int | None = 0) -> MeterSpec:
    """A meter of a scenario whose firmware the test makes."""
    return MeterSpec(meter, "legacy-2020", PROFILE, 0, load_w, (), drift_ppm)


def scenario(
    *specs: MeterSpec,
    events: tuple[EventSpec, ...] = (),
    expects: tuple[ExpectSpec, ...] = (),
    hours: int = 24,
) -> Scenario:
    """A scenario from 2 July 2020 22:00 in Brussels."""
    return Scenario("s.toml", "scripted", START_MS, START_MS + hours * HOUR_MS, 7, specs, events, expects)


def play_scripted(
    played: Scenario, scripts: Mapping[str, Mapping[int, Act]], trace: str | None = None
) -> tuple[Played, dict[str, ScriptedMeter]]:
    """Play with a scripted meter in place of each meter of the scenario; events are delivered as cards."""
    meters: dict[str, ScriptedMeter] = {}

    def make(
        spec: MeterSpec, _scenario: Scenario, _office: Keyring, load_w: int
    ) -> tuple[ScriptedMeter, Delivery]:
        meter = ScriptedMeter(scripts.get(spec.id, {}), spec.balance_q, load_w)
        meters[spec.id] = meter
        return meter, CardDelivery(meter)

    return play(played, make, trace=trace), meters
