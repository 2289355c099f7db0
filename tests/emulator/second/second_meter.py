"""A second guarded meter, written from the design alone: a loop that looks at everything every second.

It shares no line with the firmware. What both are given is the same (scenario, profile, world, player), and
what both answer must be the same: each change of the supply, with its second and its reason. Where the two
differ, one of them is wrong, or a word of the design is open. Signatures, rooms, numbers and the spread of
a window are left to other tests: every document here is well signed, and the profiles have no spread.
"""

from typing import Final, cast

from emulator.firmware.effects import Effect, RecordEmitted
from emulator.firmware.events import (
    Button,
    ButtonName,
    Event,
    MainsOff,
    MainsOn,
    Overcurrent,
    SetLoad,
    TicksLost,
)
from emulator.firmware.profile import EmergencyStart
from emulator.firmware.readout import Glance, Readout
from emulator.firmware.ticks import NEVER, STEP_MS, Tick
from emulator.scenario.model import MeterSpec, Scenario
from protocols.chain import Entry
from protocols.instants import HOUR_MS, SECOND_MS
from protocols.link.records import SupplyChanged
from protocols.reasons import ClockStatus, Energy, ScreenCode, Supply, SupplyReason
from tests.emulator.second.second_clock import NEVER_MS, SecondClock
from tests.emulator.second.second_memory import Opened, SecondMemory
from tests.emulator.second.second_purse import SecondPurse

CREDIT: Final = "credit"
# More than this flows through an open tap (decision record 0006).
_LEAK_W: Final = 130
_TAKEN: Final = (Supply.OFF, Supply.LIMITED)


