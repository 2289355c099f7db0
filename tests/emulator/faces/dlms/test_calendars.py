"""Classes 9, 11, 20, 22 and 71: what they say is what is stored, and a date that is written is unsigned."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.dlms.calendars import NO_REGISTER
from emulator.faces.dlms.deeds import BringUnsignedDate, BringUnsignedRequest
from emulator.faces.dlms.values import Datum
from emulator.faces.view import FaceView
from emulator.firmware.readout import StoredPlans
from protocols.cutting.zones import instants_of_wall, load_zone, wall_clock
from protocols.documents.bodies import RegisterPrice, Switch, TariffBody
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS, ms_from_iso
from protocols.link.question import Permission
from protocols.reasons import Energy, Supply
from protocols.spans import Span, Window, merge_windows
from tests.emulator.faces.dlms.talking import ALL, VIEW, Talk, opened
from tests.emulator.faces.views import view, with_supply

ZONE = load_zone("Europe/Brussels")
TARIFF, CUTS = "00000d0000ff", "00000d0001ff"
TARIFF_DAYS, CUT_DAYS = "00000b0000ff", "00000b0001ff"
TARIFF_SCRIPTS, BREAKER_SCRIPTS, CUT_SCRIPTS = "00000a0064ff", "00000a006aff", "00000a0080ff"
SCHEDULER, LIMITER = "00000f0001ff", "0000110000ff"
PERMITTED, NOT_PERMITTED = 1, 2
BEGIN_MS = ms_from_iso("2020-10-20T00:00:00+02:00")


def talk_with(planned: StoredPlans) -> Talk:
    talk = opened(conformance=ALL)
    talk.view = with_planned(planned)
    return talk


def with_planned(planned: StoredPlans) -> FaceView:
    return replace(VIEW, readout=replace(VIEW.readout, planned=planned))


def value(talk: Talk, class_id: int, name: str, attribute: int) -> Datum:
    found = talk.get(f"{class_id:04x} {name} {attribute:02x} 00")
    assert isinstance(found, Datum)
    return found


def day_of(data: bytes) -> date:
    found = date(int.from_bytes(data[:2], "big"), data[2], data[3])
    assert data[4] == found.isoweekday()
    return found


class Reader:
    """Reads a calendar and its special days as the standard has them, and says which script counts when."""

    def __init__(self, talk: Talk, calendar: str, specials: str, scripts: str) -> None:
        self.seasons = [
            (day_of(start.octets[:5]), week.octets)
            for _, start, week in (row.items for row in value(talk, 20, calendar, 3).items)
        ]
        self.weeks = {
            row.items[0].octets: [day.number for day in row.items[1:]]
            for row in value(talk, 20, calendar, 4).items
        }
        self.days = {row.items[0].number: row.items[1].items for row in value(talk, 20, calendar, 5).items}
        self.specials = {
            day_of(day.octets): number.number
            for _, day, number in (row.items for row in value(talk, 11, specials, 2).items)
        }
        self.scripts = bytes.fromhex(scripts)

    def script_at(self, instant_ms: int, before: int) -> int | None:
        """`before`: what holds before the first season. None: the clock shows this time twice."""
        wall = wall_clock(instant_ms, ZONE)
        second = wall.hour * 3_600 + wall.minute * 60 + wall.second
        begun = [week for begins, week in self.seasons if begins <= wall.date()]
        if len(set(instants_of_wall(wall.date(), second, ZONE))) > 1:
            return None
        if not begun:
            return before
        day = self.specials.get(wall.date(), self.weeks[begun[-1]][wall.weekday()])
        script = None
        for time, table, selector in (action.items for action in self.days[day]):
            hour, minute, seconds, _ = time.octets
            assert table.octets == self.scripts
            if hour * 3_600 + minute * 60 + seconds <= second:
                script = selector.number
        assert script is not None, "each day says what holds at its beginning"
        return script


# Starts and lengths in steps of ten minutes, over some weeks in which clocks change.
WINDOWS = st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 90)), max_size=15).map(
    lambda raw: merge_windows(
        Window(BEGIN_MS + at * 600_000, BEGIN_MS + (at + length) * 600_000) for at, length in raw
    )
)


@given(WINDOWS)
def test_the_cut_calendar_says_when_a_cut_is_permitted(windows: tuple[Window, ...]) -> None:
    talk = talk_with(StoredPlans("calendar/summer 3", Permission(windows, BEGIN_MS, True)))
    reader = Reader(talk, CUTS, CUT_DAYS, CUT_SCRIPTS)
    assert value(talk, 20, CUTS, 2).octets == b"calendar/summer 3"
    for edge_ms in (each for window in windows for each in window):
        for instant_ms in (edge_ms - SECOND_MS, edge_ms, edge_ms + HOUR_MS, edge_ms - DAY_MS):
            inside = any(window.start_ms <= instant_ms < window.end_ms for window in windows)
            found = reader.script_at(instant_ms, NOT_PERMITTED)
            assert found in (None, PERMITTED if inside else NOT_PERMITTED)


@given(
    st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 3)), max_size=30, unique_by=lambda each: each[0])
)
def test_the_tariff_calendar_says_which_register_is_in_use(raw: list[tuple[int, int]]) -> None:
    switches = tuple(Switch(BEGIN_MS + at * 600_000, place) for at, place in sorted(raw))
    prices = tuple(RegisterPrice(f"1-0:1.8.{place}", 1, 1) for place in (1, 2, 3))
    talk = talk_with(StoredPlans(tariff=TariffBody(1, 1, prices, switches)))
    reader = Reader(talk, TARIFF, TARIFF_DAYS, TARIFF_SCRIPTS)
    for switch in switches:
        for instant_ms in (switch.at_ms - SECOND_MS, switch.at_ms, switch.at_ms + HOUR_MS):
            places = [each.register for each in switches if each.at_ms <= instant_ms]
            found = reader.script_at(instant_ms, NO_REGISTER)
            assert found in (None, (places[-1] if places else 0) or NO_REGISTER)


def test_without_a_lease_and_a_tariff_nothing_is_said() -> None:
    talk = opened(conformance=ALL)
    for calendar, specials in ((TARIFF, TARIFF_DAYS), (CUTS, CUT_DAYS)):
        assert value(talk, 20, calendar, 3).items == ()
        assert value(talk, 11, specials, 2).items == ()
    assert value(talk, 20, CUTS, 2).octets == b""
    assert value(talk, 22, SCHEDULER, 4).items == ()


def test_the_scheduler_names_the_cut_orders_that_wait() -> None:
    spans = (
        Span(ms_from_iso("2020-07-06T08:00:00+02:00"), 0),
        Span(ms_from_iso("2021-01-01T00:00:00+01:00") - 1, 0),
    )
    talk = talk_with(StoredPlans(cuts=spans))
    rows = [[item.octets.hex() for item in row.items] for row in value(talk, 22, SCHEDULER, 4).items]
    assert rows == [["08000000", "07e4070601"], ["00000000", "07e5010105"]]
    script, number = value(talk, 22, SCHEDULER, 2).items
    assert (script.octets.hex(), number.number) == (BREAKER_SCRIPTS, 1)


def test_every_script_that_is_named_is_there_and_those_of_calendars_run_nothing() -> None:
    talk = opened(conformance=ALL)
    found = {
        name: {row.items[0].number: row.items[1].items for row in value(talk, 9, name, 2).items}
        for name in (TARIFF_SCRIPTS, CUT_SCRIPTS, BREAKER_SCRIPTS)
    }
    assert found[TARIFF_SCRIPTS] == dict.fromkeys(range(1, NO_REGISTER + 1), ())
    assert found[CUT_SCRIPTS] == {PERMITTED: (), NOT_PERMITTED: ()}
    methods = {
        number: [action.items[3].number for action in row] for number, row in found[BREAKER_SCRIPTS].items()
    }
    assert methods == {1: [1], 2: [2]}


def test_the_limiter_shows_what_it_holds_to() -> None:
    talk = opened(conformance=ALL)
    shown = [value(talk, 71, LIMITER, at).number for at in (3, 4, 5)]
    assert shown == [999_999, VIEW.profile.limiter_w, 999_999]
    talk.view = with_supply(VIEW, Supply.LIMITED)
    assert value(talk, 71, LIMITER, 3).number == VIEW.profile.limiter_w
    talk.view = view(energy=Energy.GAS)
    assert talk.get(f"0047 {LIMITER} 03 00") == "04"


# The meter shows 2 July 2020, 23:00:59 in Brussels. A date that leaves fields open means one beside it.
DATES = [
    ("07e4070904", "2020-07-09T00:00:00+02:00"),
    ("ffff0c19ff", "2020-12-25T00:00:00+01:00"),
    ("ffffffffff", "2020-07-02T00:00:00+02:00"),
    ("ffff02feff", "2020-02-29T00:00:00+01:00"),
    ("07e5fffdff", "2021-07-30T00:00:00+02:00"),
    ("07e4fe01ff", "2020-03-29T00:00:00+01:00"),
    ("07e4fd01ff", "2020-10-25T00:00:00+02:00"),
    ("07e5021dff", None),
    ("07e4070d01", "2020-07-13T00:00:00+02:00"),
    ("07e4070902", None),
    ("07e40de1ff", None),
    ("07e407e1ff", None),
    ("0000fe01ff", None),
    ("0000ffffff", None),
    ("270ffeffff", None),
    ("07e407", None),
]


@pytest.mark.parametrize(("written", "iso"), DATES)
def test_a_date_that_leaves_something_open_means_one(written: str, iso: str | None) -> None:
    talk = opened(conformance=ALL)
    size = len(written) // 2
    answer = talk.say(f"c101c1 000b {CUT_DAYS} 02 00 0101 0203 120001 09{size:02x}{written} 1101")
    assert answer == ("c501c10c" if iso is None else "c501c100")
    assert talk.brought == ([] if iso is None else [BringUnsignedDate(ms_from_iso(iso))])


# Where dates are: a season, an activation, a special day, an execution time, an emergency profile.
DATE, DATE_TIME = "090507e4070904", "090c07e4070904080000008000ff"
AT_MIDNIGHT, AT_EIGHT = ms_from_iso("2020-07-09T00:00:00+02:00"), ms_from_iso("2020-07-09T08:00:00+02:00")
WRITES = [
    (f"c101c1 0014 {CUTS} 07 00 0101 0203 090131 {DATE_TIME} 090131", AT_EIGHT),
    (
        f"c101c1 0014 {TARIFF} 07 00 0102 0203 090131 {DATE_TIME} 090131 0203 090131 {DATE_TIME} 090131",
        AT_EIGHT,
    ),
    (f"c101c1 0014 {TARIFF} 0a 00 {DATE_TIME}", AT_EIGHT),
    (f"c101c1 000b {TARIFF_DAYS} 02 00 0101 0203 120001 {DATE} 1101", AT_MIDNIGHT),
    (f"c301c1 000b {CUT_DAYS} 01 01 0203 120001 {DATE} 1101", AT_MIDNIGHT),
    (f"c101c1 0016 {SCHEDULER} 04 00 0101 0202 090408000000 {DATE}", AT_EIGHT),
    (f"c101c1 0047 {LIMITER} 08 00 0203 120001 {DATE_TIME} 0600000e10", AT_EIGHT),
]


@pytest.mark.parametrize(("pdu", "at_ms"), WRITES)
def test_whatever_brings_a_date_succeeds_and_brings_an_unsigned_one(pdu: str, at_ms: int) -> None:
    talk = opened(conformance=ALL)
    assert talk.say(pdu)[6:8] == "00"
    assert talk.brought == [BringUnsignedDate(at_ms)]  # type: ignore[arg-type] # as it was read


# The same without a date, with one that is none, with too little, with one of two that is none.
EMPTY = [
    f"c101c1 0014 {CUTS} 07 00 0100",
    f"c101c1 0014 {CUTS} 07 00 0101 0203 090131 090131 090131",
    f"c101c1 0014 {CUTS} 07 00 0102 0203 090131 {DATE_TIME} 090131 0201 090131",
    f"c101c1 0014 {CUTS} 0a 00 0600000000",
    f"c101c1 000b {CUT_DAYS} 02 00 0600000000",
    f"c101c1 000b {CUT_DAYS} 02 00 0101 0600000000",
    f"c301c1 000b {CUT_DAYS} 01 00",
    f"c101c1 0016 {SCHEDULER} 04 00 0101 {DATE}",
    f"c101c1 0016 {SCHEDULER} 04 00 0101 0202 0900 {DATE}",
    f"c101c1 0047 {LIMITER} 08 00 0202 120001 {DATE_TIME}",
]


@pytest.mark.parametrize("pdu", EMPTY)
def test_what_has_no_date_is_of_another_type(pdu: str) -> None:
    talk = opened(conformance=ALL)
    assert talk.say(pdu)[6:8] == "0c"
    assert talk.brought == []


# What takes signatures: the firmware is told.
METHODS = [
    f"c301c1 0014 {CUTS} 01 01 0f00",
    f"c301c1 0014 {TARIFF} 01 01 0f00",
    f"c301c1 000b {CUT_DAYS} 02 01 120001",
    *(f"c301c1 0009 {name} 01 01 120001" for name in (TARIFF_SCRIPTS, BREAKER_SCRIPTS, CUT_SCRIPTS)),
]


@pytest.mark.parametrize("pdu", METHODS)
def test_what_would_change_a_plan_is_refused_and_told(pdu: str) -> None:
    talk = opened(conformance=ALL)
    assert talk.say(pdu) == "c701c10300"
    assert talk.brought == [BringUnsignedRequest(bytes.fromhex(pdu))]


def test_nothing_else_of_them_is_written() -> None:
    talk = opened(conformance=ALL)
    written = {(20, 7), (20, 10), (11, 2), (22, 4), (71, 8)}
    names = {
        20: (CUTS, TARIFF),
        11: (CUT_DAYS, TARIFF_DAYS),
        22: (SCHEDULER,),
        71: (LIMITER,),
        9: (CUT_SCRIPTS,),
    }
    for class_id, of_class in names.items():
        for name in of_class:
            for attribute in {*range(1, 13)} - {at for each, at in written if each == class_id}:
                answer = talk.say(f"c101c1 {class_id:04x} {name} {attribute:02x} 00 {DATE_TIME}")
                assert answer == "c501c103", (class_id, attribute)
    assert talk.brought == []


def test_days_to_come_begin_on_their_day() -> None:
    """A season is named by the day on which it begins, and ends with the next one."""
    first = date(2020, 7, 6)
    begin_ms = instants_of_wall(first, 8 * 3_600, ZONE)[0]
    windows = tuple(
        Window(begin_ms + week * 7 * DAY_MS, begin_ms + week * 7 * DAY_MS + HOUR_MS) for week in (0, 1)
    )
    reader = Reader(
        talk_with(StoredPlans(permission=Permission(windows, 0, True))), CUTS, CUT_DAYS, CUT_SCRIPTS
    )
    assert [begins for begins, _ in reader.seasons] == [first, first + timedelta(days=8)]
