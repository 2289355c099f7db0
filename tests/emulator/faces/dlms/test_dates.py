"""Dates in 12 bytes: the sign of the deviation, hours that are shown twice, and what is no date."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.dlms.dates import (
    NOT_SPECIFIED,
    read_instant,
    status_of,
    summer_time,
    write_instant,
    write_wall,
)
from protocols.cutting.zones import load_zone
from protocols.instants import UtcMs, ms_from_iso
from protocols.limits import INSTANT_MS_MAX, INSTANT_MS_MIN
from protocols.reasons import ClockStatus

BRUSSELS = load_zone("Europe/Brussels")

WRITTEN = [
    ("2020-07-03T23:01:00+02:00", ClockStatus.TRUSTED, "07e4 07 03 05 17 01 00 00 ff88 80"),
    ("2020-12-27T23:01:00+01:00", ClockStatus.TRUSTED, "07e4 0c 1b 07 17 01 00 00 ffc4 00"),
    ("2020-10-25T02:30:00+02:00", ClockStatus.DISPUTED, "07e4 0a 19 07 02 1e 00 00 ff88 82"),
    ("2020-10-25T02:30:00+01:00", ClockStatus.LOST, "07e4 0a 19 07 02 1e 00 00 ffc4 01"),
]


@pytest.mark.parametrize(("iso", "clock", "written"), WRITTEN)
def test_an_instant_is_written_with_what_its_clock_is_worth(
    iso: str, clock: ClockStatus, written: str
) -> None:
    instant_ms = ms_from_iso(iso)
    data = write_instant(instant_ms, BRUSSELS, status_of(clock, instant_ms, BRUSSELS))
    assert data == bytes.fromhex(written)
    assert read_instant(data, BRUSSELS) == instant_ms


@given(st.integers(INSTANT_MS_MIN, INSTANT_MS_MAX))
def test_what_is_written_is_read_to_the_hundredth(instant_ms: int) -> None:
    data = write_instant(UtcMs(instant_ms), BRUSSELS, 0)
    assert read_instant(data, BRUSSELS) == instant_ms // 10 * 10


@given(st.binary(min_size=12, max_size=12) | st.binary(max_size=14))
def test_any_bytes_are_an_instant_that_a_document_could_name_or_none(data: bytes) -> None:
    found = read_instant(data, BRUSSELS)
    assert found is None or INSTANT_MS_MIN <= found <= INSTANT_MS_MAX


READ = [
    # Without a deviation: of the meter's zone. Second and hundredths may be left open.
    ("07e4 07 03 ff 17 01 ff ff 8000 ff", "2020-07-03T23:01:00+02:00"),
    # Shown twice, never shown.
    ("07e4 0a 19 ff 02 1e 00 00 8000 ff", "2020-10-25T02:30:00+02:00"),
    ("07e4 03 1d ff 02 1e 00 00 8000 ff", "2020-03-29T03:00:00+02:00"),
    # UTC: a deviation of 0 is one.
    ("07e4 07 03 05 15 01 00 00 0000 00", "2020-07-03T23:01:00+02:00"),
    # Left open: year, month, day, hour, minute. The last day of the month. The wrong day of the week.
    ("ffff 07 03 ff 17 01 00 00 8000 ff", None),
    ("07e4 ff 03 ff 17 01 00 00 8000 ff", None),
    ("07e4 07 ff ff 17 01 00 00 8000 ff", None),
    ("07e4 07 fe ff 17 01 00 00 8000 ff", None),
    ("07e4 07 03 ff ff 01 00 00 8000 ff", None),
    ("07e4 07 03 ff 17 ff 00 00 8000 ff", None),
    ("07e4 07 03 04 17 01 00 00 8000 ff", None),
    # No such day, hour, second, hundredth, deviation; a year that no document could name.
    ("07e5 02 1d ff 17 01 00 00 8000 ff", None),
    ("07e4 07 03 ff 18 00 00 00 8000 ff", None),
    ("07e4 07 03 ff 17 01 3c 00 8000 ff", None),
    ("07e4 07 03 ff 17 01 00 64 8000 ff", None),
    ("07e4 07 03 ff 17 01 00 00 02d1 ff", None),
    ("07b2 01 01 ff 00 00 00 00 0000 00", None),
    ("270f 0c 1f ff 17 3b 3b 63 8000 ff", None),
    ("07e4 07 03 ff 17 01", None),
]


@pytest.mark.parametrize(("data", "iso"), READ)
def test_a_date_that_somebody_writes(data: str, iso: str | None) -> None:
    expected = None if iso is None else ms_from_iso(iso)
    assert read_instant(bytes.fromhex(data), BRUSSELS) == expected


def test_summer_time_of_a_year() -> None:
    brussels = summer_time("Europe/Brussels", 2020)
    assert write_wall(brussels.begin) == bytes.fromhex("07e4 03 1d 07 02 00 00 00 8000 00")
    assert write_wall(brussels.end) == bytes.fromhex("07e4 0a 19 07 03 00 00 00 8000 00")
    assert (brussels.normal_min, brussels.shift_min) == (-60, 60)
    assert summer_time("UTC", 2020) == (None, None, 0, 0)
    assert write_wall(None) == NOT_SPECIFIED
