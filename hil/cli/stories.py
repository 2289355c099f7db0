"""`relance-hil stories`: what a bench can be asked to tell."""

import shutil
import sys
import textwrap
from typing import Final

import msgspec

from hil.cli.choosing import StoryNames, StoryTags, chosen
from hil.cli.options import Json
from hil.stories.story import BenchStory
from protocols.rim.terminal import Exit

_INDENT: Final = "    "
_WIDTH_MAX: Final = 110


def list_stories(names: StoryNames = None, tags: StoryTags = None, *, as_json: Json = False) -> int:
    """List the stories: what each asks, what it needs, and how long it takes on metal.

    On a virtual bench each takes less than a second. Ends with 1 where none is meant.
    """
    stories = chosen(names, tags)
    if as_json:
        entries = {"stories": [_entry(each) for each in stories]}
        sys.stdout.write(msgspec.json.encode(entries).decode() + "\n")
    else:
        width = min(shutil.get_terminal_size().columns, _WIDTH_MAX)
        for each in stories:
            for line in _lines(each):
                sys.stdout.write(
                    textwrap.fill(line, width, subsequent_indent=_INDENT, break_on_hyphens=False) + "\n"
                )
    return Exit.DONE if stories else Exit.NO


def _lines(story: BenchStory) -> tuple[str, ...]:
    needs = ", ".join(each.__name__ for each in story.needs) or "nothing"
    meters = f"; {story.firmware} meters" if story.firmware is not None else ""
    return (
        f"{story.name} ({', '.join(story.requirements)})",
        f"{_INDENT}{story.title}",
        f"{_INDENT}needs {needs}{meters}; on metal {story.real_duration}",
    )


def _entry(story: BenchStory) -> dict[str, object]:
    return {
        "name": story.name,
        "title": story.title,
        "requirements": story.requirements,
        "needs": [each.__name__ for each in story.needs],
        "real_duration": story.real_duration,
        "tags": story.tags,
        "firmware": story.firmware,
        "energy": None if story.energy is None else story.energy.value,
    }
