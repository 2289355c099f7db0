"""A command ages the service's interval on the same boot; elsewhere it is a lower bound."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.timing.comparing import Here, compare
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.timing import Judgement, State
from tests.protocols.test_timing import BOOT, OFFSETS, RIGHT, STEP_MS, believed, heard, true_ms

TRUSTED: Final[Judgement] = believed(heard(State(BOOT), STEP_MS, RIGHT), STEP_MS)
DOUBTFUL: Final[Judgement] = believed(State(BOOT), STEP_MS)


@given(off_ms=OFFSETS, later_ms=st.integers(0, 10 * DAY_MS))
def test_on_the_same_boot_a_wrong_clock_is_found_and_protection_is_issued_by_the_right_one(
    off_ms: int, later_ms: int
) -> None:
    tick = STEP_MS + later_ms
    found = compare(TRUSTED, Here(true_ms(tick) + off_ms, tick, BOOT))
    # Ten days of ticks are known to seven minutes either way.
    doubt_ms = 2 * SECOND_MS + later_ms // 1_000
    assert abs(found.issue_ms - true_ms(tick)) <= MINUTE_MS + doubt_ms
    assert found.same_boot
    if abs(off_ms) > MINUTE_MS + doubt_ms:
        assert found.forbids_harm
    if abs(off_ms) <= MINUTE_MS:
        assert not found.forbids_harm


@given(off_ms=OFFSETS, later_ms=st.integers(0, 10 * DAY_MS))
def test_elsewhere_nothing_is_issued_before_what_the_service_had_reached(off_ms: int, later_ms: int) -> None:
    here_ms = true_ms(STEP_MS) + later_ms + off_ms
    found = compare(TRUSTED, Here(here_ms, 7, "another"))
    assert TRUSTED.earliest_ms is not None
    assert found.issue_ms == max(here_ms, TRUSTED.earliest_ms)
    assert found.forbids_harm == (
        not -MINUTE_MS - SECOND_MS <= later_ms + off_ms <= MINUTE_MS + 31 * SECOND_MS
    )


@pytest.mark.parametrize("boot", [BOOT, "another"])
def test_a_service_that_doubts_its_clock_forbids_harm_and_says_no_time(boot: str) -> None:
    here = Here(true_ms(HOUR_MS), HOUR_MS, boot)
    found = compare(DOUBTFUL, here)
    assert (found.doubtful, found.forbids_harm, found.offset_ms) == (True, True, None)
    assert found.issue_ms == here.now_ms


def test_without_a_service_there_is_nothing_to_compare_with() -> None:
    found = compare(None, Here(5, 7, BOOT))
    assert (found.forbids_harm, found.issue_ms) == (False, 5)
