"""For Python users: the emulated meters under one name (docs/python.md).

What stands here is what the programs of that page use; whatever else the packages hold is one import away.
"""

from importlib.metadata import version
from typing import Final

from emulator.firmware.effects import RecordEmitted, SetSupply
from emulator.firmware.events import CardPass, UnsignedDate
from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.firmware.legacy.meter import LegacyMeter
from emulator.firmware.ticks import Tick
from emulator.population.shipped import shipped_profiles
from emulator.scenario.commissioning import commission
from emulator.scenario.form import read_scenario
from emulator.scenario.keyring import Keyring
from emulator.scenario.player import play
from emulator.scenario.shipped import library
from protocols.instants import DAY_MS, HOUR_MS, UtcMs, ms_from_iso
from protocols.reasons import Energy
from protocols.units import QUANTA_PER_EUR

__version__: Final = version("relance")

__all__ = [
    "CATALOGUE",
    "DAY_MS",
    "HOUR_MS",
    "QUANTA_PER_EUR",
    "CardPass",
    "Energy",
    "GuardedMeter",
    "Identity",
    "Keyring",
    "LegacyMeter",
    "RecordEmitted",
    "SetSupply",
    "Tick",
    "UnsignedDate",
    "UtcMs",
    "__version__",
    "commission",
    "library",
    "ms_from_iso",
    "play",
    "read_scenario",
    "shipped_profiles",
]
