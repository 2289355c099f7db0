"""A seeded defect is found: each fault of legacy-2020, by a story that the meter without it passes."""

import re

import pytest

from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryRecord, StoryVerdict
from hil.requirements import AskedStory, matrix_of, requirements
from hil.stories.collecting import all_stories
from hil.stories.interlock import Interlock
from hil.stories.playing import play_story
from tools.fault_matrix import PAGE, page_of

STORIES = {each.name: each for each in all_stories()}
ROWS = {
    fault: tuple(name.strip("*") for name in stories.split(", "))
    for fault, stories in re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
}

# How many stories of a row that are no files are told again.
OWN_MAX = 8
# Of 26: what befalls cards, weekdays and hours of a calendar is asked by files alone.
BY_FILE_ALONE_MAX = 13


def told(name: str, *faults: str) -> StoryRecord:
    """What becomes of a story with a card meter that has these faults."""
    bench = virtual_bench(VirtualDut("legacy-2020", faults=faults))
    return play_story(STORIES[name], bench, Interlock(bench))


def test_the_page_has_a_row_for_each_fault_and_names_stories_that_are_there() -> None:
    assert list(ROWS) == list(CATALOGUE)
    assert {name for names in ROWS.values() for name in names} <= set(STORIES)


def asked_again(fault: str) -> list[str]:
    """The fault's own file, and of the stories that are no files some from all over the row."""
    files = [name for name in ROWS[fault] if name.startswith("sound/")]
    own = [name for name in ROWS[fault] if not name.startswith("sound/")]
    step = -(-len(own) // OWN_MAX) or 1
    return [*files[:1], *own[::step]]


def test_most_faults_are_seen_by_stories_of_our_own_too() -> None:
    """The files of the library say what became of a fault in 2020; a meter of tomorrow has none of them."""
    by_file_alone = {fault for fault in CATALOGUE if all(each.startswith("sound/") for each in ROWS[fault])}
    assert len(by_file_alone) <= BY_FILE_ALONE_MAX


@pytest.mark.parametrize("fault", CATALOGUE)
def test_the_story_of_a_fault_is_red_with_it_and_green_without(fault: str) -> None:
    for name in asked_again(fault):
        without = told(name)
        assert (without.verdict, without.why) == (StoryVerdict.PASSED, "")
        record = told(name, fault)
        assert record.verdict is StoryVerdict.FAILED
        assert "expected; found: " in record.why


def test_the_story_of_a_fault_stands_first_and_one_that_it_alone_makes_red_is_bold() -> None:
    page = page_of(
        {"one": ("a", "b", "c/fault-one"), "two": ("a", "c/fault-one")},
        9,
        "head\n<!-- faults: written by `make matrix` -->",
    )
    assert page.splitlines()[-5:-2] == [
        "|---|---|",
        "| `one` | c/fault-one, **b**, a |",
        "| `two` | a, c/fault-one |",
    ]


def test_each_requirement_that_a_bench_can_ask_has_a_story() -> None:
    matrix = matrix_of(
        (AskedStory(each.name, each.requirements) for each in STORIES.values()), requirements()
    )
    assert (matrix.without_story, dict(matrix.unknown)) == ((), {})


def test_no_story_claims_what_no_bench_can_ask() -> None:
    elsewhere = {each.id for each in requirements() if each.elsewhere}
    claimed = {each.name: elsewhere & set(each.requirements) for each in STORIES.values()}
    assert {name: ids for name, ids in claimed.items() if ids} == {}


def test_every_story_has_a_name_of_its_own_and_each_file_of_the_library_is_told() -> None:
    names = [name for name in STORIES if name.startswith("scenario/")]
    assert len(names) == 91
    assert len({each.title for each in STORIES.values()}) == len(STORIES)
