"""Every process is killed again and again while windows open and close; `make kills` does so for longer.

What must hold is in `judging`: no wrong cut, no cent and no release lost or doubled, every entry of a black
box at the controller, and a fleet that can still be cut.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.brokers.running import Embedded, Mosquitto, RunningBroker
from tests.kills.plan import BLOWS_MAX, WINDOW_MS, How, Part, draw
from tests.kills.play import play, told

BLOWS = 7
# One for each part; the plan of its seed has every kind of errand.
FEW_BLOWS = len(Part)


@pytest.mark.parametrize(
    ("seed", "blows", "make_broker"),
    [(1, BLOWS, Mosquitto), (13, FEW_BLOWS, lambda _: Embedded())],
    ids=["mosquitto", "embedded"],
)
def test_kills_of_every_process_cut_nobody_wrongly_and_lose_nothing(
    tmp_path: Path, seed: int, blows: int, make_broker: Callable[[Path], RunningBroker]
) -> None:
    outcome = play(seed, blows, make_broker(tmp_path), tmp_path)
    assert not outcome.found.wrong, told(outcome)
    # Nobody was cut wrongly, but some were cut: else nothing would have been shown.
    assert outcome.found.cuts >= len(Part), told(outcome)


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_strikes_every_part_in_windows_and_beside_them(seed: int) -> None:
    plan = draw(seed, BLOWS)
    assert plan == draw(seed, BLOWS)
    assert {each.part for each in plan.blows} == set(Part)
    assert any(each.how is How.KILL for each in plan.blows)
    assert all(end - begin == WINDOW_MS for begin, end in plan.windows_ms)
    struck_at = [any(begin <= each.at_ms < end for begin, end in plan.windows_ms) for each in plan.blows]
    assert set(struck_at) == {True, False}


def test_a_long_plan_has_no_more_windows_than_a_document() -> None:
    assert len(draw(1, BLOWS_MAX).windows_ms) < 300
