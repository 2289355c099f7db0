"""What every face reads of a meter: values that were taken at one tick."""

from dataclasses import dataclass

from emulator.faces.demand import Demand
from emulator.faces.load_profile import LoadProfile
from emulator.firmware.profile import Profile
from emulator.firmware.readout import Readout
from protocols.instants import UtcMs
from protocols.link.records import ClaimHeard, OrderJudged, Record
from protocols.reasons import ClockStatus


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
