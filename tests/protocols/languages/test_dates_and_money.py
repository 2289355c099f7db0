"""Dates, hours and sums as a household reads them: in one way only, in each language."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.cutting.zones import load_zone, wall_clock
from protocols.instants import HOUR_MS, MINUTE_MS, ms_from_iso
from protocols.languages.catalogue import Sentences
from protocols.languages.dates import moment_for
from protocols.languages.money import sum_for
from protocols.reasons import Language
from protocols.words.en.times import weekday_in_words

BRUSSELS = load_zone("Europe/Brussels")
FR, NL, DE, EN = (Sentences(each) for each in Language)

MOMENTS = """
fr 2020-07-03T23:01+02:00 vendredi 3 juillet 2020 à 23h01
nl 2020-07-03T23:01+02:00 vrijdag 3 juli 2020 om 23.01 uur
de 2020-07-03T23:01+02:00 Freitag, 3. Juli 2020, um 23:01 Uhr
en 2020-07-03T23:01+02:00 Friday 3 July 2020 at 23:01
fr 2020-06-30T09:00+02:00 mardi 30 juin 2020 à 9h00
fr 2020-07-01T08:05+02:00 mercredi 1er juillet 2020 à 8h05
fr 2020-07-01T00:00+02:00 mercredi 1er juillet 2020 à 0h00, dans la nuit de mardi à mercredi
nl 2020-07-01T00:00+02:00 woensdag 1 juli 2020 om 0.00 uur, in de nacht van dinsdag op woensdag
de 2020-07-01T00:00+02:00 Mittwoch, 1. Juli 2020, um 0:00 Uhr, in der Nacht von Dienstag auf Mittwoch
en 2020-07-01T00:00+02:00 Wednesday 1 July 2020 at 0:00, in the night from Tuesday to Wednesday
en 2020-03-29T01:59+01:00 Sunday 29 March 2020 at 1:59, in the night from Saturday to Sunday
en 2020-03-29T02:00+01:00 Sunday 29 March 2020 at 3:00, in the night from Saturday to Sunday
en 2020-10-25T02:30+02:00 Sunday 25 October 2020 at 2:30, in the night from Saturday to Sunday, before the clocks are put back
en 2020-10-25T02:30+01:00 Sunday 25 October 2020 at 2:30, in the night from Saturday to Sunday, after the clocks have been put back
fr 2020-10-25T02:30+02:00 dimanche 25 octobre 2020 à 2h30, dans la nuit de samedi à dimanche, avant le recul des horloges
nl 2020-10-25T02:30+01:00 zondag 25 oktober 2020 om 2.30 uur, in de nacht van zaterdag op zondag, nadat de klok is teruggezet
de 2020-10-25T02:30+02:00 Sonntag, 25. Oktober 2020, um 2:30 Uhr, in der Nacht von Samstag auf Sonntag, bevor die Uhr zurückgestellt wird
"""  # noqa: E501 # a line is one row of the table


@pytest.mark.parametrize("row", MOMENTS.strip().splitlines())
def test_a_moment_reads_as_in_the_table(row: str) -> None:
    language, instant, text = row.split(" ", 2)
    assert moment_for(Sentences(Language(language)), ms_from_iso(instant), BRUSSELS) == text


# Around both changes of 2020, where one wall clock stands for two instants or for none.
CHANGES = st.sampled_from(["2020-03-29T01:00Z", "2020-10-25T01:00Z"]).map(ms_from_iso)


@given(change_ms=CHANGES, first=st.integers(-240, 240), second=st.integers(-240, 240))
def test_two_instants_never_read_alike_in_any_language(change_ms: int, first: int, second: int) -> None:
    one_ms, other_ms = change_ms + first * MINUTE_MS, change_ms + second * MINUTE_MS
    for sentences in (FR, NL, DE, EN):
        texts = {moment_for(sentences, each, BRUSSELS) for each in (one_ms, other_ms)}
        assert len(texts) == len({one_ms, other_ms})


@given(st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31)).map(lambda each: int(each.timestamp())))  # noqa: DTZ001 # any instant
def test_the_hour_of_a_moment_is_that_of_the_wall(instant_s: int) -> None:
    instant_ms = instant_s // 60 * MINUTE_MS
    wall = wall_clock(instant_ms, BRUSSELS)
    weekday = weekday_in_words(wall.date())
    text = moment_for(EN, instant_ms, BRUSSELS)
    assert text.startswith(f"{weekday} {wall.day} {wall:%B %Y} at {wall.hour}:{wall:%M}")
    assert (", in the night" in text) == (wall.hour < 5)


def test_a_day_of_twenty_five_hours_has_no_two_equal_hours() -> None:
    start_ms = ms_from_iso("2020-10-25T00:00+02:00")
    assert len({moment_for(FR, start_ms + hour * HOUR_MS, BRUSSELS) for hour in range(25)}) == 25


@pytest.mark.parametrize(
    ("language", "ueur", "text"),
    [
        (FR, 1_234_500_000, "1 234,50 €"),
        (NL, 1_234_500_000, "€ 1.234,50"),
        (DE, 1_234_500_000, "1.234,50 €"),
        (EN, 1_234_500_000, "€1,234.50"),
        (FR, 0, "0,00 €"),
        (FR, -12_340_000, "-12,34 €"),
        (FR, 5_000, "0,00 €"),
        (FR, 15_000, "0,02 €"),
    ],
)
def test_a_sum_has_whole_cents_and_the_signs_of_its_language(
    language: Sentences, ueur: int, text: str
) -> None:
    shown = sum_for(language, ueur)
    assert shown.replace("\u202f", " ").replace("\xa0", " ") == text
    assert " " not in shown, "a sum is never broken over two lines"
