"""A story says all that it needs: on a bench that has no more, it passes as on one that has everything."""

from dataclasses import replace

import pytest

from hil.capabilities import Factory, Timebase
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryVerdict
from hil.stories.collecting import all_stories
from hil.stories.interlock import Interlock
from hil.stories.playing import play_story
from hil.stories.story import BenchStory

# Those of a scenario file are made for a whole virtual bench, and sound/ is for the meters of 2020.
STORIES = [each for each in all_stories() if not each.name.startswith(("scenario/", "sound/"))]


@pytest.mark.parametrize("asked", STORIES, ids=lambda each: each.name)
def test_a_story_is_told_on_exactly_what_it_needs(asked: BenchStory) -> None:
    bench = virtual_bench(VirtualDut())
    kept = {Timebase, *asked.needs, *([Factory] if asked.meter is not None else [])}
    drivers = {each: driver for each, driver in bench.drivers.items() if each in kept}
    record = play_story(asked, replace(bench, drivers=drivers), Interlock(bench))
    if record.verdict is StoryVerdict.NOT_RUN:
        assert record.why.startswith("for legacy-2020 meters")
    else:
        assert (record.verdict, record.why) in (
            (StoryVerdict.PASSED, ""),
            (StoryVerdict.MARGINAL, record.why),
        )
