"""The content of a bench file: checked, typed, defaults filled in. `form` reads it, `wiring` opens it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from emulator.scenario.form_meters import Firmware
from hil.record.model import Calibration

# A Wednesday morning in summer time, some days before the night of 2020: nothing is due.
SUMMER_MORNING: Final = "2020-06-24T08:00:00+02:00"
# A lamp, a relay and a sensor one behind the other.
SETTLE_MS: Final = 500
# What electronic meters take to begin; a slow one is given more by its bench file.
BOOT_MS: Final = 10_000


@unique
class ByConsole(StrEnum):
    """What a bench does by typing at the meter's console, where it has no device of its own for it."""

    MAINS = "mains"
    CLOCK = "clock"
    BUTTONS = "buttons"
    LOAD = "load"
    TIME = "time"
    SUPPLY = "supply"
    JOURNAL = "journal"


@unique
class ModemLine(StrEnum):
    """A control line of a serial adapter that a bench can read."""

    CTS = "cts"
    DSR = "dsr"
    CD = "cd"
    RI = "ri"


@dataclass(frozen=True, slots=True)
class SerialPlace:
    """A serial port: a device, a terminal's path, or a URL as pyserial opens it. `baud`: its speed, 8N1."""

    port: str
    baud: int


@dataclass(frozen=True, slots=True)
class OpticalSpec:
    port: str
    password: str


@dataclass(frozen=True, slots=True)
class RelaySpec:
    """The channel of an LCUS-1 board that switches the mains. `energised_is_on`: how its contact is wired."""

    place: SerialPlace
    mains_channel: int
    energised_is_on: bool


@dataclass(frozen=True, slots=True)
class SupplyLineSpec:
    """A sensor behind the contactor, on a control line of a serial adapter."""

    place: SerialPlace
    line: ModemLine
    high_is_supplied: bool


@dataclass(frozen=True, slots=True)
class CardReaderSpec:
    """A reader of PC/SC by its name, or `virtual:FILE`. Its keys: of a fleet's key file, or of a seed."""

    reader: str
    fleet_key: str
    practice: str


@dataclass(frozen=True, slots=True)
class OrdersSpec:
    """How signed documents come to the meter: through the token gateway of its DLMS port.

    `password`: of client 2. `seed`: of the practice whose root the meter was given.
    """

    place: SerialPlace
    password: str
    seed: int


@dataclass(frozen=True, slots=True)
class VirtualSpec:
    """A meter in this process in place of one on the table. `faults`: of legacy-2020 alone."""

    firmware: Firmware
    profile: str
    energy: str
    seed: int
    faults: Sequence[str]


@dataclass(frozen=True, slots=True)
class BenchSpec:
    """A bench. Either `virtual` is there, or what is wired. `serial`: the meter's, empty where not known.

    `settle_ms`: how much later than the contactor a sensor may show it. `boot_ms`: how long after the mains
    came a meter may take until it answers.
    """

    name: str
    serial: str = ""
    virtual: VirtualSpec | None = None
    console: SerialPlace | None = None
    by_console: frozenset[ByConsole] = frozenset()
    optical: OpticalSpec | None = None
    customer_port: SerialPlace | None = None
    relay: RelaySpec | None = None
    supply_line: SupplyLineSpec | None = None
    card_by_operator: bool = False
    card_reader: CardReaderSpec | None = None
    orders: OrdersSpec | None = None
    instruments: tuple[Calibration, ...] = ()
    settle_ms: int = SETTLE_MS
    boot_ms: int = BOOT_MS
