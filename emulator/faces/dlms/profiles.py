"""The load profile and the event log of a meter, as profiles of class 7. Pure."""

from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from emulator.faces.demand import QUARTER_MS
from emulator.faces.dlms.dates import SUMMER, status_of, write_instant
from emulator.faces.dlms.model import CosemObject, logical_name
from emulator.faces.dlms.profile_generic import CLOCK_COLUMN, Captured, KeptRows, profile_object
from emulator.faces.dlms.values import Datum, Tag, bounded, octets
from emulator.faces.load_profile import QUARTERS_KEPT, QuarterFlag, QuarterRow
from emulator.faces.view import WH_PER_DM3, FaceView, LoggedRecord
from protocols.cutting.zones import load_zone
from protocols.instants import SECOND_MS, UtcMs
from protocols.limits import JOURNAL_ENTRIES_MAX
from protocols.link.records import (
    ClaimHeard,
    ClockChanged,
    CreditChanged,
    FaultShown,
    GateJudged,
    OrderJudged,
    Record,
    ScreenShown,
    SupplyChanged,
    WarningShown,
)
from protocols.reasons import ClockStatus, Energy

# The bit of a profile status for summer time.
_SUMMER_ROW: Final = 0x08
# Codes from 128 on are a maker's own: these name what kind of record it is.
EVENT_CODES: Final[dict[type[Record], int]] = {
    SupplyChanged: 128,
    ClaimHeard: 129,
    ClockChanged: 130,
    OrderJudged: 131,
    CreditChanged: 132,
    WarningShown: 133,
    ScreenShown: 134,
    GateJudged: 135,
    FaultShown: 136,
}


_STATUS: Final = Captured(1, logical_name("0-0:96.10.1"), 2)
_EVENT: Final = Captured(1, logical_name("0-0:96.11.0"), 2)
_NUMBER: Final = Captured(1, logical_name("0-0:96.11.128"), 2)
_BODY: Final = Captured(1, logical_name("0-0:96.11.129"), 2)


def _flags(flags: QuarterFlag, instant_ms: UtcMs, zone: ZoneInfo) -> Datum:
    """The profile status, with the bit for summer time."""
    is_summer = status_of(ClockStatus.TRUSTED, instant_ms, zone) & SUMMER
    return Datum(Tag.UNSIGNED, flags | (_SUMMER_ROW if is_summer else 0))


def _quarter_cells(divisor_wh: int, row: QuarterRow, zone: ZoneInfo) -> tuple[Datum, ...]:
    is_doubted = QuarterFlag.CLOCK_INVALID in row.flags
    clock = ClockStatus.DISPUTED if is_doubted else ClockStatus.TRUSTED
    return (
        octets(write_instant(row.at_ms, zone, status_of(clock, row.at_ms, zone))),
        _flags(row.flags, row.at_ms, zone),
        bounded(Tag.LONG64_UNSIGNED, row.energy_wh // divisor_wh),
    )


def _quarters(register: str, divisor_wh: int) -> KeptRows[QuarterRow]:
    """`divisor_wh`: how many watt hours are one of the register's unit."""
    columns = (CLOCK_COLUMN, _STATUS, Captured(3, logical_name(register), 2))
    return KeptRows(columns, lambda view: view.load_profile.rows, partial(_quarter_cells, divisor_wh))


def _event_cells(entry: LoggedRecord, zone: ZoneInfo) -> tuple[Datum, ...]:
    return (
        octets(write_instant(entry.at_ms, zone, status_of(entry.clock, entry.at_ms, zone))),
        *_event_values(entry),
    )


def _event_values(entry: LoggedRecord) -> tuple[Datum, Datum, Datum]:
    return (
        Datum(Tag.UNSIGNED, EVENT_CODES[type(entry.record)]),
        bounded(Tag.DOUBLE_LONG_UNSIGNED, entry.number),
        octets(entry.body),
    )


def _last_event(place: int, view: FaceView) -> Datum:
    """Of the last record; before the first one nothing."""
    nothing = (Datum(Tag.UNSIGNED), Datum(Tag.DOUBLE_LONG_UNSIGNED), octets(b""))
    return (_event_values(view.log[-1]) if view.log else nothing)[place]


def _running_status(view: FaceView) -> Datum:
    return _flags(view.load_profile.flags, view.readout.estimate_ms, load_zone(view.profile.zone))


# What the columns name beside clock and register.
PROFILE_DATA: Final = (
    CosemObject(1, 0, _STATUS.name, {2: _running_status}),
    CosemObject(1, 0, _EVENT.name, {2: partial(_last_event, 0)}),
    CosemObject(1, 0, _NUMBER.name, {2: partial(_last_event, 1)}),
    CosemObject(1, 0, _BODY.name, {2: partial(_last_event, 2)}),
)
_LOAD_PROFILES: Final = {
    energy: profile_object(
        logical_name(name),
        _quarters(register, divisor_wh),
        period_s=QUARTER_MS // SECOND_MS,
        rows_max=QUARTERS_KEPT,
    )
    for energy, name, register, divisor_wh in (
        (Energy.ELECTRICITY, "1-0:99.1.0", "1-0:1.8.0", 1),
        (Energy.GAS, "7-0:99.1.0", "7-0:3.0.0", WH_PER_DM3),
    )
}
_EVENT_LOG: Final = profile_object(
    logical_name("0-0:99.98.0"),
    KeptRows((CLOCK_COLUMN, _EVENT, _NUMBER, _BODY), lambda view: view.log, _event_cells),
    period_s=0,
    rows_max=JOURNAL_ENTRIES_MAX,
)


def profiles_of(energy: Energy) -> tuple[CosemObject, ...]:
    """The profiles of a kind of meter, and the data that their columns name."""
    return (*PROFILE_DATA, _LOAD_PROFILES[energy], _EVENT_LOG)
