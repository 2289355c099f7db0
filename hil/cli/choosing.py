"""Which stories a person means: by name or pattern, and by tag."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated

import typer

from emulator.forms.problems import perhaps
from hil.stories.collecting import all_stories
from hil.stories.story import BenchStory
from protocols.errors import InputError, quoted

StoryNames = Annotated[
    list[str] | None,
    typer.Option("--story", metavar="NAME", help="Only this story, or those of a pattern such as 'date-*'."),
]
StoryTags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="Only stories with one of these tags.")
]


def chosen(names: Sequence[str] | None, tags: Sequence[str] | None) -> tuple[BenchStory, ...]:
    """The stories of these names that have one of these tags, in their order. Raises InputError."""
    stories = all_stories()
    known = [each.name for each in stories]
    for name in names or ():
        if not any(fnmatchcase(each, name) for each in known):
            allowed = "`relance-hil stories` lists them"
            raise InputError(f"--story: {quoted(name)}; allowed: {allowed}{perhaps(name, known)}")
    all_tags = sorted({tag for each in stories for tag in each.tags})
    for tag in tags or ():
        if tag not in all_tags:
            raise InputError(f"--tag: {quoted(tag)}; allowed: {', '.join(all_tags)}")
    return tuple(
        each
        for each in stories
        if (not names or any(fnmatchcase(each.name, name) for name in names))
        and (not tags or set(tags) & set(each.tags))
    )
