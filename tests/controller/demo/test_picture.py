"""The live picture fits the terminal: the sentence and the newest hours are there, whatever its size."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from controller.demo import night
from controller.demo.camera import Fleet
from controller.demo.picture import Glimpse, headline, picture, progress
from protocols.instants import HOUR_MS
from protocols.reasons import Supply


def glimpse(now_ms: int, cuts: int = 3) -> Glimpse:
    hours = dict.fromkeys(range(night.START_MS // HOUR_MS, now_ms // HOUR_MS + 1), cuts)
    supply = dict.fromkeys(Supply, 1_000)
    return Glimpse(now_ms, dict.fromkeys(Fleet, supply), dict.fromkeys(Fleet, hours), 1_234_567, 30.0)


def drawn(seen: Glimpse, rows: int, columns: int) -> list[str]:
    console = Console(file=io.StringIO(), width=columns, height=rows + 1, force_terminal=False)
    console.print(picture(seen, rows, columns))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@given(
    st.integers(night.START_MS, night.END_MS),
    st.integers(15, 60),
    st.integers(70, 160),
    st.sampled_from([0, 1, 999, 9_999]),
)
def test_the_picture_fits_and_shows_the_sentence_and_the_newest_hour(
    now_ms: int, rows: int, columns: int, cuts: int
) -> None:
    lines = drawn(glimpse(now_ms, cuts), rows, columns)
    assert len(lines) <= rows
    assert max(map(len, lines)) <= columns
    text = " ".join(" ".join(line.strip("│╭╰╮╯ ") for line in lines).split())
    assert " ".join(headline(now_ms).split())[:60] in text
    assert f"{progress(glimpse(now_ms)).split(',')[0]}" in text
    assert "1,234,567 messages" in text
    heads = [line for line in lines if "hour" in line and "cut by" in line]
    assert len(heads) == 1


def test_at_24_rows_the_newest_hours_stand_first() -> None:
    lines = drawn(glimpse(night.LIE_MS), 23, 80)
    hours = [line.split()[1:3] for line in lines if ":00 " in line and "█" in line]
    assert hours[:3] == [["Thu", "22:00"], ["Thu", "21:00"], ["Thu", "20:00"]]
    assert len(hours) >= 10


@pytest.mark.parametrize(
    ("now_ms", "said"),
    [
        (night.START_MS, "day 1 of 9, 0%"),
        (night.START_MS + (night.END_MS - night.START_MS) // 2, "day 5 of 9, 50%, about 30 s left"),
        (night.END_MS, "day 9 of 9, 100%"),
    ],
)
def test_progress_says_day_share_and_time_left(now_ms: int, said: str) -> None:
    assert progress(glimpse(now_ms)) == said


def test_a_sentence_that_only_names_a_part_is_followed_by_the_next() -> None:
    assert headline(night.WRONG_CUT_MS).startswith("Act two. Two people sign a cut for a few households")
