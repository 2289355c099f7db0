"""How households got their supply back in 2020: offices, queues, ninety seconds a card."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.demo import night
from controller.demo.offices import Offices
from protocols.instants import MINUTE_MS, ms_from_iso


@pytest.mark.parametrize(
    ("cut", "lot", "arrives"),
    [
        ("2020-07-02T23:01+02:00", 0, "2020-07-03T08:00+02:00"),  # at the door
        ("2020-07-02T23:01+02:00", 59, "2020-07-03T08:00+02:00"),
        ("2020-07-02T23:01+02:00", 80, "2020-07-03T10:00+02:00"),  # in the course of the morning
        ("2020-07-03T13:00+02:00", 0, "2020-07-03T13:45+02:00"),  # in office hours: the way there
        ("2020-07-03T17:30+02:00", 0, "2020-07-06T08:00+02:00"),  # too late for Friday
        ("2020-07-03T23:01+02:00", 0, "2020-07-06T08:00+02:00"),  # a weekend in the dark
    ],
)
def test_a_household_arrives_when_its_office_is_open(cut: str, lot: int, arrives: str) -> None:
    assert Offices(11).arrival_ms(ms_from_iso(cut), lot) == ms_from_iso(arrives)


def test_a_card_takes_ninety_seconds_and_the_next_one_waits() -> None:
    offices, at_ms = Offices(2), ms_from_iso("2020-07-03T08:00+02:00")
    served = [offices.serve(office, at_ms) - at_ms for office in (0, 0, 1, 0)]
    assert served == [90_000, 180_000, 90_000, 270_000]


def test_whoever_is_not_served_before_closing_comes_again_on_monday() -> None:
    offices = Offices(1)
    late_ms = ms_from_iso("2020-07-03T17:59:30+02:00")
    assert offices.serve(0, late_ms) == ms_from_iso("2020-07-06T08:01:30+02:00")


@given(st.lists(st.integers(0, 20 * 60), max_size=60))
def test_cards_of_one_office_are_at_least_ninety_seconds_apart_and_in_open_hours(minutes: list[int]) -> None:
    offices = Offices(1)
    from_ms = ms_from_iso("2020-07-02T22:00+02:00")
    served = [offices.serve(0, from_ms + minute * MINUTE_MS) for minute in sorted(minutes)]
    assert all(later - sooner >= night.CARD_MS for sooner, later in pairwise(served))
    for ready_ms in served:
        assert offices.arrival_ms(ready_ms - night.CARD_MS, 0) >= ready_ms - night.CARD_MS
