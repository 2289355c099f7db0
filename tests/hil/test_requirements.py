"""The list of requirements is whole, and the matrix says which of them no story asks."""

from hypothesis import given

from hil.record.model import RunRecord, StoryVerdict
from hil.requirements import AskedStory, Requirement, matrix_of, matrix_of_record, requirements
from tests.hil.recorded import alike_runs, night

IDS = (
    *(f"I{number}" for number in range(1, 10)),
    *(f"L{number}" for number in range(1, 11)),
    *(f"QA-{number:02}" for number in range(1, 12)),
)


def test_every_requirement_stands_in_the_list_once_with_a_sentence() -> None:
    assert tuple(each.id for each in requirements()) == IDS
    assert all(each.text.endswith(".") and "\n" not in each.text for each in requirements())


KNOWN = (Requirement("I1", "one."), Requirement("I2", "two."), Requirement("L1", "law.", "the office"))


def test_a_requirement_without_a_story_is_named_unless_a_bench_cannot_ask_it() -> None:
    matrix = matrix_of([AskedStory("a", ("I1", "I99")), AskedStory("b", ("I1",))], KNOWN)
    assert [tuple(story.name for story in row.stories) for row in matrix.rows] == [("a", "b"), (), ()]
    assert [each.id for each in matrix.without_story] == ["I2"]
    assert matrix.unknown == {"I99": ("a",)}


def test_a_run_gives_each_requirement_the_worst_verdict_of_its_stories() -> None:
    worst = {row.requirement.id: row.worst for row in matrix_of_record(night()).rows if row.stories}
    assert worst == {
        "I1": StoryVerdict.ERROR,
        "I3": StoryVerdict.MARGINAL,
        "I7": StoryVerdict.FAILED,
        "L6": StoryVerdict.PASSED,
        "L9": StoryVerdict.MARGINAL,
        "QA-04": StoryVerdict.FAILED,
        "QA-07": StoryVerdict.NOT_RUN,
    }


@given(alike_runs())
def test_no_story_is_lost_on_its_way_into_the_matrix(record: RunRecord) -> None:
    matrix = matrix_of_record(record)
    found = {(row.requirement.id, story.name) for row in matrix.rows for story in row.stories}
    found |= {(name, story) for name, stories in matrix.unknown.items() for story in stories}
    assert found == {(each, story.name) for story in record.stories for each in story.requirements}
