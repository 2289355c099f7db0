"""`python -m benchmarks.before PATH [NAME…]`: measure this checkout and another one in turn, as ratios.

Each turn is a process of its own that runs the benchmarks of its checkout, with this interpreter. So whatever
else the machine does falls on both alike.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure, figure_of, number_text, ratios

HERE: Final = Path(__file__).parents[1]
_REPETITIONS: Final = 3
_DEFAULT: Final = ("wire", "intake")
Values = Mapping[str, float]


def main(before: Path, names: Sequence[str], repetitions: int = _REPETITIONS) -> None:
    """Print, for each rate that both measure, how many times the other's rate ours is."""
    ours: list[Values] = []
    others: list[Values] = []
    for _ in range(repetitions):
        others.append(_rates_of(before, names))
        ours.append(_rates_of(HERE, names))
    for each in compare(ours, others):
        low, high = each.spread or (each.value, each.value)
        print(f"{each.name}: {number_text(each.value)} × ({number_text(low)} - {number_text(high)})")


def compare(ours: Sequence[Values], others: Sequence[Values]) -> list[Figure]:
    """The median of the ratios of each turn, for every name that all turns have."""
    shared = [name for name in ours[0] if all(name in each for each in (*ours, *others))]
    return [
        figure_of(name, ratios([each[name] for each in ours], [each[name] for each in others]), "×")
        for name in shared
    ]


def _rates_of(checkout: Path, names: Sequence[str]) -> Values:
    """The rates, per second, that a checkout's own benchmarks measure. Raises CalledProcessError."""
    done = subprocess.run(  # noqa: S603 # this interpreter, and a path that the caller names
        [sys.executable, "-m", "benchmarks", *names, "--json"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return {
        each["name"]: each["value"] for each in json.loads(done.stdout)["figures"] if each["unit"] == "1/s"
    }


if __name__ == "__main__":
    if len(sys.argv) < 2 or not Path(sys.argv[1], "benchmarks").is_dir():  # noqa: PLR2004 # the program and PATH
        sys.exit("usage: python -m benchmarks.before PATH [NAME…], where PATH is another checkout")
    main(Path(sys.argv[1]).resolve(), sys.argv[2:] or _DEFAULT)
