"""The catalogue of defects (docs/bugs.md): the order in which they act, and by which names they are chosen.

Its order is the line of `defect`: first what befalls the clock, then how a date is converted, then
arithmetic on it, then digits, and last what cuts a time of day off.
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from emulator.firmware.legacy.defects.calendar import BackshiftNoDay, DoubleMidnight, LeapSkip
from emulator.firmware.legacy.defects.deadline import (
    DateOnly,
    DaymonthSwap,
    DoyTable,
    ExtensionAsHours,
    InclusiveEnd,
)
from emulator.firmware.legacy.defects.defect import Defect
from emulator.firmware.legacy.defects.hours import DowEncoding, DowOverflow, SlotEdges, StdVsLocal
from emulator.firmware.legacy.defects.local_time import (
    DevSign,
    DevZero,
    DstFlagInverted,
    TzTwice,
    UtcAsLocal,
)
from emulator.firmware.legacy.defects.numbers import BcdHex, TidRollover, Y2038Sentinel, YearBytes
from emulator.firmware.legacy.defects.power import RtcFutureGuard, RtcReset
from emulator.firmware.legacy.defects.sync import ReorderSync, ReplaySync, StaleCardTime
from emulator.firmware.legacy.zone import LegalZone
from protocols.errors import InputError, quoted

_IN_LINE: Final[tuple[type[Defect], ...]] = (
    # What becomes of the clock.
    LeapSkip,
    RtcReset,
    RtcFutureGuard,
    StaleCardTime,
    ReplaySync,
    ReorderSync,
    # From UTC to local time.
    Y2038Sentinel,
    TzTwice,
    DstFlagInverted,
    DevZero,
    DevSign,
    UtcAsLocal,
    # Arithmetic on dates.
    BackshiftNoDay,
    DoubleMidnight,
    DoyTable,
    ExtensionAsHours,
    InclusiveEnd,
    # Digits and bytes.
    DaymonthSwap,
    BcdHex,
    YearBytes,
    TidRollover,
    # Weekdays, hours and times of day.
    DowOverflow,
    DowEncoding,
    StdVsLocal,
    SlotEdges,
    DateOnly,
)

# By name, in the order in which they act.
CATALOGUE: Final = MappingProxyType({kind.name: kind for kind in _IN_LINE})


def defects_named(names: Iterable[str], zone: LegalZone, seed: int, where: str = "faults") -> list[Defect]:
    """The defects of these names, in line; a name said twice is one defect.

    Raises InputError for a name that is not in the catalogue, with all that are.
    """
    wanted = set(names)
    for name in sorted(wanted - CATALOGUE.keys()):
        raise InputError(f"{where}: {quoted(name)}; allowed: {', '.join(sorted(CATALOGUE))}")
    return [kind(zone, seed) for name, kind in CATALOGUE.items() if name in wanted]
