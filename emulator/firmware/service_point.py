"""The side of the meter that faces the household: load, mains, contactor or valve, leak test, purse.

Shared by both firmwares; what differs between them, when to open and what to believe, is theirs.
Nothing here decides to cut: a firmware decides by its gate and calls `switch`, or a safety cause does.

    on ──▶ off         a firmware's decision, or a safety cause
    on ──▶ limited     the limiter in place of darkness
    off, limited ──▶ on       reconnection where the profile closes by itself
    off ──▶ armed      reconnection where a person must press (always with gas)
    armed ──▶ on       breaker (electricity), or blue and a leak test passed (gas)
    armed ──▶ off      the leak test failed
    off ──▶ off        a trip on top of a cut: `beneath` keeps the reason that was there before

While a safety reason stands the supply stays off, whatever reconnects: that only takes `beneath` away. A
person clears the safety reason at the meter, and gets what is left without it.
"""

from typing import Final

from emulator.firmware.credit import (
    Credit,
    opened,
    settle,
    start_emergency,
)
from emulator.firmware.effects import SetSupply
from emulator.firmware.events import ButtonName
from emulator.firmware.profile import Profile
from emulator.firmware.recorder import Recorder
from emulator.firmware.ticks import NEVER, Tick
from protocols.instants import SECOND_MS
from protocols.link.records import CreditChanged, SupplyChanged
from protocols.reasons import CreditCause, Energy, ScreenCode, Supply, SupplyReason
from protocols.units import ueur_from_quanta

# A flow above this during the leak test is a leak: 13 l/h of natural gas (DSMR 4.0, M-4.5.70) at
# some 10 kWh/m³ is 130 W. An appliance left open counts, and is meant to.
LEAK_FLOW_W_MAX = 130

# Safety's reasons for being off: a person clears them at the meter, by the breaker or, for gas, by blue.
_RESETTABLE: Final = (SupplyReason.SAFETY, SupplyReason.LEAK)

_ON: Final = Supply.ON
_LIMITED: Final = Supply.LIMITED


