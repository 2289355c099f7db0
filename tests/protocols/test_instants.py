"""Instants and their texts: each instant has one text, and a text without an offset has no instant."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.cutting.zones import load_zone
from protocols.instants import (
    DAY_MS,
    EARLIEST_MS,
    LATEST_MS,
    datetime_from_ms,
    iso_from_ms,
    ms_from_datetime,
    ms_from_iso,
)

INSTANTS = st.integers(EARLIEST_MS, LATEST_MS)


@given(instant_ms=INSTANTS)
@example(EARLIEST_MS)
@example(LATEST_MS)
@example(-1)
def test_an_instant_reads_back_from_its_text(instant_ms: int) -> None:
    assert ms_from_iso(iso_from_ms(instant_ms)) == instant_ms


@given(a_ms=INSTANTS, b_ms=INSTANTS)
def test_texts_of_whole_seconds_sort_like_their_instants(a_ms: int, b_ms: int) -> None:
    a_ms, b_ms = a_ms // 1_000 * 1_000, b_ms // 1_000 * 1_000
    assert (iso_from_ms(a_ms) < iso_from_ms(b_ms)) == (a_ms < b_ms)


@given(instant_ms=INSTANTS, offset_min=st.integers(-23 * 60, 23 * 60))
def test_an_instant_is_the_same_in_every_offset(instant_ms: int, offset_min: int) -> None:
    zone = timezone(timedelta(minutes=offset_min))
    assert ms_from_datetime(datetime_from_ms(instant_ms, zone)) == instant_ms
    assert ms_from_iso(datetime_from_ms(instant_ms, zone).isoformat()) == instant_ms


@given(instant_ms=INSTANTS, zone=st.sampled_from(["Europe/Brussels", "America/St_Johns", "Pacific/Apia"]))
@example(instant_ms=1_603_584_000_000, zone="Europe/Brussels")  # both passes of 02:00, 25 October 2020
@example(instant_ms=1_603_587_600_000, zone="Europe/Brussels")
def test_an_instant_survives_local_time_also_in_the_hour_that_comes_twice(instant_ms: int, zone: str) -> None:
    assert ms_from_datetime(datetime_from_ms(instant_ms, load_zone(zone))) == instant_ms


@given(moment=st.datetimes(timezones=st.just(UTC)))
def test_an_instant_is_rounded_down_to_a_millisecond(moment: datetime) -> None:
    rest = moment - datetime(1970, 1, 1, tzinfo=UTC) - timedelta(milliseconds=ms_from_datetime(moment))
    assert timedelta(0) <= rest < timedelta(milliseconds=1)


@given(text=st.text(max_size=40))
def test_any_other_text_is_a_value_error_and_nothing_worse(text: str) -> None:
    try:
        ms_from_iso(text)
    except ValueError:
        return
    assert datetime.fromisoformat(text).utcoffset() is not None


@pytest.mark.parametrize(
    ("text", "instant_ms", "back"),
    [
        ("2020-07-03T23:01:00+02:00", 1_593_810_060_000, "2020-07-03T21:01:00Z"),  # domain.md §7.4, D
        ("2020-07-03T21:01:00Z", 1_593_810_060_000, "2020-07-03T21:01:00Z"),
        ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
        ("1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59.999Z"),
        ("2000-02-29T00:00:00Z", 951_782_400_000, "2000-02-29T00:00:00Z"),
        ("2020-02-28T23:59:59Z", 1_582_934_399_000, "2020-02-28T23:59:59Z"),
        ("2020-07-03T21:01:00.0009Z", 1_593_810_060_000, "2020-07-03T21:01:00Z"),
    ],
)
def test_texts_and_instants_of_the_ledger(text: str, instant_ms: int, back: str) -> None:
    assert ms_from_iso(text) == instant_ms
    assert iso_from_ms(instant_ms) == back


@pytest.mark.parametrize(
    ("eve", "day_after"),
    [
        ("2020-02-28", "2020-02-29"),
        ("2021-02-28", "2021-03-01"),
        ("2100-02-28", "2100-03-01"),
        ("2000-02-28", "2000-02-29"),
    ],
)
def test_the_day_after_28_february_is_a_leap_day_only_in_leap_years(eve: str, day_after: str) -> None:
    assert iso_from_ms(ms_from_iso(f"{eve}T00:00:00Z") + DAY_MS) == f"{day_after}T00:00:00Z"


@pytest.mark.parametrize("text", ["", "2020-07-03", "2020-07-03T23:01:00", "2020-02-30T00:00:00Z", "now"])
def test_a_text_without_an_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ms_from_iso(text)


@pytest.mark.parametrize("instant_ms", [EARLIEST_MS - 2 * DAY_MS, LATEST_MS + DAY_MS, 10**30])
def test_an_instant_beyond_the_calendar_is_an_overflow(instant_ms: int) -> None:
    with pytest.raises(OverflowError):
        iso_from_ms(instant_ms)
