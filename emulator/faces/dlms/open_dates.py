"""Dates that leave fields open, as calendars and schedules have them (IEC 62056-6-2 §4.1.6). Pure.

Nobody signs what comes this way, and nothing is kept of it. An instant is found all the same, since the black
box names the instant of every date that comes: an open year, month or day is the one that the meter shows, an
open time is 0.
"""

from calendar import monthrange
from datetime import date, datetime
from typing import Final

from emulator.faces.dlms.dates import read_instant, summer_time
from emulator.faces.dlms.values import Datum, Tag
from emulator.faces.view import FaceView
from protocols.cutting.zones import load_zone, wall_clock
from protocols.instants import UtcMs

DATE_BYTES, TIME_BYTES, DATE_TIME_BYTES = 5, 4, 12
_ANY: Final = 0xFF
_ANY_YEAR: Final = b"\xff\xff"
_SUMMER_ENDS, _SUMMER_BEGINS = 0xFD, 0xFE
_LAST, _LAST_BUT_ONE = 0xFE, 0xFD
# No deviation, and a status that is not specified: the meter's zone.
_OF_THE_ZONE: Final = b"\x80\x00\xff"
_MIDNIGHT: Final = bytes(TIME_BYTES)


def meant_by(value: Datum, view: FaceView) -> UtcMs | None:
    """The instant that a date, or a date with its time, means; None: it is neither."""
    data = value.octets
    if value.tag not in (Tag.OCTET_STRING, Tag.DATE_TIME, Tag.DATE):
        return None
    if len(data) == DATE_BYTES:
        return meant_at(data, _MIDNIGHT, _OF_THE_ZONE, view)
    if len(data) == DATE_TIME_BYTES:
        return meant_at(data[:DATE_BYTES], data[DATE_BYTES : DATE_BYTES + TIME_BYTES], data[-3:], view)
    return None


def meant_at(day: bytes, time: bytes, rest: bytes, view: FaceView) -> UtcMs | None:
    """The instant of a date (5 bytes) and a time (4), with deviation and status; None: it is none."""
    if len(day) != DATE_BYTES or len(time) != TIME_BYTES:
        return None
    zone = load_zone(view.profile.zone)
    shown = wall_clock(view.readout.estimate_ms, zone)
    found = _day(day, shown, view)
    if found is None:
        return None
    is_open = found.isoformat() != _explicit(day)
    weekday = _ANY if is_open else day[4]
    whole = (
        found.year.to_bytes(2, "big")
        + bytes((found.month, found.day, weekday))
        + bytes(0 if each == _ANY else each for each in time)
        + rest
    )
    return read_instant(whole, zone)


def _explicit(day: bytes) -> str:
    """A date without open fields, as ISO 8601 has it; of another one a text that is no date."""
    return f"{int.from_bytes(day[:2], 'big'):04}-{day[2]:02}-{day[3]:02}"


def _day(day: bytes, shown: datetime, view: FaceView) -> date | None:
    year = shown.year if day[:2] == _ANY_YEAR else int.from_bytes(day[:2], "big")
    month, number = day[2], day[3]
    if month in (_SUMMER_BEGINS, _SUMMER_ENDS):
        return _change(year, view, begins=month == _SUMMER_BEGINS)
    month = shown.month if month == _ANY else month
    try:
        last = monthrange(year, month)[1]
        match number:
            case 0xFF:
                return date(year, month, min(shown.day, last))
            case 0xFE:
                return date(year, month, last)
            case 0xFD:
                return date(year, month, last - 1)
        return date(year, month, number)
    except ValueError:
        return None


def _change(year: int, view: FaceView, *, begins: bool) -> date | None:
    """The day on which summer time begins or ends; None: it never does, or in no such year."""
    if not date.min.year < year < date.max.year:
        return None
    summer = summer_time(view.profile.zone, year)
    wall = summer.begin if begins else summer.end
    return None if wall is None else wall.date()
