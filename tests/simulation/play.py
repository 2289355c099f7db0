"""`python -m tests.simulation.play SEEDS`: plays seeds, or schedules from files."""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from tests.simulation.drawing import draw
from tests.simulation.run import Outcome, simulate
from tests.simulation.schedule import Schedule, read_schedule, write_schedule
from tests.simulation.shrinking import shrink

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str]) -> int:
    """0 where every run held what it must; else 1, and each failure in full."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.play", description=__doc__)
    parser.add_argument("what", nargs="+", help="how many seeds, FIRST-LAST, or files with a schedule")
    parser.add_argument("--shrink", action="store_true", help="take events away from a failure, and print it")
    parser.add_argument("--worse", action="store_true", help="a store that is restored in every run")
    parser.add_argument("--trace", action="store_true", help="print the end of each trace")
    given = parser.parse_args(arguments)
    failed = played = 0
    for name, schedule in _schedules(given.what, worse=given.worse):
        outcome = simulate(schedule)
        played += 1
        if given.trace:
            _say(*outcome.last)
        if outcome.violations:
            failed += 1
            _tell(name, schedule, outcome)
            if given.shrink:
                _shrink(schedule, outcome.violations[0].invariant)
    _say(f"{played} runs, {failed} failed")
    return 1 if failed else 0


def _schedules(given: Sequence[str], *, worse: bool) -> Iterator[tuple[str, Schedule]]:
    """What to play, each with the arguments that play it again."""
    for each in given:
        if each.endswith(".json"):
            yield each, read_schedule(Path(each).read_bytes())
            continue
        first, _, last = each.rpartition("-")
        for seed in range(int(first or 0), int(last)):
            yield f"{seed}-{seed + 1}{' --worse' * worse}", draw(seed, worse=worse)


def _tell(name: str, schedule: Schedule, outcome: Outcome) -> None:
    _say(f"seed {schedule.seed}, commit {_commit()}, trace {outcome.digest[:16]}, its end:")
    _say(*(f"  {line}" for line in outcome.last))
    _say(*(f"BROKEN {each.invariant}: {each.text}" for each in outcome.violations))
    _say(f"again: python -m tests.simulation.play {name} [--shrink]")


def _shrink(schedule: Schedule, invariant: str) -> None:
    def breaks(fewer: Schedule) -> bool:
        return any(each.invariant == invariant for each in simulate(fewer).violations)

    small = replace(shrink(schedule, breaks), breaks=invariant)
    _say(f"shrunk from {len(schedule.events)} events to {len(small.events)}:", write_schedule(small).decode())


def _commit() -> str:
    told = ["git", "describe", "--always", "--dirty"]
    return (
        subprocess.run(told, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() or "none"
    )


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
