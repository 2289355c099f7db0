"""A sound meter of any profile and energy that a bench file may name passes every story that it is asked."""

import pytest

from emulator.population.shipped import shipped_profiles
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryVerdict
from hil.stories.collecting import all_stories
from hil.stories.interlock import Interlock
from hil.stories.playing import play_story
from hil.stories.story import BenchStory
from protocols.reasons import Energy

# Of a story with many dates or instants one is enough here; a scenario file brings meters of its own.
MANY = ("card-torn-", "cut-", "date-", "lie-of-", "supply-through-")
FILES = ("scenario/", "sound/")


def sampled() -> tuple[BenchStory, ...]:
    found: dict[str, BenchStory] = {}
    for each in all_stories():
        if not each.name.startswith(FILES):
            found.setdefault(next((many for many in MANY if each.name.startswith(many)), each.name), each)
    return tuple(found.values())


@pytest.mark.parametrize("energy", list(Energy))
@pytest.mark.parametrize("profile", shipped_profiles())
def test_a_sound_meter_of_any_profile_is_green(profile: str, energy: Energy) -> None:
    bad = {}
    for story in sampled():
        bench = virtual_bench(VirtualDut("guarded", profile, energy))
        record = play_story(story, bench, Interlock(bench))
        is_other = record.verdict is StoryVerdict.NOT_RUN and story.energy not in (None, energy)
        if record.verdict not in (StoryVerdict.PASSED, StoryVerdict.MARGINAL) and not is_other:
            bad[story.name] = f"{record.verdict}: {record.why}"
    assert bad == {}
