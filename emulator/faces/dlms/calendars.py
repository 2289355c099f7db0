"""What a meter holds about days to come, as calendars have it: classes 9, 11, 20, 22 (IEC 62056-6-2). Pure.

The meter itself knows instants alone; `timetable` tells them as days and weeks. Nothing runs by these tables:
the gate asks the windows, and the register in use follows the switches. Whoever writes to them brings an
unsigned date.
"""

from collections.abc import Callable
from datetime import date
from functools import lru_cache, partial
from typing import Final

from emulator.faces.dlms.dates import NOT_SPECIFIED
from emulator.faces.dlms.deeds import ClockPreset, GivenValue, Outcome, refused_and_told, unsigned_date
from emulator.faces.dlms.model import CosemObject, constant, logical_name
from emulator.faces.dlms.open_dates import meant_at, meant_by
from emulator.faces.dlms.values import Datum, Tag, array, octets, structure
from emulator.faces.timetable import Day, Season, StateTurn, Timetable, timetable_of, turns_of
from emulator.faces.view import FaceView
from protocols.cutting.zones import load_zone, wall_clock
from protocols.documents.bodies import TariffBody
from protocols.instants import SECOND_MS
from protocols.limits import REGISTERS_MAX
from protocols.spans import Window

# Scripts of the two calendars: they say what holds, and run nothing. 0 names no script.
PERMITTED, NOT_PERMITTED = 1, 2
NO_REGISTER: Final = REGISTERS_MAX + 1
_DISCONNECT_SCRIPT, _RECONNECT_SCRIPT = 1, 2
_EXECUTE_METHOD: Final = 2
_TIME_AND_DATE: Final = 2
# Execution times of a single action: different ones, none of which leaves anything open.
_DIFFERENT_TIMES: Final = 4
_DEVIATION_AND_STATUS: Final = b"\x80\x00\xff"

_BREAKER_NAME: Final = logical_name("0-0:96.3.10")
_TARIFF_SCRIPTS: Final = logical_name("0-0:10.0.100")
_BREAKER_SCRIPTS: Final = logical_name("0-0:10.0.106")
_CUT_SCRIPTS: Final = logical_name("0-0:10.0.128")


@lru_cache(maxsize=8)
def _cut_table(windows: tuple[Window, ...], zone_name: str) -> Timetable:
    return timetable_of(turns_of(windows, PERMITTED, NOT_PERMITTED), NOT_PERMITTED, load_zone(zone_name))


