"""A seeded defect is found: each fault of legacy-2020, by a story that the meter without it passes."""

import pytest

from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.interlock import Interlock
from hil.record.model import StoryRecord, StoryVerdict
from hil.stories.collecting import all_stories
from hil.stories.playing import play_story

# The file of this fault sets the faulty meter's clock alone; a night of 2020 sets all of them over midnight.
ELSEWHERE = {"double_midnight": "sound/night-h8"}
STORIES = {each.name: each for each in all_stories()}


def told(name: str, *faults: str) -> StoryRecord:
    """What becomes of a story with a card meter that has these faults."""
    bench = virtual_bench(VirtualDut("legacy-2020", faults=faults))
    return play_story(STORIES[name], bench, Interlock(bench))


@pytest.mark.parametrize("fault", CATALOGUE)
def test_the_story_of_a_fault_is_red_with_it_and_green_without(fault: str) -> None:
    name = ELSEWHERE.get(fault, f"sound/fault-{fault}")
    without = told(name)
    assert (without.verdict, without.why) == (StoryVerdict.PASSED, "")
    record = told(name, fault)
    assert record.verdict is StoryVerdict.FAILED
    assert "expected; found: " in record.why


def test_every_story_has_a_name_of_its_own_and_each_file_of_the_library_is_told() -> None:
    names = [name for name in STORIES if name.startswith("scenario/")]
    assert len(names) == 91
    assert len({each.title for each in STORIES.values()}) == len(STORIES)
