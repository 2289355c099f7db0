"""For how long data is kept: the file that says it, and which readings go."""

from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.privacy.rules import (
    STEP_MS_MAX,
    Cutoffs,
    Limits,
    Stamp,
    mended,
    read_limits,
    readings_to_take,
    stepped_ms,
)
from protocols.cutting.zones import load_zone
from protocols.errors import InputError
from protocols.instants import DAY_MS, HOUR_MS, datetime_from_ms, ms_from_iso

ZONE = load_zone("Europe/Brussels")
BEGIN_MS = ms_from_iso("2020-01-31T12:00:00Z")
NEVER = Cutoffs(0, 0, 0)


# -- the file -------------------------------------------------------------------------------------


def test_what_a_file_leaves_out_is_as_the_program_brings_it() -> None:
    assert read_limits("", "f") == read_limits("[keep_days]", "f") == Limits()
    found = read_limits("[keep_days]\nreadings = 31\nevents = 400 # a year and some\n", "f")
    assert found == Limits(readings=31, events=400)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[keep_days", "f: "),
        ("[keep]\nreadings = 62", 'f: "keep"; allowed: [keep_days]'),
        ("keep_days = 62", "allowed: a table [keep_days]"),
        ("[keep_days]\nreading = 62", "f: keep_days.reading; near: readings; allowed: readings, "),
        ("[keep_days]\nreadings = 6", 'f: keep_days.readings: "6"; allowed: 7 to 36500 days'),
        ("[keep_days]\nevents = 30", "allowed: 31 to 36500 days"),
        ("[keep_days]\nevents = 36501", "allowed: 31 to 36500 days"),
        ("[keep_days]\nevents = true", 'keep_days.events: "True"'),
        ("[keep_days]\nevents = '99'", 'keep_days.events: "99"'),
        ("[keep_days]\nreadings = 500", "allowed: each at least as long as the one before"),
    ],
)
def test_a_wrong_file_is_one_line_with_what_is_allowed(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_limits(text, "f")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# -- how far a purge goes -------------------------------------------------------------------------


@given(st.integers(0, 10**13), st.none() | st.integers(0, 10**13), st.none() | st.integers(0, 10**13))
def test_no_purge_goes_beyond_now_nor_more_than_a_step_beyond_the_last(
    now_ms: int, reached_ms: int | None, first_ms: int | None
) -> None:
    found = stepped_ms(now_ms, reached_ms, first_ms)
    begun_ms = first_ms if reached_ms is None else reached_ms
    assert found <= now_ms
    assert begun_ms is None or found <= begun_ms + STEP_MS_MAX
    assert found == now_ms or (begun_ms is not None and found == begun_ms + STEP_MS_MAX)


# -- readings -------------------------------------------------------------------------------------


def at(number: int, days: float, received_days: float | None = None) -> Stamp:
    time_ms = BEGIN_MS + int(days * DAY_MS)
    return Stamp(
        number, time_ms, time_ms if received_days is None else BEGIN_MS + int(received_days * DAY_MS)
    )


def cutoffs(by_day: float, by_month: float = -1_000, everything: float = -2_000) -> Cutoffs:
    return Cutoffs(*(BEGIN_MS + int(days * DAY_MS) for days in (by_day, by_month, everything)))


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        (cutoffs(-10), [1, 2, 3, 4, 5, 6, 7]),
        # 12:00 and 18:00 UTC are one day in Brussels; 23:30 UTC is the next one.
        (cutoffs(1), [2, 3, 4, 5, 6, 7]),
        (cutoffs(60), [2, 4, 5, 7]),
        (cutoffs(60, 60), [2, 7]),
        (cutoffs(60, 60, 1.5), [7]),
        (cutoffs(60, 60, 60), []),
    ],
)
def test_of_a_day_the_last_stays_and_then_of_a_month(limits: Cutoffs, left: Sequence[int]) -> None:
    stamps = [at(1, 0), at(2, 0.25), at(3, 0.48), at(4, 1.25), at(5, 2), at(6, 20), at(7, 20.2)]
    taken = readings_to_take(stamps, limits, ZONE)
    assert [each.number for each in stamps if each.number not in taken] == left


