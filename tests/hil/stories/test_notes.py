"""What is written down of a story: the planned hour, when each line was said, why it went dark."""

from itertools import pairwise

import msgspec

from emulator.scenario.model import ProgrammedCutSpec
from hil.record.model import StoryRecord
from hil.stories.stage import StoryBench
from protocols.instants import HOUR_MS, UtcMs, ms_from_iso
from tests.hil.telling import told


def planning(passes_ms: int) -> StoryRecord:
    """A story of a cut in an hour, in which so much time passes."""

    def run(stage: StoryBench) -> None:
        planned_ms = stage.now_ms + HOUR_MS
        stage.orders.bring(ProgrammedCutSpec("c1", None, planned_ms, planned_ms + HOUR_MS))
        stage.time.let_pass(passes_ms)

    return told(run)


def test_the_planned_hour_is_a_moment_once_it_has_come() -> None:
    before, after = planning(HOUR_MS - 1_000), planning(2 * HOUR_MS)
    assert not [each for each in before.timeline if "planned hour" in each.text]
    (mark,) = [each for each in after.timeline if "planned hour" in each.text]
    assert mark.text == "the planned hour of c1"
    assert mark.at_ms == after.began_ms + HOUR_MS
    assert all(one.at_ms <= two.at_ms for one, two in pairwise(after.timeline))
    assert before.ended_ms == before.began_ms + HOUR_MS - 1_000, "what is to come makes no story longer"


def test_each_line_of_the_console_has_its_instant() -> None:
    def run(stage: StoryBench) -> None:
        stage.word("clock", "status")
        stage.time.let_pass(60_000)
        stage.word("clock", "status")

    record = told(run)
    (log,) = [each for each in record.attachments if each.name == "console.log"]
    said = [line.split(" ", 1) for line in log.text.splitlines()]
    instants = [ms_from_iso(instant) for instant, _line in said if _line == "> clock"]
    assert instants[-1] - instants[-2] == 60_000


def test_a_failed_story_has_the_black_box_beside_it_and_no_other_has() -> None:
    def run(stage: StoryBench) -> None:
        stage.clock_fault.set_date(UtcMs(stage.now_ms + HOUR_MS))
        stage.check("clock", "lost", stage.word("clock", "status"))

    def right(stage: StoryBench) -> None:
        stage.check("clock", "trusted", stage.word("clock", "status"))

    (box,) = [each for each in told(run).attachments if each.name == "black-box.jsonl"]
    assert [msgspec.json.decode(line) for line in box.text.splitlines()], "a record a line"
    assert not [each for each in told(right).attachments if each.name == "black-box.jsonl"]
