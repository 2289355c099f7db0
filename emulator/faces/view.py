"""What every face reads of a meter: values that were taken at one tick."""

from dataclasses import dataclass
from typing import Final

from emulator.faces.demand import Demand
from emulator.faces.load_profile import LoadProfile
from emulator.firmware.profile import Profile
from emulator.firmware.readout import MJ_PER_WH, Readout
from protocols.instants import UtcMs
from protocols.link.records import ClaimHeard, OrderJudged, Record
from protocols.reasons import ClockStatus, Supply


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """A record of the black box, by its number there; `body`: its bytes, which the next record's hash covers.

    `at_ms`: when it was written, as the meter's clock told it then, which was `clock`.
    """

    number: int
    at_ms: UtcMs
    clock: ClockStatus
    record: Record
    body: bytes


@dataclass(frozen=True, slots=True)
class EnteredDocument:
    """The last document that was brought by the token gateway, and the firmware's verdict on it.

    `at_ms` and `clock` are as of a `LoggedRecord`; `verdict` None: it said nothing of it.
    """

    data: bytes
    at_ms: UtcMs
    clock: ClockStatus
    verdict: OrderJudged | ClaimHeard | None


# The second register of a tariff with two; what is on any other one is day.
NIGHT_REGISTER: Final = "1-0:1.8.2"
# A cubic metre of natural gas has some 10 kWh, and so a cubic decimetre 10 Wh.
WH_PER_DM3: Final = 10
# Disconnect control, class 70: the control state.
_BREAKER_STATES: Final = {Supply.OFF: 0, Supply.ON: 1, Supply.LIMITED: 1, Supply.ARMED: 2}


@dataclass(frozen=True, slots=True)
class FaceView:
    """A meter as its faces show it. `demand` and `load_profile` are by its own clock.

    `log`: what is left of its black box, the latest record last. `entered`: what came by the token gateway.
    `outages`: how often the mains have gone: no session of a face outlives that.
    """

    name: str
    profile: Profile
    readout: Readout
    demand: Demand
    load_profile: LoadProfile
    log: tuple[LoggedRecord, ...] = ()
    entered: EnteredDocument | None = None
    outages: int = 0

    @property
    def day_wh(self) -> int:
        """What the first register of a tariff with two shows."""
        return (self.readout.purse.energy_mj - self._night_mj) // MJ_PER_WH

    @property
    def night_wh(self) -> int:
        """What its second register shows."""
        return self._night_mj // MJ_PER_WH

    @property
    def gas_dm3(self) -> int:
        """What the register of a gas meter shows."""
        return self.readout.purse.energy_wh // WH_PER_DM3

    @property
    def breaker_state(self) -> int:
        """The control state of class 70: 0 off, 1 on, also where it is limited, 2 ready to be closed."""
        return _BREAKER_STATES[self.readout.glance.supply]

    @property
    def _night_mj(self) -> int:
        registers = self.readout.purse.account.registers
        return sum(int(each.energy_mj) for each in registers if each.obis == NIGHT_REGISTER)
