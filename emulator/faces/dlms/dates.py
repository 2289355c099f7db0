"""Date and time in 12 bytes, and what a clock says of summer time (IEC 62056-6-2 §4.1.6). Pure.

The deviation is UTC less local time, in minutes: -60 in Brussels in winter, -120 in summer.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from protocols.cutting.zones import instants_of_wall, load_zone, wall_clock
from protocols.instants import MINUTE_MS, UtcMs, datetime_from_ms, ms_from_datetime
from protocols.limits import INSTANT_MS_MAX, INSTANT_MS_MIN
from protocols.reasons import ClockStatus

BYTES: Final = 12
SUMMER: Final = 0x80
_ANY: Final = 0xFF
_HUNDREDTHS_MAX: Final = 99
_NO_DEVIATION: Final = -0x8000
_DEVIATION_MIN, _DEVIATION_MAX = -840, 720
_YEAR_MIN, _YEAR_MAX = 1970, 2200
# Not a single field is specified.
NOT_SPECIFIED: Final = b"\xff" * 9 + b"\x80\x00\xff"
_STATUS: Final = {ClockStatus.TRUSTED: 0, ClockStatus.DISPUTED: 0x02, ClockStatus.LOST: 0x01}


def status_of(clock: ClockStatus, instant_ms: UtcMs, zone: ZoneInfo) -> int:
    """Bits: 0x01 invalid, 0x02 doubtful, 0x80 summer time."""
    return _STATUS[clock] | (SUMMER if _is_summer(instant_ms, zone) else 0)


def write_instant(instant_ms: UtcMs, zone: ZoneInfo, status: int) -> bytes:
    """An instant as clocks on the wall show it."""
    wall = wall_clock(instant_ms, zone)
    return _write(wall, -_offset_min(instant_ms, zone), status)


def read_instant(data: bytes, zone: ZoneInfo) -> UtcMs | None:
    """The instant that is meant; None: it is no date, or one of its fields but the smallest is left open.

    Without a deviation it is of the meter's zone; of an hour that clocks show twice the first is meant.
    """
    instant_ms = read_any_instant(data, zone)
    if instant_ms is None or not INSTANT_MS_MIN <= instant_ms <= INSTANT_MS_MAX:
        return None
    return UtcMs(instant_ms)


def read_any_instant(data: bytes, zone: ZoneInfo) -> int | None:
    """As `read_instant`, from 1970 on: for whoever asks from the beginning of all time."""
    if len(data) != BYTES:
        return None
    year, hundredths = int.from_bytes(data[:2], "big"), data[8]
    month, day, weekday, hour, minute, second = data[2:8]
    try:
        moment = datetime(year, month, day, hour, minute, 0 if second == _ANY else second)  # noqa: DTZ001 # of a wall
    except ValueError:
        return None
    deviation = int.from_bytes(data[9:11], "big", signed=True)
    if weekday not in (_ANY, moment.isoweekday()) or _HUNDREDTHS_MAX < hundredths < _ANY:
        return None
    if deviation != _NO_DEVIATION and not _DEVIATION_MIN <= deviation <= _DEVIATION_MAX:
        return None
    if not _YEAR_MIN <= year <= _YEAR_MAX:
        return None
    if deviation == _NO_DEVIATION:
        second = moment.hour * 3_600 + moment.minute * 60 + moment.second
        whole_ms = instants_of_wall(moment.date(), second, zone)[0]
    else:
        whole_ms = ms_from_datetime(moment.replace(tzinfo=UTC)) + deviation * MINUTE_MS
    return whole_ms + (0 if hundredths == _ANY else hundredths * 10)


class SummerTime(NamedTuple):
    """Of one year: when it begins and ends, on the wall just before. None: not at all.

    `normal_min`: UTC less local time outside of it; `shift_min`: by how much clocks are put forward.
    """

    begin: datetime | None
    end: datetime | None
    normal_min: int
    shift_min: int


@cache
def summer_time(zone_name: str, year: int) -> SummerTime:
    """What a zone does in a year."""
    zone = load_zone(zone_name)
    first = date(year, 1, 1)
    midnights = [instants_of_wall(first + timedelta(days=each), 0, zone)[0] for each in range(367)]
    offsets = [_offset_min(UtcMs(each), zone) for each in midnights]
    normal, summer = min(offsets), max(offsets)
    changes: dict[bool, datetime] = {}
    for at in range(366):
        if offsets[at] != offsets[at + 1]:
            instant_ms = _change_ms(midnights[at], midnights[at + 1], zone)
            before = wall_clock(UtcMs(instant_ms - MINUTE_MS), zone) + timedelta(minutes=1)
            changes.setdefault(offsets[at + 1] > offsets[at], before)
    return SummerTime(changes.get(True), changes.get(False), -normal, summer - normal)


def _change_ms(low_ms: int, high_ms: int, zone: ZoneInfo) -> int:
    """The minute from which clocks have the offset of `high_ms`."""
    old = _offset_min(UtcMs(low_ms), zone)
    low, high = low_ms // MINUTE_MS, high_ms // MINUTE_MS
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_min(UtcMs(middle * MINUTE_MS), zone) == old:
            low = middle
        else:
            high = middle
    return high * MINUTE_MS


def write_wall(wall: datetime | None) -> bytes:
    """What a clock on the wall shows then; None: not specified."""
    return NOT_SPECIFIED if wall is None else _write(wall, _NO_DEVIATION, 0)


def _write(wall: datetime, deviation: int, status: int) -> bytes:
    fields = (wall.month, wall.day, wall.isoweekday(), wall.hour, wall.minute, wall.second)
    return (
        wall.year.to_bytes(2, "big")
        + bytes((*fields, wall.microsecond // 10_000))
        + deviation.to_bytes(2, "big", signed=True)
        + bytes((status,))
    )


def _offset_min(instant_ms: int, zone: ZoneInfo) -> int:
    """Local time less UTC, in minutes."""
    offset = datetime_from_ms(instant_ms, zone).utcoffset()
    assert offset is not None, "it has a zone"
    return offset // timedelta(minutes=1)


def _is_summer(instant_ms: UtcMs, zone: ZoneInfo) -> bool:
    normal_min = summer_time(str(zone.key), wall_clock(instant_ms, zone).year).normal_min
    return -_offset_min(instant_ms, zone) != normal_min
