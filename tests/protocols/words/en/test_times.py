"""Instants and durations, as people read them: with the weekday and the zone, and UTC beside it."""

import pytest

from protocols.cutting.zones import load_zone
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, ms_from_iso
from protocols.words.en.times import duration, local, local_in_words, span_in_words

BRUSSELS = load_zone("Europe/Brussels")


@pytest.mark.parametrize(
    ("instant", "words"),
    [
        ("2020-07-03T21:01:00Z", "Friday 3 July 2020 23:01 (Europe/Brussels)"),
        ("2020-07-03T21:01:07Z", "Friday 3 July 2020 23:01:07 (Europe/Brussels)"),
        ("2020-10-25T00:30:00Z", "Sunday 25 October 2020 02:30 (Europe/Brussels, CEST)"),
        ("2020-10-25T01:30:00Z", "Sunday 25 October 2020 02:30 (Europe/Brussels, CET)"),
    ],
)
def test_an_instant_in_words_names_weekday_and_zone(instant: str, words: str) -> None:
    assert local_in_words(ms_from_iso(instant), BRUSSELS) == words


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("2020-07-03T13:00:00Z", "Friday 3 July 2020 12:00 and 15:00 (Europe/Brussels)"),
        (
            "2020-07-03T22:00:00Z",
            "Friday 3 July 2020 12:00 (Europe/Brussels) and Saturday 4 July 2020 00:00 (Europe/Brussels)",
        ),
    ],
)
def test_a_span_in_words_says_the_day_once(end: str, words: str) -> None:
    assert span_in_words(ms_from_iso("2020-07-03T10:00Z"), ms_from_iso(end), BRUSSELS) == words


@pytest.mark.parametrize(
    ("iso", "shown"),
    [
        ("2020-07-02T20:59:00Z", "Thu 2020-07-02 22:59 CEST (20:59 UTC)"),
        ("2020-07-03T21:01:00Z", "Fri 2020-07-03 23:01 CEST (21:01 UTC)"),
        ("2020-07-03T22:30:00Z", "Sat 2020-07-04 00:30 CEST (2020-07-03 22:30 UTC)"),
        ("2020-12-03T07:00:05Z", "Thu 2020-12-03 08:00:05 CET (07:00:05 UTC)"),
        ("2020-12-03T07:00:05.250Z", "Thu 2020-12-03 08:00:05 CET (07:00:05 UTC)"),
        # Shown twice in that night: the abbreviation says which one.
        ("2020-10-25T00:30:00Z", "Sun 2020-10-25 02:30 CEST (00:30 UTC)"),
        ("2020-10-25T01:30:00Z", "Sun 2020-10-25 02:30 CET (01:30 UTC)"),
    ],
)
def test_an_instant_is_shown_in_local_time_with_utc_beside_it(iso: str, shown: str) -> None:
    assert local(ms_from_iso(iso), BRUSSELS) == shown


def test_an_instant_that_nobody_knows_is_shown_as_unknown() -> None:
    assert local(None, BRUSSELS) == "unknown"


@pytest.mark.parametrize(
    ("length_ms", "shown"),
    [
        (0, "0 s"),
        (2_500, "2.5 s"),
        (2_050, "2 s"),
        (59_999, "59.9 s"),
        (MINUTE_MS, "1 min"),
        (200_000, "3 min 20 s"),
        (DAY_MS, "1 d"),
        (DAY_MS + 2 * HOUR_MS + 5 * MINUTE_MS, "1 d 2 h"),
        (DAY_MS + 5 * MINUTE_MS, "1 d 5 min"),
    ],
)
def test_a_duration_has_two_units_at_most(length_ms: int, shown: str) -> None:
    assert duration(length_ms) == shown
