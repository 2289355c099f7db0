"""Legal local time as a card meter of 2020 knows it: a fixed offset, and the summer time of the EU.

Summer time runs from the last Sunday of March to the last Sunday of October, changing everywhere at
01:00 UTC (Directive 2000/84/EC, articles 2 and 3). The meter has no table of zones; its factory set
the offset. Only the check that a zone is of this kind looks at the table that ships with us.
"""

from dataclasses import dataclass

from emulator.firmware.legacy.registers import (
    DAY_S,
    HOUR_S,
    Registers,
    days_from_date,
    registers_of,
    wall_seconds,
    weekday_from_days,
)
from protocols.cutting.zones import load_zone, wall_clock
from protocols.errors import InputError, quoted
from protocols.instants import SECOND_MS, UtcMs

_MARCH, _OCTOBER, _SUNDAY = 3, 10, 6
# Summer time begins and ends at this second of the day in UTC, everywhere.
_CHANGE_UTC_S = HOUR_S
# The year whose changes a zone is checked against: the year of the incident.
_CHECKED_YEAR = 2020


@dataclass(frozen=True, slots=True)
class LegalZone:
    """Standard time ahead of UTC by `standard_s`; whether there is summer time."""

    standard_s: int
    has_summer: bool

    def offset_s(self, *, summer: bool) -> int:
        """What local time is ahead of UTC by."""
        return self.standard_s + (HOUR_S if summer else 0)

    def registers_at(self, instant_ms: UtcMs) -> Registers:
        """What a right clock shows in the second of an instant."""
        instant_s = instant_ms // SECOND_MS
        summer = self.has_summer and _is_summer(instant_s)
        return registers_of(instant_s + self.offset_s(summer=summer), summer=summer)

    def instant_ms(self, registers: Registers) -> UtcMs:
        """The instant at which a right clock shows this, its DST bit being believed."""
        return UtcMs((wall_seconds(registers) - self.offset_s(summer=registers.summer)) * SECOND_MS)

    def change_at_s(self, registers: Registers) -> int | None:
        """The second of this day at which the clock is to be set forward or back; None: not today."""
        if not self.has_summer:
            return None
        month = _OCTOBER if registers.summer else _MARCH
        if registers.month != month or registers.day != last_sunday(registers.year, month):
            return None
        return _CHANGE_UTC_S + self.offset_s(summer=registers.summer)


def last_sunday(year: int, month: int) -> int:
    """Day of the last Sunday of a month of 31 days."""
    weekday = weekday_from_days(days_from_date(year, month, 31))
    return 31 - (weekday - _SUNDAY) % 7


def _change_instant_s(year: int, month: int) -> int:
    return days_from_date(year, month, last_sunday(year, month)) * DAY_S + _CHANGE_UTC_S


def _is_summer(instant_s: int) -> bool:
    year = registers_of(instant_s, summer=False).year
    return _change_instant_s(year, _MARCH) <= instant_s < _change_instant_s(year, _OCTOBER)


def legal_zone(name: str, where: str = "zone") -> LegalZone:
    """The zone of an IANA name as this firmware can keep it.

    Raises InputError where the zone is unknown, or keeps a summer time that is not the EU's: a card
    meter of 2020 has only that rule.
    """
    load_zone(name, where)
    january_s, july_s = (days_from_date(_CHECKED_YEAR, month, 1) * DAY_S for month in (1, 7))
    spring_s, autumn_s = (_change_instant_s(_CHECKED_YEAR, month) for month in (_MARCH, _OCTOBER))
    checked_s = (january_s, spring_s - 1, spring_s, july_s, autumn_s - 1, autumn_s)
    offsets_s = [_offset_at_s(name, instant_s) for instant_s in checked_s]
    zone = LegalZone(offsets_s[0], has_summer=offsets_s[2] != offsets_s[0])
    by_rule_s = [zone.offset_s(summer=zone.has_summer and _is_summer(instant_s)) for instant_s in checked_s]
    # A change at midnight or before it on the wall would be two changes of day: no such meter was made.
    if offsets_s != by_rule_s or (zone.has_summer and zone.standard_s + _CHANGE_UTC_S <= 0):
        raise InputError(
            f"{where}: {quoted(name)}; allowed for legacy-2020: a zone with the summer time of the EU "
            "or with none, such as Europe/Brussels"
        )
    return zone


def _offset_at_s(name: str, instant_s: int) -> int:
    wall = wall_clock(instant_s * SECOND_MS, load_zone(name))
    days = days_from_date(wall.year, wall.month, wall.day)
    return days * DAY_S + wall.hour * HOUR_S + wall.minute * 60 + wall.second - instant_s