class SecondMeter:
    """One meter. `cut_for`: the cause for which it is off or limited; `trip`: the safety reason on top."""

    def __init__(self, spec: MeterSpec, scenario: Scenario, load_w: int) -> None:
        assert spec.profile.spread_max_s == 0, "the share of a window's spread is the firmware's own"
        self.profile = spec.profile
        self.clock = SecondClock(scenario.start_ms, spec.profile.crystal_ppm)
        self.purse = SecondPurse(spec.profile, spec.balance_q, spec.mode)
        self.memory = SecondMemory()
        self.tick = 0
        self.load_w = load_w
        self.mains_on = True
        self.supply, self.reason = Supply.ON, SupplyReason.NONE
        self.cut_for: str | None = None
        self.cut_reason = SupplyReason.NONE
        self.opened: Opened | None = None
        self.trip: SupplyReason | None = None
        self.test_ends_at: int | None = None
        self.warned: dict[str, int] = {}
        # The release: its end in ticks, or, since ticks were lost, what was left of it and its end as a date.
        self.release_ends_at = 0
        self.release_left = 0
        self.release_until_ms: int | None = None
        self._stepped = -STEP_MS
        self._said: list[Effect] = []

    # -- what a caller of a meter asks ------------------------------------------------------------------

    def advance(self, until_tick: Tick) -> tuple[Effect, ...]:
        self.run(until_tick + 1)
        self._charge(until_tick)
        return self.said()

    def handle(self, event: Event, at_tick: Tick) -> tuple[Effect, ...]:
        self.arrive(at_tick)
        match event:
            case SetLoad(load_w):
                self.load_w = load_w
            case MainsOn() | MainsOff():
                self.mains_on = isinstance(event, MainsOn)
                self.warned = {}
                self.test_ends_at = self.test_ends_at if self.mains_on else None
            case TicksLost():
                self.lose_ticks()
            case Overcurrent():
                self._trip(SupplyReason.SAFETY)
            case Button(name):
                self._press(name)
            case _:
                raise AssertionError(event)
        return self.said()

    def next_due_tick(self) -> Tick:
        return NEVER

    @property
    def glance(self) -> Glance:
        return Glance(self.supply, self.reason, self.clock.status, "", ScreenCode.NONE)

    def readout(self, at_tick: Tick) -> Readout:
        del at_tick
        return cast("Readout", self)  # the player asks it for the glance alone

    def entries_after(self, _number: int) -> tuple[Entry, ...]:
        return ()

    def arrive(self, at_tick: int) -> None:
        """All that is due before an input at this tick."""
        self.run(at_tick)
        self._charge(at_tick)

    def said(self) -> tuple[Effect, ...]:
        said, self._said = tuple(self._said), []
        return said

    def run(self, before_tick: int) -> None:
        while self._stepped + STEP_MS < before_tick:
            self._stepped += STEP_MS
            self._charge(self._stepped)
            self._step()

    # -- one second -------------------------------------------------------------------------------------

    def _step(self) -> None:
        low_ms, high_ms = self.interval_ms()
        for name in [name for name, order in self.memory.orders.items() if order.until_ms <= low_ms]:
            del self.memory.orders[name]
        self.purse.look(self.clock.estimate_ms(self.tick))
        if self.clock.status is ClockStatus.TRUSTED and self.purse.look_at_modes(low_ms):
            self.restore_credit(SupplyReason.CREDIT)
        self.purse.close_where_empty()
        if self.profile.emergency_start is EmergencyStart.AUTOMATIC:
            self.start_emergency_credit()
        if not self.mains_on:
            self.warned = {}
            return
        self._test_for_leaks()
        causes = self._causes()
        self.warned = {name: self.warned.get(name, self.tick) for name in causes}
        for cause in causes:
            if self._may_open(cause, low_ms, high_ms):
                self._open(cause, low_ms, high_ms)
                return

    def _charge(self, tick: int) -> None:
        drawn_w = {Supply.ON: self.load_w, Supply.LIMITED: min(self.load_w, self.profile.limiter_w)}
        self.purse.charge(drawn_w.get(self.supply, 0) if self.mains_on else 0, tick - self.tick)
        self.tick = tick

    def interval_ms(self) -> tuple[int, int]:
        return self.clock.earliest_ms(self.tick), self.clock.latest_ms(self.tick)

    def _causes(self) -> list[str]:
        if self.supply is not Supply.ON:
            return []
        return [*([] if self.purse.has_something() else [CREDIT]), *sorted(self.memory.orders)]

    def _may_open(self, cause: str, low_ms: int, high_ms: int) -> bool:
        """Rules 2 to 6 of the gate."""
        if self.clock.status is not ClockStatus.TRUSTED:
            return False
        if self.memory.forbidden(low_ms, high_ms) or self._released(low_ms):
            return False
        if self.memory.window_start_ms(low_ms, high_ms) is None:
            return False
        order = self.memory.orders.get(cause)
        if order is not None and not (order.from_ms <= low_ms and high_ms < order.until_ms):
            return False
        return self.tick >= self.warned[cause] + self.profile.warning_s * SECOND_MS

    def _open(self, cause: str, low_ms: int, high_ms: int) -> None:
        self.memory.orders.pop(cause, None)
        self.cut_for = cause
        self.cut_reason = SupplyReason.CREDIT if cause == CREDIT else SupplyReason.CUT_ORDER
        self.opened = Opened(self.clock.epoch, self.tick, low_ms, high_ms, cause)
        if self.memory.is_protected(high_ms) and self.profile.has_limiter:
            self._set(Supply.LIMITED, SupplyReason.LIMITER)
        else:
            self._set(Supply.OFF, self.cut_reason)

    # -- giving back ------------------------------------------------------------------------------------

    def restore(self, reason: SupplyReason, to: Supply | None = None) -> None:
        """What was cut is given back; beneath a trip only the cut's reason goes."""
        if self.cut_for is None or self.supply not in _TAKEN:
            return
        was = self.supply
        self.cut_for = self.opened = None
        if self.trip is not None:
            return
        given = Supply.ARMED if self.profile.arms else Supply.ON
        self._set(Supply.ON if was is Supply.LIMITED else to or given, reason)

    def restore_credit(self, reason: SupplyReason, to: Supply | None = None) -> None:
        if self.cut_for == CREDIT and self.purse.has_something():
            self.restore(reason, to)

    def release(self, hours: int) -> None:
        self.release_ends_at = max(self.release_ends_at, self.tick + hours * HOUR_MS)
        self.restore(SupplyReason.RELEASE)
        if self.supply is Supply.ARMED and not self.profile.arms:
            self._set(Supply.ON, SupplyReason.RELEASE)

    def judge_again(self) -> None:
        """The last opening, by the holds and cancellations that are known now."""
        if self.opened is None:
            return
        if self.memory.forbidden(self.opened.earliest_ms, self.opened.latest_ms):
            self.restore(SupplyReason.HOLD)
        elif self.opened.cause in self.memory.tombstones:
            self.restore(SupplyReason.CUT_ORDER)

    def begin_dispute(self) -> None:
        """Warnings begin anew; an opening made since two witnesses last agreed is given back."""
        self.warned = {}
        if self.opened is not None and (self.opened.epoch, self.opened.tick) > self.clock.last_agreed():
            self.restore(SupplyReason.CLOCK)

    def start_emergency_credit(self) -> None:
        if self.purse.can_start():
            self.purse.in_use = True
            self.restore_credit(SupplyReason.EMERGENCY_CREDIT)

    def lose_ticks(self) -> None:
        left = self.release_ends_at - self.tick
        if left > 0:
            latest_ms = self.clock.latest_ms(self.tick)
            self.release_ends_at, self.release_left = 0, left
            self.release_until_ms = (
                None if latest_ms >= NEVER_MS else latest_ms + left + self.clock.margin_ms(left)
            )
        self.clock.lose_ticks(self.tick)
        self.warned = {}

    def regain_clock(self) -> None:
        """A release whose end had no date has one from now on."""
        if self.release_left and self.release_until_ms is None:
            latest_ms = self.clock.latest_ms(self.tick)
            self.release_until_ms = latest_ms + self.release_left + self.clock.margin_ms(self.release_left)

    def _released(self, low_ms: int) -> bool:
        over = self.release_until_ms is not None and low_ms >= self.release_until_ms
        return self.tick < self.release_ends_at or (self.release_left > 0 and not over)

    # -- people at the meter, and safety ----------------------------------------------------------------

    def _press(self, name: ButtonName) -> None:
        if self.profile.energy is Energy.GAS:
            if name is ButtonName.BLUE:
                self._press_blue()
        elif name is ButtonName.RED and self.purse.can_start():
            self.purse.in_use = True
            self.restore_credit(SupplyReason.EMERGENCY_CREDIT, Supply.ARMED)
        elif name is ButtonName.BREAKER:
            self._clear(SupplyReason.BUTTON)

    def _press_blue(self) -> None:
        tripped_alone = self.trip is not None and self.cut_for is None
        if not tripped_alone and self.supply is not Supply.ARMED:
            self.start_emergency_credit()
        if self.trip is not None and self.cut_for is not None:
            self._clear(SupplyReason.BUTTON)
        elif self.trip is not None or self.supply is Supply.ARMED:
            if self.supply is not Supply.ARMED:
                self._set(Supply.ARMED, SupplyReason.BUTTON)
            if self.test_ends_at is None and self.mains_on:
                self.test_ends_at = self.tick + self.profile.leak_test_s * SECOND_MS

    def _test_for_leaks(self) -> None:
        if self.test_ends_at is None:
            return
        if self.load_w > _LEAK_W:
            self._trip(SupplyReason.LEAK)
        elif self.tick >= self.test_ends_at:
            self.trip = None
            self._set(Supply.ON, SupplyReason.LEAK_TEST)

    def _trip(self, reason: SupplyReason) -> None:
        """On top of a cut a trip is a second reason, told once; of a supply that is on it leaves nothing."""
        again, self.trip = self.trip is not None and self.supply is Supply.OFF, reason
        if self.supply is not Supply.OFF:
            self.cut_for = self.opened = None
        if not again:
            self._set(Supply.OFF, reason)

    def _clear(self, reason: SupplyReason) -> None:
        if self.trip is not None and self.cut_for is not None:
            self.trip, self.reason = None, self.cut_reason
        elif self.trip is not None or self.supply is Supply.ARMED:
            self.trip = None
            self._set(Supply.ON, reason)

    def _set(self, supply: Supply, reason: SupplyReason) -> None:
        before, self.supply, self.reason = self.supply, supply, reason
        self.warned, self.test_ends_at = {}, None
        self._said.append(RecordEmitted(Tick(self.tick), SupplyChanged(before, supply, reason)))