def test_a_register_counts_on_so_that_the_last_of_a_day_says_what_the_day_has_used() -> None:
    stamps = [at(number, number / 24) for number in range(24 * 10)]
    taken = set(readings_to_take(stamps, cutoffs(60), ZONE))
    days: dict[date, int] = {each[1]: each[0] for each in map(_numbered_day, stamps)}
    assert {each.number for each in stamps} - taken == set(days.values())


def _numbered_day(stamp: Stamp) -> tuple[int, date]:
    return stamp.number, datetime_from_ms(stamp.time_ms, ZONE).date()


HOURS = st.integers(0, 24 * 120)
# A meter's clock and ours, each wrong now and then.
ROWS = st.lists(
    st.tuples(HOURS, st.sampled_from((0, 0, 0, -5_000, 5_000)), st.sampled_from((0, 0, -1_500, 1_500)))
)


def _stored(rows: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int | None]]:
    """Readings as a meter numbers them: in the sequence of true time."""
    return [
        (number, BEGIN_MS + (hours + meters) * HOUR_MS, BEGIN_MS + (hours + ours) * HOUR_MS)
        for number, (hours, meters, ours) in enumerate(sorted(rows))
    ]


@given(ROWS, st.lists(st.integers(0, 24 * 400), min_size=1, max_size=4))
def test_in_steps_or_at_once_the_same_readings_stay(
    rows: Sequence[tuple[int, int, int]], steps: Sequence[int]
) -> None:
    def left_after(stamps: Sequence[Stamp], hours: int) -> list[Stamp]:
        now_ms = BEGIN_MS + hours * HOUR_MS
        limits = Cutoffs(now_ms - 10 * DAY_MS, now_ms - 40 * DAY_MS, now_ms - 90 * DAY_MS)
        taken = set(readings_to_take(stamps, limits, ZONE))
        return [each for each in stamps if each.number not in taken]

    whole = mended(_stored(rows), BEGIN_MS + 24 * 400 * HOUR_MS)
    stepwise = whole
    for hours in sorted(steps):
        stepwise = mended(left_after(stepwise, hours), BEGIN_MS + 24 * 400 * HOUR_MS)
        stepwise = left_after(stepwise, hours)
    assert stepwise == left_after(whole, max(steps))


@given(ROWS, st.integers(0, 24 * 400), st.integers(0, 24 * 400))
def test_no_wrong_clock_makes_a_reading_older_than_one_of_its_dates_that_is_past(
    rows: Sequence[tuple[int, int, int]], hours: int, kept_hours: int
) -> None:
    stored = _stored(rows)
    cutoff_ms = BEGIN_MS + hours * HOUR_MS
    now_ms = cutoff_ms + kept_hours * HOUR_MS
    stamps = mended(stored, now_ms)
    limits = Cutoffs(cutoff_ms, cutoff_ms, cutoff_ms)
    for number in readings_to_take(stamps, limits, ZONE):
        _, time_ms, received_ms = stored[number]
        assert received_ms is not None
        heard = [each for _, _, each in stored[: number + 1] if each is not None and each <= now_ms]
        assert max([time_ms, *heard]) < cutoff_ms
        assert received_ms < cutoff_ms or now_ms < received_ms


def test_a_reading_that_we_dated_in_time_to_come_was_received_before_the_next_one() -> None:
    years_ms = 30 * 365 * DAY_MS
    rows = [(1, 1, BEGIN_MS), (2, 2, BEGIN_MS + years_ms), (3, 3, BEGIN_MS + 5), (4, 4, BEGIN_MS + years_ms)]
    found = mended(rows, BEGIN_MS + 9)
    assert [each.received_ms - BEGIN_MS for each in found] == [0, 5, 5, 9]


def test_a_reading_of_an_earlier_version_was_received_before_the_next_one_or_before_now() -> None:
    rows = [(1, 10, None), (2, 20, None), (3, 30, 77), (4, 40, 50), (5, 50, None)]
    now_ms = BEGIN_MS
    low = mended([(number, time, got) for number, time, got in rows], now_ms)
    assert [each.received_ms for each in low][-1] == now_ms
    shifted = [
        (number, time + BEGIN_MS, None if got is None else got + BEGIN_MS) for number, time, got in rows
    ]
    found = mended(shifted, BEGIN_MS + 99)
    assert [each.received_ms - BEGIN_MS for each in found] == [77, 77, 77, 77, 99]
    assert NEVER.all_ms == 0
