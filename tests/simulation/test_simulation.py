"""Seeds of the whole system; see docs/simulation.md. `python -m tests.simulation.play` plays more of them."""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from coverage import Coverage
from coverage.exceptions import CoverageWarning

from tests.simulation.drawing import draw
from tests.simulation.run import Outcome, simulate
from tests.simulation.schedule import Schedule, TopUp, read_schedule, write_schedule
from tests.simulation.shrinking import shrink

SEEDS = 12
ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).parent / "kept"


@cache
def outcome_of(seed: int) -> Outcome:
    """A seed is played once for all tests of this process that look at it."""
    return simulate(draw(seed))


def told(outcome: Outcome) -> str:
    """What broke, and the end of the trace."""
    broken = [f"{each.invariant}: {each.text}" for each in outcome.violations]
    return "\n".join((*outcome.last, *broken))


@pytest.fixture
def unmeasured() -> Iterator[None]:
    """No coverage meanwhile: it makes a seed nearly twice as long, and kept schedules pass the same lines."""
    measuring = Coverage.current()
    if measuring is not None:
        measuring.stop()
    yield
    if measuring is not None:
        with warnings.catch_warnings():
            # All that is measured has been imported by now, and was measured then.
            warnings.simplefilter("ignore", CoverageWarning)
            measuring.start()


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_nobody_is_harmed_or_silenced(seed: int) -> None:
    outcome = outcome_of(seed)
    assert not outcome.violations, told(outcome)


@pytest.mark.parametrize("file", sorted(KEPT.glob("*.json")), ids=lambda file: file.stem)
def test_a_failure_that_was_kept_is_mended(file: Path, request: pytest.FixtureRequest) -> None:
    schedule = read_schedule(file.read_bytes())
    if schedule.breaks:
        # Strict: the commit that mends it takes `breaks` out of the file.
        reason = f"{file.stem.replace('-', ' ')} breaks: {schedule.breaks}"
        request.applymarker(pytest.mark.xfail(reason=reason, raises=AssertionError, strict=True))
    outcome = simulate(schedule)
    assert not outcome.violations, told(outcome)


def test_the_seeds_cut_and_restore_as_they_must() -> None:
    # A simulation in which nobody is ever cut would hold every invariant.
    assert sum(outcome_of(seed).cuts for seed in range(3)) > 0


def test_the_same_seed_leads_to_the_same_trace() -> None:
    seed = 4
    # After another one, and in another process, where sets of strings have another order.
    simulate(draw(0))
    program = (
        "from tests.simulation.drawing import draw; from tests.simulation.run import simulate; "
        f"print(simulate(draw({seed})).digest)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "42", "PYTHONPATH": str(ROOT)}
    other = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT, env=environment
    )
    assert simulate(draw(seed)).digest == other.stdout.strip()


@pytest.mark.parametrize("seed", range(20))
def test_a_schedule_is_read_as_it_was_written(seed: int) -> None:
    assert read_schedule(write_schedule(draw(seed))) == draw(seed)


def test_a_failure_is_shrunk_to_what_it_needs() -> None:
    schedule = draw(5)
    payment = TopUp("only", "m00001", 1, at_ms=1)
    schedule = Schedule(seed=5, meters=3, events=(*schedule.events[:4], payment, *schedule.events[4:]))
    assert shrink(schedule, lambda fewer: payment in fewer.events).events == (payment,)
