"""Finds the stories: all modules of `hil.suite`, and in each the stories that it declares."""

from collections.abc import Iterator
from importlib import import_module, resources
from types import ModuleType
from typing import Final

from hil.stories.story import BenchStory

SUITE: Final = "hil.suite"


def suite_modules() -> tuple[str, ...]:
    """The names of the suite's modules, in order."""
    files = (entry.name for entry in resources.files(SUITE).iterdir())
    return tuple(
        f"{SUITE}.{name.removesuffix('.py')}"
        for name in sorted(files)
        if name.endswith(".py") and not name.startswith("_")
    )


def stories_of(module: ModuleType) -> Iterator[BenchStory]:
    """What a module declares, in its order: stories, and tuples of them."""
    for value in vars(module).values():
        if isinstance(value, BenchStory):
            yield value
        elif isinstance(value, tuple):
            yield from (each for each in value if isinstance(each, BenchStory))


def all_stories() -> tuple[BenchStory, ...]:
    """Every story of the suite. Raises ValueError for a name that two have."""
    found: dict[str, BenchStory] = {}
    for name in suite_modules():
        for each in stories_of(import_module(name)):
            if found.setdefault(each.name, each) is not each:
                raise ValueError(f"{each.name}: two stories of this name")
    return tuple(found.values())
