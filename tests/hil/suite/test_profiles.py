"""Stories about one rule are green for every kind of sound meter, and not run where they cannot be asked."""

import pytest

from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryVerdict
from hil.stories.collecting import stories_of
from hil.stories.interlock import Interlock
from hil.stories.playing import play_story
from hil.suite import contactor, edges, evidence, lifting, papers, purse, statements, terms, witnesses
from protocols.reasons import Energy

MODULES = (contactor, edges, evidence, lifting, papers, purse, statements, terms, witnesses)
OF_GAS = dict.fromkeys(
    ("a-trip-is-cleared-by-a-person-alone", "the-limiter-is-engaged-and-ended-by-order"),
    "for electricity meters; this one is of gas",
)


@pytest.mark.parametrize(
    ("profile", "energy"),
    [
        ("wallonia-smart", Energy.ELECTRICITY),  # emergency credit starts by itself
        ("smets2-like", Energy.ELECTRICITY),  # a person must press
        ("flanders-digital", Energy.GAS),  # both, and a leak test
    ],
)
def test_a_sound_meter_of_each_kind_passes(profile: str, energy: Energy) -> None:
    bench = virtual_bench(VirtualDut(profile=profile, energy=energy))
    interlock = Interlock(bench)
    records = [play_story(story, bench, interlock) for module in MODULES for story in stories_of(module)]
    bad = {each.name: each.why for each in records if each.verdict is not StoryVerdict.PASSED}
    assert bad == (OF_GAS if energy is Energy.GAS else {})
    assert len(records) > len(MODULES)
