"""Makes a virtual bench: which meter is on it, and its drivers."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from emulator.population.shipped import profile_named
from emulator.scenario.form_meters import Firmware
from emulator.scenario.model import MeterSpec
from hil.bench_spec import SUMMER_MORNING
from hil.binding import BoundBench
from hil.capabilities import (
    AccountReader,
    Authorities,
    CardReader,
    ClockFault,
    Console,
    CustomerPort,
    Documents,
    Factory,
    JournalReader,
    KioskVisit,
    Load,
    MeterSlot,
    NewMeter,
    Optical,
    Orders,
    PaymentWays,
    Person,
    Power,
    ShortCircuit,
    SupplyRecorder,
    SupplySensor,
    Timebase,
)
from hil.drivers.virtual.documents import VirtualAccount, VirtualDocuments
from hil.drivers.virtual.drivers import (
    VirtualCardReader,
    VirtualClockFault,
    VirtualConsole,
    VirtualCustomerPort,
    VirtualJournal,
    VirtualLoad,
    VirtualPerson,
    VirtualPower,
    VirtualShortCircuit,
    VirtualSlot,
    VirtualSupply,
    VirtualTime,
)
from hil.drivers.virtual.installed import VirtualMeter
from hil.drivers.virtual.optical import VirtualOptical
from hil.drivers.virtual.people import VirtualAuthorities, VirtualKiosk, VirtualOrders, VirtualPaymentWays
from hil.record.model import Attachment, Calibration, Dut
from protocols.instants import DAY_MS, UtcMs, ms_from_iso
from protocols.reasons import Energy
from protocols.units import QUANTA_PER_EUR

METER: Final = "dut"
START_MS: Final = ms_from_iso(SUMMER_MORNING)
BALANCE_EUR: Final = 20
LOAD_W: Final = 200
# For so long a household's own load changes, where a story wants one.
_LIFE_MS: Final = 400 * DAY_MS


@dataclass(frozen=True, slots=True)
class VirtualDut:
    """Which meter is on a virtual bench. `faults`: of legacy-2020 alone."""

    firmware: Firmware = "guarded"
    profile: str = "wallonia-card-2020"
    energy: Energy = Energy.ELECTRICITY
    seed: int = 1
    faults: Sequence[str] = ()
    serial: str = "virtual"


def new_meter(dut: VirtualDut, start_ms: UtcMs = START_MS, balance_eur: int = BALANCE_EUR) -> NewMeter:
    """The meter as it is put onto the bench where a story wants nothing else. Raises InputError."""
    spec = MeterSpec(
        id=METER,
        firmware=dut.firmware,
        profile=profile_named(dut.profile, dut.energy),
        balance_q=balance_eur * QUANTA_PER_EUR,
        load_w=LOAD_W,
        faults=tuple(dut.faults),
        drift_ppm=0,
    )
    return NewMeter(spec, start_ms, UtcMs(start_ms + _LIFE_MS), dut.seed)


def virtual_bench(
    dut: VirtualDut,
    name: str = "virtual",
    described_sha256: str | None = None,
    calibrations: tuple[Calibration, ...] = (),
) -> BoundBench:
    """The bench. Nobody is at it, so nobody is asked. Raises InputError for an unknown profile or fault.

    `described_sha256`: of the bench file, where there is one.
    """
    meter = VirtualMeter(new_meter(dut))
    optical, reader = VirtualOptical(meter), VirtualCardReader(meter)
    told_sha256 = described_sha256 or sha256(repr((dut, name)).encode()).hexdigest()
    faults = f" with {', '.join(dut.faults)}" if dut.faults else ""

    def logs() -> tuple[Attachment, ...]:
        taken = ((log.name, log.take()) for log in (optical.log, reader.log))
        return tuple(Attachment(f"{name}.log", "text/plain", text) for name, text in taken if text)

    return BoundBench(
        name=name,
        sha256=told_sha256,
        calibrations=calibrations,
        dut=Dut(METER, dut.serial, dut.firmware + faults, dut.profile, dut.energy),
        drivers={
            Timebase: VirtualTime(meter),
            Power: VirtualPower(meter),
            SupplySensor: VirtualSupply(meter),
            SupplyRecorder: meter,
            Console: VirtualConsole(meter),
            Optical: optical,
            CustomerPort: VirtualCustomerPort(meter),
            MeterSlot: VirtualSlot(meter),
            CardReader: reader,
            ClockFault: VirtualClockFault(meter),
            Person: VirtualPerson(meter),
            Load: VirtualLoad(meter),
            ShortCircuit: VirtualShortCircuit(meter),
            Orders: VirtualOrders(meter),
            Authorities: VirtualAuthorities(meter),
            PaymentWays: VirtualPaymentWays(meter),
            KioskVisit: VirtualKiosk(meter),
            Documents: VirtualDocuments(meter),
            AccountReader: VirtualAccount(meter),
            JournalReader: VirtualJournal(meter),
            Factory: meter,
        },
        logs=logs,
    )
