"""A sound clock shows legal local time, whenever it was set, for every zone it can keep."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.legacy.defects.line import DefectLine
from emulator.firmware.legacy.registers import Registers, at_second_of_day, registers_of
from emulator.firmware.legacy.rtc import FACTORY, Rtc, next_day
from emulator.firmware.legacy.zone import last_sunday, legal_zone
from emulator.firmware.ticks import Tick
from protocols.errors import InputError
from protocols.instants import DAY_MS, SECOND_MS, UtcMs, datetime_from_ms, ms_from_iso
from tests.emulator.firmware.legacy.card_meter import local, watch

ZONES = ("Europe/Brussels", "Europe/London", "Europe/Helsinki", "Asia/Tokyo", "America/Bogota", "UTC")
# Where the years turn, and where clocks are set forward and back.
EDGES = (
    "2020-02-29T00:00:00Z",
    "2020-03-29T01:00:00Z",
    "2020-10-25T01:00:00Z",
    "2019-10-27T01:00:00Z",
    "2020-12-31T23:00:00Z",
)
INSTANTS = st.one_of(
    st.integers(ms_from_iso("2000-01-01T00:00:00Z"), ms_from_iso("2037-12-31T00:00:00Z")),
    st.builds(
        lambda edge, near: ms_from_iso(edge) + near, st.sampled_from(EDGES), st.integers(-DAY_MS, DAY_MS)
    ),
)


def on_the_wall(instant_ms: int, zone: str) -> tuple[int, ...]:
    shown = datetime_from_ms(instant_ms, ZoneInfo(zone))
    return (*shown.timetuple()[:6], shown.weekday())


def shown(registers: Registers) -> tuple[int, ...]:
    return (*registers.wall, registers.weekday)


@given(INSTANTS, st.sampled_from(ZONES))
def test_an_instant_is_converted_as_the_zones_table_does(instant_ms: int, name: str) -> None:
    zone = legal_zone(name)
    registers = zone.registers_at(UtcMs(instant_ms))
    assert shown(registers) == on_the_wall(instant_ms, name)
    assert zone.instant_ms(registers) == instant_ms // SECOND_MS * SECOND_MS


@given(INSTANTS, st.lists(st.integers(0, 200 * DAY_MS), min_size=1, max_size=4), st.sampled_from(ZONES))
def test_a_clock_once_set_shows_the_time_of_its_zone(set_ms: int, steps: list[int], name: str) -> None:
    zone = legal_zone(name)
    rtc = Rtc(zone, DefectLine(()), zone.registers_at(UtcMs(set_ms)), Tick(-(set_ms % SECOND_MS)))
    at = 0
    for step in steps:
        assert shown(rtc.read(Tick(at + step))) == on_the_wall(set_ms + at + step, name)
        at += step
        assert rtc.advance(Tick(at)) == []
        assert shown(rtc.registers) == on_the_wall(set_ms + at, name)


@given(INSTANTS, st.sets(st.integers(0, 86_399), max_size=4))
def test_the_next_second_asked_for_is_never_passed_over(set_ms: int, seconds: set[int]) -> None:
    zone = legal_zone("Europe/Brussels")
    set_ms -= set_ms % SECOND_MS
    rtc = Rtc(zone, DefectLine(()), zone.registers_at(UtcMs(set_ms)), Tick(0))
    seconds.add(rtc.registers.second_of_day)
    due = rtc.next_second_tick(seconds)
    before, after = rtc.read(Tick(due - SECOND_MS)), rtc.read(due)
    assert after.second_of_day in seconds or after.date != before.date or after.summer != before.summer
    assert 0 < due <= DAY_MS
    lowest, highest = rtc.registers.second_of_day, before.second_of_day
    assert not {second for second in seconds if lowest < second <= highest}


def test_summer_time_begins_and_ends_on_last_sundays() -> None:
    assert (last_sunday(2020, 3), last_sunday(2020, 10), last_sunday(2021, 3)) == (29, 25, 28)
    zone = legal_zone("Europe/Brussels")
    set_ms = local("2020-03-29 01:59:59")
    rtc = Rtc(zone, DefectLine(()), zone.registers_at(UtcMs(set_ms)), Tick(0))
    assert str(rtc.read(Tick(1_000))) == "2020-03-29 03:00:00"
    rtc.set(zone.registers_at(local("2020-10-25 02:59:59")), Tick(0))
    assert str(rtc.read(Tick(1_000))) == "2020-10-25 02:00:00"
    assert str(rtc.read(Tick(3_601_000))) == "2020-10-25 03:00:00"


def test_a_clock_set_at_or_past_the_hour_of_change_has_missed_it() -> None:
    zone = legal_zone("Europe/Brussels")
    for hour in ("02:00:00", "02:30:00"):
        standard = replace(zone.registers_at(local("2020-03-29 12:00")), summer=False)
        day_s = sum(int(part) * unit for part, unit in zip(hour.split(":"), (3_600, 60, 1), strict=True))
        rtc = Rtc(zone, DefectLine(()), at_second_of_day(standard, day_s), Tick(0))
        assert str(rtc.read(Tick(86_400_000))) == f"2020-03-30 {hour}"
        assert rtc.read(Tick(86_400_000)).summer is False


def test_the_factory_date_is_a_saturday_at_midnight() -> None:
    assert (str(FACTORY), FACTORY.weekday) == ("2000-01-01 00:00:00", 5)


def test_a_day_that_does_not_exist_is_followed_by_the_first_of_the_next_month() -> None:
    strange = registers_of(0, summer=False)
    assert str(next_day(Registers(2020, 6, 48, 23, 59, 59, 7, strange.summer))) == "2020-07-01 00:00:00"
    assert next_day(Registers(2020, 6, 48, 23, 59, 59, 7, strange.summer)).weekday == 0


@pytest.mark.parametrize("name", ["America/New_York", "Australia/Sydney", "Atlantic/Azores", "Mars/Base"])
def test_a_zone_that_the_firmware_cannot_keep_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="allowed"):
        legal_zone(name)


def test_the_test_bench_reads_its_own_watch() -> None:
    assert watch(local("2020-07-03 23:01")) == "2020-07-03 23:01"
    assert datetime_from_ms(local("2020-07-03 23:01")) == datetime.fromisoformat("2020-07-03T21:01:00Z")
