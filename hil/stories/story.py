"""What a story is: a function that asks a meter something, and what it needs for that.

@story(requirements=("I1",), needs=(Console, ClockFault), tags=("date",), real_duration="2 min")
def a_date_of_tomorrow(bench: StoryBench) -> None:
"A date of tomorrow that nobody has signed changes no bound."
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hil.stories.stage import StoryBench
from hil.stories.wishes import MeterWish
from protocols.reasons import Energy

StoryFunction = Callable[[StoryBench], None]

_REQUIREMENT = re.compile(r"I[1-9]|L([1-9]|10)|QA-(0[1-9]|1[01])")
_NAME = re.compile(r"[a-z][a-z0-9]*([-/._][a-z0-9]+)*")
_DURATION = re.compile(r"[1-9][0-9]* (s|min|h|d)")
NAME_CHARS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class BenchStory:
    """A story, declared. `real_duration`: how long it takes where time cannot be stepped.

    `firmware`, `energy`: the only one that it makes sense for; None: any.
    """

    name: str
    title: str
    run: StoryFunction
    requirements: tuple[str, ...]
    needs: tuple[type, ...]
    tags: tuple[str, ...]
    real_duration: str
    firmware: str | None = None
    energy: Energy | None = None
    meter: MeterWish | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a declaration that is none: a mistake of whoever wrote the story."""
        if not _NAME.fullmatch(self.name) or len(self.name) > NAME_CHARS_MAX:
            raise ValueError(f"{self.name!r}: words of small letters and digits expected")
        if not self.title or "\n" in self.title:
            raise ValueError(f"{self.name}: a docstring expected whose first line says what must hold")
        wrong = [each for each in self.requirements if not _REQUIREMENT.fullmatch(each)]
        if wrong or not self.requirements:
            raise ValueError(f"{self.name}: requirements I1 to I9, L1 to L10, QA-01 to QA-11; found {wrong}")
        if not _DURATION.fullmatch(self.real_duration):
            raise ValueError(f"{self.name}: {self.real_duration!r}; a duration such as 26 h expected")


def story(
    *,
    requirements: tuple[str, ...],
    needs: tuple[type, ...],
    real_duration: str,
    tags: tuple[str, ...] = (),
    name: str = "",
    title: str = "",
    firmware: str | None = None,
    energy: Energy | None = None,
    meter: MeterWish | None = None,
) -> Callable[[StoryFunction], BenchStory]:
    """Declare a function as a story; its name and its docstring's first line serve where none is given."""

    def declare(run: StoryFunction) -> BenchStory:
        return BenchStory(
            name=name or run.__name__.strip("_").replace("_", "-"),
            title=title or (run.__doc__ or "").strip().partition("\n")[0].rstrip("."),
            run=run,
            requirements=requirements,
            needs=needs,
            tags=tags,
            real_duration=real_duration,
            firmware=firmware,
            energy=energy,
            meter=meter,
        )

    return declare