@lru_cache(maxsize=8)
def _tariff_table(tariff: TariffBody | None, zone_name: str) -> Timetable:
    """By the switches of the registers, in whole seconds; the first that is not whole comes later by less."""
    switches = () if tariff is None else tariff.switches
    turns = {-(-each.at_ms // SECOND_MS) * SECOND_MS: each.register or NO_REGISTER for each in switches}
    return timetable_of(
        [StateTurn(at, state) for at, state in turns.items()], NO_REGISTER, load_zone(zone_name)
    )


def _cuts(view: FaceView) -> Timetable:
    return _cut_table(view.readout.planned.permission.windows_ms, view.profile.zone)


def _tariff(view: FaceView) -> Timetable:
    return _tariff_table(view.readout.planned.tariff, view.profile.zone)


def _date(day: date) -> bytes:
    return day.year.to_bytes(2, "big") + bytes((day.month, day.day, day.isoweekday()))


def _week_name(number: int) -> Datum:
    return octets(b"%d" % number)


def _weeks(table: Timetable) -> tuple[tuple[int, ...], ...]:
    """Every different week, in the order of the seasons."""
    return tuple(dict.fromkeys(season.week for season in table.seasons))


def _seasons(table: Timetable) -> Datum:
    weeks = _weeks(table)

    def shown(number: int, season: Season) -> Datum:
        # From midnight on the wall on.
        begins = _date(season.begins) + bytes(4) + _DEVIATION_AND_STATUS
        return structure(_week_name(number), octets(begins), _week_name(weeks.index(season.week) + 1))

    return array(*(shown(number, season) for number, season in enumerate(table.seasons, 1)))


def _week_table(table: Timetable) -> Datum:
    return array(
        *(
            structure(_week_name(number), *(Datum(Tag.UNSIGNED, day) for day in week))
            for number, week in enumerate(_weeks(table), 1)
        )
    )


def _day_table(scripts: bytes, table: Timetable) -> Datum:
    def actions(day: Day) -> Datum:
        return array(
            *(
                structure(octets(_time(turn.second)), octets(scripts), Datum(Tag.LONG_UNSIGNED, turn.state))
                for turn in day
            )
        )

    return array(
        *(structure(Datum(Tag.UNSIGNED, number), actions(day)) for number, day in enumerate(table.days, 1))
    )


def _time(second: int) -> bytes:
    return bytes((second // 3_600, second // 60 % 60, second % 60, 0))


def _special_days(table: Timetable) -> Datum:
    return array(
        *(
            structure(Datum(Tag.LONG_UNSIGNED, at), octets(_date(day)), Datum(Tag.UNSIGNED, number))
            for at, (day, number) in enumerate(table.specials, 1)
        )
    )


def _first_date(at: int, given: GivenValue, view: FaceView, _preset: ClockPreset) -> Outcome:
    """Of a list of structures the date that is at a place of the first one; all of them must have one."""
    rows = given.value.items if given.value.tag is Tag.ARRAY else ()
    found = [meant_by(row.items[at], view) if len(row.items) > at else None for row in rows]
    return unsigned_date(found[0] if found and None not in found else None)


def _date_at(at: int, given: GivenValue, view: FaceView, _preset: ClockPreset) -> Outcome:
    """The date that is at a place of a structure."""
    items = given.value.items if given.value.tag is Tag.STRUCTURE else ()
    return unsigned_date(meant_by(items[at], view) if len(items) > at else None)


def _date_alone(given: GivenValue, view: FaceView, _preset: ClockPreset) -> Outcome:
    return unsigned_date(meant_by(given.value, view))


def _execution_time(given: GivenValue, view: FaceView, _preset: ClockPreset) -> Outcome:
    """Of a list of times, each with its date, the first one."""
    rows = given.value.items if given.value.tag is Tag.ARRAY else ()
    pairs = [tuple(each.octets for each in row.items) for row in rows]
    found = [
        meant_at(pair[1], pair[0], _DEVIATION_AND_STATUS, view) if len(pair) == _TIME_AND_DATE else None
        for pair in pairs
    ]
    return unsigned_date(found[0] if found and None not in found else None)


def _calendar(
    name: bytes, scripts: bytes, title: Callable[[FaceView], str], table: Callable[[FaceView], Timetable]
) -> CosemObject:
    """An activity calendar without a passive half: what would be in it takes two signatures."""
    nothing = constant(array())
    return CosemObject(
        20,
        0,
        name,
        {
            2: lambda view: octets(title(view).encode()),
            3: lambda view: _seasons(table(view)),
            4: lambda view: _week_table(table(view)),
            5: lambda view: _day_table(scripts, table(view)),
            6: constant(octets(b"")),
            7: nothing,
            8: nothing,
            9: nothing,
            10: constant(octets(NOT_SPECIFIED)),
        },
        writes={7: partial(_first_date, 1), 10: _date_alone},
        methods={1: refused_and_told},
    )


def _specials(name: bytes, table: Callable[[FaceView], Timetable]) -> CosemObject:
    return CosemObject(
        11,
        0,
        name,
        {2: lambda view: _special_days(table(view))},
        writes={2: partial(_first_date, 1)},
        methods={1: partial(_date_at, 1), 2: refused_and_told},
    )


def _scripts(name: bytes, *scripts: tuple[int, int | None]) -> CosemObject:
    """A script table: each script's number, and the method of the breaker that it names; None: none."""

    def actions(method: int | None) -> Datum:
        if method is None:
            return array()
        target = (Datum(Tag.LONG_UNSIGNED, 70), octets(_BREAKER_NAME), Datum(Tag.INTEGER, method))
        return array(structure(Datum(Tag.ENUM, _EXECUTE_METHOD), *target, Datum(Tag.INTEGER)))

    rows = (structure(Datum(Tag.LONG_UNSIGNED, number), actions(method)) for number, method in scripts)
    return CosemObject(9, 0, name, {2: constant(array(*rows))}, methods={1: refused_and_told})


def _cut_times(view: FaceView) -> Datum:
    """When the cut orders that wait may begin to count, in the second that has surely come."""
    zone = load_zone(view.profile.zone)

    def shown(from_ms: int) -> Datum:
        wall = wall_clock(-(-from_ms // SECOND_MS) * SECOND_MS, zone)
        second = wall.hour * 3_600 + wall.minute * 60 + wall.second
        return structure(octets(_time(second)), octets(_date(wall.date())))

    return array(*(shown(cut.from_ms) for cut in view.readout.planned.cuts))


_SCHEDULER: Final = CosemObject(
    22,
    0,
    logical_name("0-0:15.0.1"),
    {
        2: constant(structure(octets(_BREAKER_SCRIPTS), Datum(Tag.LONG_UNSIGNED, _DISCONNECT_SCRIPT))),
        3: constant(Datum(Tag.ENUM, _DIFFERENT_TIMES)),
        4: _cut_times,
    },
    writes={4: _execution_time},
)
CALENDARS: Final = (
    _calendar(logical_name("0-0:13.0.0"), _TARIFF_SCRIPTS, lambda _view: "tariff", _tariff),
    _specials(logical_name("0-0:11.0.0"), _tariff),
    _scripts(_TARIFF_SCRIPTS, *((number, None) for number in range(1, NO_REGISTER + 1))),
    _calendar(logical_name("0-0:13.0.1"), _CUT_SCRIPTS, lambda view: view.readout.planned.calendar, _cuts),
    _specials(logical_name("0-0:11.0.1"), _cuts),
    _scripts(_CUT_SCRIPTS, (PERMITTED, None), (NOT_PERMITTED, None)),
    _SCHEDULER,
    _scripts(_BREAKER_SCRIPTS, (_DISCONNECT_SCRIPT, 1), (_RECONNECT_SCRIPT, 2)),
)
