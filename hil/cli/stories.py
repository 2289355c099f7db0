"""`relance-hil stories`: what a bench can be asked to tell."""

import sys

import msgspec

from hil.cli.choosing import StoryNames, StoryTags, chosen
from hil.cli.options import Json
from hil.stories.story import BenchStory
from protocols.rim.terminal import Exit


def list_stories(names: StoryNames = None, tags: StoryTags = None, *, as_json: Json = False) -> int:
    """List the stories: what each asks, what it needs, and how long it takes on metal.

    On a virtual bench each takes less than a second. Ends with 1 where none is meant.
    """
    stories = chosen(names, tags)
    if as_json:
        entries = {"stories": [_entry(each) for each in stories]}
        sys.stdout.write(msgspec.json.encode(entries).decode() + "\n")
    else:
        width = max((len(each.name) for each in stories), default=0)
        for each in stories:
            sys.stdout.write(f"{each.name:<{width}}  {','.join(each.requirements):<15}  {each.title}\n")
    return Exit.DONE if stories else Exit.NO


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
        "draws_current": story.draws_current,
    }
