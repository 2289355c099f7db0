"""What every face reads of a meter: values that were taken at one tick."""

from dataclasses import dataclass

from emulator.faces.demand import Demand
from emulator.firmware.profile import Profile
from emulator.firmware.readout import Readout


@dataclass(frozen=True, slots=True)
class FaceView:
    """A meter as its faces show it. `demand` is by its own clock."""

    name: str
    profile: Profile
    readout: Readout
    demand: Demand
