"""Clock, class 8: what it shows, and which date a write or a method brings. Pure.

Nobody signs what comes this way. A date is handed to the firmware as an unsigned one; what it makes of it
is its own affair.
"""

from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from emulator.faces.dlms.dates import (
    SummerTime,
    read_instant,
    status_of,
    summer_time,
    write_instant,
    write_wall,
)
from emulator.faces.dlms.deeds import ClockPreset, GivenValue, Outcome, unsigned_date
from emulator.faces.dlms.model import CosemObject, constant, logical_name
from emulator.faces.dlms.values import Datum, Tag, bounded, octets
from emulator.faces.view import FaceView
from protocols.cutting.zones import load_zone, wall_clock
from protocols.instants import MINUTE_MS, SECOND_MS, UtcMs
from protocols.limits import INSTANT_MS_MAX, INSTANT_MS_MIN

_METHODS: Final = 6
_QUARTER_MS: Final = 15 * MINUTE_MS
_SHIFT_S_MAX: Final = 900
_PRESET_ITEMS: Final = 3
_CRYSTAL: Final = 1


def written_time(value: Datum, view: FaceView) -> UtcMs | None:
    """The instant that is written to the attribute `time`; None: none is meant."""
    if value.tag not in (Tag.OCTET_STRING, Tag.DATE_TIME):
        return None
    return read_instant(value.octets, _zone(view))


def time_of_method(method: int, value: Datum, view: FaceView, preset: ClockPreset) -> UtcMs | None:
    """The date that a method brings; None: what it was given has no meaning. Method 5 fills `preset`.

    1 and 2 go to the nearest quarter (which is the measuring period), 3 to the nearest minute, 4 to the
    preset if it may be set now, else to what is shown; 5 names the preset, 6 shifts by seconds.
    """
    shown_ms = view.readout.estimate_ms
    match method:
        case 1 | 2:
            return _within(_nearest(shown_ms, _QUARTER_MS))
        case 3:
            return _within(_nearest(shown_ms, MINUTE_MS))
        case 4:
            is_valid = preset.time_ms is not None and preset.from_ms <= shown_ms <= preset.until_ms
            return preset.time_ms if is_valid else _within(shown_ms)
        case 5:
            return _preset(value, view, preset)
        case 6 if value.tag is Tag.LONG and abs(value.number) <= _SHIFT_S_MAX:
            return _within(shown_ms + value.number * SECOND_MS)
    return None


def _write(given: GivenValue, view: FaceView, _preset: ClockPreset) -> Outcome:
    return unsigned_date(written_time(given.value, view))


def _act(method: int, given: GivenValue, view: FaceView, preset: ClockPreset) -> Outcome:
    return unsigned_date(time_of_method(method, given.value, view, preset))


def _preset(value: Datum, view: FaceView, preset: ClockPreset) -> UtcMs | None:
    if value.tag is not Tag.STRUCTURE or len(value.items) != _PRESET_ITEMS:
        return None
    time_ms, from_ms, until_ms = (written_time(each, view) for each in value.items)
    if time_ms is None or from_ms is None or until_ms is None:
        return None
    preset.time_ms, preset.from_ms, preset.until_ms = time_ms, from_ms, until_ms
    return time_ms


def _nearest(instant_ms: int, step_ms: int) -> int:
    return (instant_ms + step_ms // 2) // step_ms * step_ms


def _within(instant_ms: int) -> UtcMs:
    """A meter that has never known the time shows an instant that no document could name."""
    return UtcMs(max(INSTANT_MS_MIN, min(instant_ms, INSTANT_MS_MAX)))


def _time(view: FaceView) -> Datum:
    shown_ms, zone = view.readout.estimate_ms, _zone(view)
    return octets(write_instant(shown_ms, zone, status_of(view.readout.glance.clock, shown_ms, zone)))


def _status(view: FaceView) -> Datum:
    status = status_of(view.readout.glance.clock, view.readout.estimate_ms, _zone(view))
    return Datum(Tag.UNSIGNED, status)


def _summer(view: FaceView) -> SummerTime:
    return summer_time(view.profile.zone, wall_clock(view.readout.estimate_ms, _zone(view)).year)


def _zone(view: FaceView) -> ZoneInfo:
    return load_zone(view.profile.zone)


CLOCK: Final = CosemObject(
    8,
    0,
    logical_name("0-0:1.0.0"),
    {
        2: _time,
        3: lambda view: bounded(Tag.LONG, _summer(view).normal_min),
        4: _status,
        5: lambda view: octets(write_wall(_summer(view).begin)),
        6: lambda view: octets(write_wall(_summer(view).end)),
        7: lambda view: bounded(Tag.INTEGER, _summer(view).shift_min),
        8: lambda view: Datum(Tag.BOOLEAN, _summer(view).shift_min > 0),
        9: constant(Datum(Tag.ENUM, _CRYSTAL)),
    },
    writes={2: _write},
    methods={method: partial(_act, method) for method in range(1, _METHODS + 1)},
    is_public=True,
)
