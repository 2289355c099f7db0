"""The suite bites: a defect of one line in the firmware is found by the story that names it."""

import pytest

from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryRecord, StoryVerdict
from hil.stories.collecting import all_stories
from hil.stories.interlock import Interlock
from hil.stories.playing import play_story
from tests.hil.planting import ROOT, planted
from tools.mutants import Mutation, read_seeds

STORIES = {each.name: each for each in all_stories()}
SEEDS = read_seeds((ROOT / "tools" / "seeds.toml").read_text("utf-8"))


def told(name: str) -> StoryRecord:
    """What becomes of a story with the guarded meter."""
    bench = virtual_bench(VirtualDut())
    return play_story(STORIES[name], bench, Interlock(bench))


@pytest.mark.parametrize("name", sorted({seed.story for seed in SEEDS}))
def test_the_meter_as_it_is_passes(name: str) -> None:
    record = told(name)
    assert (record.verdict, record.why) == (StoryVerdict.PASSED, "")


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.rule.removeprefix("bench: ").replace(" ", "-"))
def test_a_meter_with_a_seeded_defect_fails_the_story_that_names_it(seed: Mutation) -> None:
    with planted(seed.changes[0]):
        record = told(seed.story)
    assert record.verdict is StoryVerdict.FAILED
    assert "expected; found: " in record.why
