"""Two records of the same stories side by side: what changed, and whether something got worse. Pure.

A story that is not asked any more, or gone, was worth something if it had passed: that is worse too. Between
*failed* and *error* nothing is better or worse: neither says that the meter does its part.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from hil.record.model import Measurement, RunRecord, StoryRecord, StoryVerdict

_GREEN: Final = (StoryVerdict.PASSED, StoryVerdict.MARGINAL)
_RED: Final = (StoryVerdict.FAILED, StoryVerdict.ERROR)


@unique
class Turn(StrEnum):
    """Which way something went between two runs."""

    WORSE = "worse"
    BETTER = "better"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class RunDifference:
    """Something about the runs themselves that is not the same: the bench, the meter, the program."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class StoryChange:
    """A story whose verdict changed. None: the story is not in that run. `why`: as the later run says."""

    name: str
    before: StoryVerdict | None
    after: StoryVerdict | None
    turn: Turn
    why: str


@dataclass(frozen=True, slots=True)
class MeasurementChange:
    """A measurement that moved, or whose limits did. None: not taken in that run."""

    story: str
    name: str
    before: Measurement | None
    after: Measurement | None
    turn: Turn

    @property
    def moved(self) -> int | None:
        """The later value less the earlier one; None where they cannot be compared."""
        if self.before is None or self.after is None or self.before.unit != self.after.unit:
            return None
        return self.after.value - self.before.value

    @property
    def room_change_percent(self) -> int | None:
        """By how much the room to the nearest limit grew (+) or shrank (-), in per cent of what it was.

        None where there is no limit, where there was no room, or where the values cannot be compared.
        """
        if self.moved is None or self.before is None or self.after is None:
            return None
        before, after = self.before.room, self.after.room
        if before is None or after is None or before <= 0:
            return None
        return round(100 * (after - before) / before)


@dataclass(frozen=True, slots=True)
class RunComparison:
    """All that differs between two runs. `same_stories`: how many stories ended alike in both."""

    differences: tuple[RunDifference, ...]
    stories: tuple[StoryChange, ...]
    measurements: tuple[MeasurementChange, ...]
    same_stories: int
    same_measurements: int

    @property
    def is_worse(self) -> bool:
        """Whether anything got worse."""
        turns = (*(each.turn for each in self.stories), *(each.turn for each in self.measurements))
        return Turn.WORSE in turns


def compare(before: RunRecord, after: RunRecord) -> RunComparison:
    """What changed from one run to the next; what got worse comes first."""
    old, new = ({story.name: story for story in record.stories} for record in (before, after))
    names = tuple(dict.fromkeys((*new, *old)))
    changes = [_story_change(name, old.get(name), new.get(name)) for name in names]
    pairs = [
        (name, _measurement_changes(name, old[name], new[name]))
        for name in names
        if name in old and name in new
    ]
    changed = [change for _name, found in pairs for change in found if change is not None]
    return RunComparison(
        tuple(_differences(before, after)),
        tuple(sorted((each for each in changes if each is not None), key=lambda each: _ORDER[each.turn])),
        tuple(sorted(changed, key=_urgency)),
        sum(change is None for change in changes),
        sum(change is None for _name, found in pairs for change in found),
    )


_ORDER: Final = {Turn.WORSE: 0, Turn.OTHER: 1, Turn.BETTER: 2}


def turn_of(before: StoryVerdict | None, after: StoryVerdict | None) -> Turn:
    """Which way a verdict went; None: the story, or its measurement, is not in that run."""
    if before in _GREEN and after in _GREEN:
        return Turn.WORSE if after is StoryVerdict.MARGINAL else Turn.BETTER
    if after in _GREEN:
        return Turn.BETTER if before is not None else Turn.OTHER
    if after in _RED:
        return Turn.OTHER if before in _RED else Turn.WORSE
    return Turn.WORSE if before in _GREEN else Turn.OTHER


def _story_change(name: str, old: StoryRecord | None, new: StoryRecord | None) -> StoryChange | None:
    before, after = old.verdict if old else None, new.verdict if new else None
    if before is after:
        return None
    return StoryChange(name, before, after, turn_of(before, after), new.why if new else "")


def _measurement_changes(story: str, old: StoryRecord, new: StoryRecord) -> list[MeasurementChange | None]:
    """A change for each measurement; None for one that is as it was.

    Where a whole story ended before it measured, its verdict says so: what it lacks is nothing more.
    """
    before, after = (_by_name(record.measurements) for record in (old, new))
    found: list[MeasurementChange | None] = []
    for name in dict.fromkeys((*after, *before)):
        one, other = before.get(name), after.get(name)
        if one == other:
            found.append(None)
        elif one is None or other is None:
            found.append(MeasurementChange(story, name, one, other, Turn.OTHER))
        else:
            turn = Turn.OTHER if one.verdict is other.verdict else turn_of(one.verdict, other.verdict)
            found.append(MeasurementChange(story, name, one, other, turn))
    return found


def _by_name(measurements: Sequence[Measurement]) -> dict[str, Measurement]:
    """Measurements by their names; one that a story takes again is `NAME (2)`, in the order of the story."""
    taken: Counter[str] = Counter()
    named: dict[str, Measurement] = {}
    for measurement in measurements:
        taken[measurement.name] += 1
        count = taken[measurement.name]
        named[measurement.name if count == 1 else f"{measurement.name} ({count})"] = measurement
    return named


def _urgency(change: MeasurementChange) -> tuple[int, int]:
    percent = change.room_change_percent
    return _ORDER[change.turn], 0 if percent is None else percent


_ASKED: Final[Sequence[tuple[str, Callable[[RunRecord], str]]]] = (
    ("bench", lambda record: record.bench),
    ("bench file", lambda record: record.bench_sha256[:12]),
    ("meter", lambda record: record.dut.name),
    ("serial number", lambda record: record.dut.serial),
    ("firmware", lambda record: record.dut.firmware),
    ("profile", lambda record: record.dut.profile),
    ("energy", lambda record: record.dut.energy),
    ("relance", lambda record: record.version),
    ("commit", lambda record: record.commit[:12]),
)


def _differences(before: RunRecord, after: RunRecord) -> Iterator[RunDifference]:
    for what, of in _ASKED:
        if of(before) != of(after):
            yield RunDifference(what, of(before), of(after))
