"""The requirements that stories name, from `requirements.toml`, and which story asks which: the matrix."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgspec

from hil.record.model import RunRecord, StoryVerdict


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement. `elsewhere`: who asks it where a bench cannot, or why nobody; empty for the others."""

    id: str
    text: str
    elsewhere: str = ""


@dataclass(frozen=True, slots=True)
class AskedStory:
    """A story as the matrix sees it. `verdict`: None for one that is declared and was not asked."""

    name: str
    requirements: tuple[str, ...]
    verdict: StoryVerdict | None = None


@dataclass(frozen=True, slots=True)
class RequirementRow:
    """One requirement, with the stories that ask it."""

    requirement: Requirement
    stories: tuple[AskedStory, ...]

    @property
    def worst(self) -> StoryVerdict | None:
        """The worst verdict of its stories; None where none has one."""
        order = list(StoryVerdict)
        verdicts = [story.verdict for story in self.stories if story.verdict is not None]
        return max(verdicts, key=order.index, default=None)

    @property
    def counts(self) -> tuple[tuple[StoryVerdict, int], ...]:
        """How many of its stories have each verdict, from good to bad; what none has is left out."""
        verdicts = [story.verdict for story in self.stories]
        return tuple((each, verdicts.count(each)) for each in StoryVerdict if each in verdicts)


@dataclass(frozen=True, slots=True)
class RequirementMatrix:
    """Requirement × story. `unknown`: ids that are no requirement, with the stories that name them."""

    rows: tuple[RequirementRow, ...]
    unknown: Mapping[str, tuple[str, ...]]

    @property
    def without_story(self) -> tuple[Requirement, ...]:
        """Those that a bench could ask and that no story does."""
        return tuple(
            row.requirement for row in self.rows if not row.stories and not row.requirement.elsewhere
        )


class _RequirementsFile(msgspec.Struct, forbid_unknown_fields=True):
    requirement: tuple[Requirement, ...]


@cache
def requirements() -> tuple[Requirement, ...]:
    """All requirements, in their order."""
    data = resources.files("hil").joinpath("requirements.toml").read_bytes()
    return msgspec.toml.decode(data, type=_RequirementsFile).requirement


def matrix_of(stories: Iterable[AskedStory], known: Sequence[Requirement]) -> RequirementMatrix:
    """Which of these stories asks which of the known requirements."""
    asked = tuple(stories)
    ids = {each.id for each in known}
    unknown: dict[str, tuple[str, ...]] = {}
    for story in asked:
        for name in story.requirements:
            if name not in ids:
                unknown[name] = (*unknown.get(name, ()), story.name)
    rows = tuple(
        RequirementRow(each, tuple(story for story in asked if each.id in story.requirements))
        for each in known
    )
    return RequirementMatrix(rows, unknown)


def matrix_of_record(record: RunRecord) -> RequirementMatrix:
    """The matrix of a run, with each story's verdict."""
    stories = (AskedStory(each.name, each.requirements, each.verdict) for each in record.stories)
    return matrix_of(stories, requirements())
