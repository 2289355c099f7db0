"""The results of a benchmark: figures with their unit and, if the project has set one, a goal."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isinf
from statistics import median
from typing import Literal

Unit = Literal["×", "1/s", "B", "s", "ms", "µs"]
Clock = Callable[[], float]
# Called after every repetition, with what was just done.
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should be, at least or at most."""

    kind: Literal["at least", "at most"]
    value: float

    def is_met_by(self, value: float) -> bool:
        return value >= self.value if self.kind == "at least" else value <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.kind == 'at least' else '≤'} {number_text(self.value)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `spread`: lowest and highest repetition; `note`: what it was measured on."""

    name: str
    value: float
    unit: Unit
    spread: tuple[float, float] | None = None
    goal: Goal | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        return None if self.goal is None else self.goal.is_met_by(self.value)


def figure_of(
    name: str, values: Sequence[float], unit: Unit, *, goal: Goal | None = None, note: str = ""
) -> Figure:
    """The median of several repetitions."""
    return Figure(name, median(values), unit, (min(values), max(values)), goal, note)


def alternate(
    variants: Mapping[str, Callable[[], Callable[[], object]]],
    repetitions: int,
    progress: Progress,
    clock: Clock = time.process_time,
) -> dict[str, list[float]]:
    """Seconds that each variant took, in every repetition.

    Variants take turns, so that what else the machine does falls on all of them alike: compare values of
    one repetition. A variant is made anew before each turn (outside the time) and is called once.
    """
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(repetitions):
        for name, make in variants.items():
            taken[name].append(seconds(make(), clock))
            progress(f"{name} {number + 1}/{repetitions}")
    return taken


def seconds(run: Callable[[], object], clock: Clock = time.process_time) -> float:
    """How long one call takes, with the garbage collector off."""
    gc.collect()
    was_on = gc.isenabled()
    gc.disable()
    try:
        begun_s = clock()
        run()
        return clock() - begun_s
    finally:
        if was_on:
            gc.enable()


def ratios(slower: Sequence[float], faster: Sequence[float]) -> list[float]:
    """For each repetition, how many times as long one variant took as the other."""
    return [one / other for one, other in zip(slower, faster, strict=True)]


def at(percent: int, ascending: Sequence[float]) -> float:
    """The nearest-rank percentile."""
    return ascending[-(-len(ascending) * percent // 100) - 1]


def spaced(number: int) -> str:
    """A whole number with a space at each thousand."""
    return f"{number:,}".replace(",", " ")


def number_text(value: float) -> str:
    """A number with three significant digits: more would be noise."""
    if value == 0:
        return "0"
    if isinf(value):
        return "never"
    if abs(value) >= 100:  # noqa: PLR2004 # three digits before the point
        digits = max(len(str(int(abs(value)))) - 3, 0)
        return spaced(int(round(value, -digits)))
    return f"{value:.3g}"