class ServicePoint:
    """State of one connection. Ticks (`at_tick`) come from the caller; every change settles credit first."""

    __slots__ = (
        "beneath",
        "credit",
        "leak_test_ends_tick",
        "load_w",
        "mains_on",
        "profile",
        "reason",
        "recorder",
        "supply",
    )

    def __init__(self, profile: Profile, recorder: Recorder, balance_q: int, load_w: int) -> None:
        self.profile = profile
        self.recorder = recorder
        purse = Credit(
            balance_q,
            profile.price_ueur_per_kwh,
            profile.fixed_ueur_per_day,
            profile.emergency_credit_q,
            profile.emergency_credit_q,
        )
        self.credit = opened(purse)
        self.load_w = load_w
        self.mains_on = True
        self.supply = Supply.ON
        self.reason = SupplyReason.NONE
        self.beneath: SupplyReason | None = None
        self.leak_test_ends_tick = NEVER
        self._update_flow()

    @classmethod
    def restore(
        cls,
        profile: Profile,
        recorder: Recorder,
        credit: Credit,
        supply: Supply,
        reason: SupplyReason,
        load_w: int,
        *,
        cut_for: SupplyReason | None = None,
        mains_on: bool = True,
    ) -> "ServicePoint":
        """A connection after a power cut: purse and contactor as they were, a leak test forgotten.

        `cut_for`: the reason of the cut that stands, if one does.
        """
        point = cls(profile, recorder, 0, load_w)
        point.credit, point.supply, point.reason, point.mains_on = credit, supply, reason, mains_on
        point.beneath = cut_for if point.is_tripped else None
        point._update_flow()
        return point

    def set_load(self, load_w: int, at_tick: Tick) -> None:
        settle(self.credit, at_tick)
        self.load_w = load_w
        self._update_flow()

    def set_mains(self, *, on: bool, at_tick: Tick) -> None:
        settle(self.credit, at_tick)
        self.mains_on = on
        self._update_flow()
        if not on:
            self.leak_test_ends_tick = NEVER

    def switch(self, to: Supply, reason: SupplyReason, at_tick: Tick) -> None:
        """Drive the contactor or valve; the same state again is no change and no effect."""
        if to is self.supply:
            return
        settle(self.credit, at_tick)
        before, self.supply, self.reason, self.beneath = self.supply, to, reason, None
        self.leak_test_ends_tick = NEVER
        self._update_flow()
        self.recorder.emit(SetSupply(at_tick, before, to, reason))
        self.recorder.journal(at_tick, SupplyChanged(before, to, reason))

    def reconnect(self, reason: SupplyReason, at_tick: Tick) -> None:
        """Give the supply back as the profile says: close, or arm for a person to press.

        Nothing that is not at the meter closes on a fault: of a trip on top of a cut only the trip is left.
        """
        if self.is_tripped:
            self.beneath = None
            return
        if self.supply is Supply.ON or (self.supply is Supply.ARMED and self.profile.arms):
            return
        if self.supply is Supply.LIMITED or not self.profile.arms:
            self.switch(Supply.ON, reason, at_tick)
        else:
            self.switch(Supply.ARMED, reason, at_tick)

    def trip(self, at_tick: Tick) -> None:
        """The over-current element opened: the safety cause, which no gate holds back.

        Where the supply is off already it adds its reason and takes none away.
        """
        if self.supply is not Supply.OFF:
            self.switch(Supply.OFF, SupplyReason.SAFETY, at_tick)
        elif not self.is_tripped:
            self.beneath, self.reason = self.reason, SupplyReason.SAFETY
            self.recorder.emit(SetSupply(at_tick, Supply.OFF, Supply.OFF, SupplyReason.SAFETY))
            self.recorder.journal(at_tick, SupplyChanged(Supply.OFF, Supply.OFF, SupplyReason.SAFETY))

    def begin_emergency(self, at_tick: Tick) -> bool:
        """Start the emergency credit if it can be; True if it did."""
        settle(self.credit, at_tick)
        if not start_emergency(self.credit):
            return False
        self.journal_credit(CreditCause.EMERGENCY_START, at_tick)
        return True

    def press(self, name: ButtonName, at_tick: Tick) -> None:
        """A button as the household knows it (domain.md §1.1): red and breaker, or blue for gas."""
        if self.profile.energy is Energy.GAS:
            if name is ButtonName.BLUE:
                self._press_blue(at_tick)
        elif name is ButtonName.RED:
            self._press_red(at_tick)
        elif name is ButtonName.BREAKER:
            self._raise_breaker(at_tick)

    def step(self, at_tick: Tick) -> None:
        """End a leak test whose time has come, or that found a flow."""
        if self.leak_test_ends_tick == NEVER:
            return
        if self.load_w > LEAK_FLOW_W_MAX:
            self.switch(Supply.OFF, SupplyReason.LEAK, at_tick)
            self.recorder.show(at_tick, "leak: close every appliance, then press blue", ScreenCode.NONE)
        elif at_tick >= self.leak_test_ends_tick:
            self.switch(Supply.ON, SupplyReason.LEAK_TEST, at_tick)
            self.recorder.show(at_tick, "", ScreenCode.NONE)

    def due_tick(self) -> Tick:
        """When `step` next has something to do."""
        if self.leak_test_ends_tick != NEVER and self.load_w > LEAK_FLOW_W_MAX:
            return self.credit.settled_at
        return self.leak_test_ends_tick

    def journal_credit(self, cause: CreditCause, at_tick: Tick) -> None:
        """Settle the credit to `at_tick`, and journal that it has changed."""
        settle(self.credit, at_tick)
        self.recorder.journal(
            at_tick,
            CreditChanged(
                ueur_from_quanta(self.credit.balance_q),
                ueur_from_quanta(self.credit.emergency_left_q),
                cause,
            ),
        )

    def is_supplied(self) -> bool:
        return self.supply is _ON or self.supply is _LIMITED

    @property
    def is_tripped(self) -> bool:
        """Whether a safety reason stands, which a person must clear at the meter."""
        return self.supply is Supply.OFF and self.reason in _RESETTABLE

    def _press_red(self, at_tick: Tick) -> None:
        started = self.begin_emergency(at_tick)
        if self.supply is Supply.OFF and self.reason is SupplyReason.CREDIT and started:
            self.switch(Supply.ARMED, SupplyReason.EMERGENCY_CREDIT, at_tick)
            self.recorder.show(at_tick, "emergency credit: raise the breaker", ScreenCode.NONE)

    def _raise_breaker(self, at_tick: Tick) -> None:
        if self._is_cut_still(at_tick):
            return
        if self.supply is Supply.ARMED or self.is_tripped:
            self.switch(Supply.ON, SupplyReason.BUTTON, at_tick)
            self.recorder.show(at_tick, "", ScreenCode.NONE)

    def _press_blue(self, at_tick: Tick) -> None:
        # Where blue is what the breaker is for electricity, it asks for gas and not for credit.
        as_breaker = self.supply is Supply.ARMED or (self.is_tripped and self.beneath is None)
        started = not as_breaker and self.begin_emergency(at_tick)
        if self.beneath is SupplyReason.CREDIT and started:
            self.beneath = None
        if self._is_cut_still(at_tick):
            return
        if self.supply is Supply.OFF and self.reason is SupplyReason.CREDIT and started:
            self.switch(Supply.ARMED, SupplyReason.EMERGENCY_CREDIT, at_tick)
        elif self.is_tripped:
            self.switch(Supply.ARMED, SupplyReason.BUTTON, at_tick)
        if self.supply is Supply.ARMED and self.leak_test_ends_tick == NEVER and self.mains_on:
            self.leak_test_ends_tick = Tick(at_tick + self.profile.leak_test_s * SECOND_MS)
            self.recorder.show(at_tick, f"leak test: {self.profile.leak_test_s} s", ScreenCode.NONE)

    def _is_cut_still(self, at_tick: Tick) -> bool:
        """Clear a trip that came on top of a cut: the reason that was there before is all that is left."""
        if self.beneath is None:
            return False
        self.reason, self.beneath = self.beneath, None
        self.recorder.show(at_tick, f"supply off: {self.reason}", ScreenCode.NONE)
        return True

    def _update_flow(self) -> None:
        if not self.mains_on:
            self.credit.drawn_w = 0
        elif self.supply is _ON:
            self.credit.drawn_w = self.load_w
        elif self.supply is _LIMITED:
            self.credit.drawn_w = min(self.load_w, self.profile.limiter_w)
        else:
            self.credit.drawn_w = 0
