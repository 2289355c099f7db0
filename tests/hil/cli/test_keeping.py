"""A run's record on the disk: from its start on, with each story, and where the disk is full for a while."""

from dataclasses import replace
from pathlib import Path

import pytest

from hil.cli.keeping import EVERY_S, RecordKeeper
from hil.record.codec import RECORD_FILE, read_record
from hil.record.model import RunRecord
from protocols.errors import InputError
from tests.hil.recorded import run_record, story


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def grown(count: int) -> RunRecord:
    return run_record(*(story(f"story-{number}") for number in range(count)))


def test_the_record_grows_with_the_stories_and_no_oftener_than_each_second(tmp_path: Path) -> None:
    clock = Clock()
    keeper = RecordKeeper(tmp_path, clock=clock)
    keeper.begin(grown(0))
    assert read_record(tmp_path).stories == ()
    keeper.after_story(lambda: pytest.fail("a record is made that nobody keeps"))
    clock.now_s += EVERY_S
    keeper.after_story(lambda: grown(2))
    assert read_record(tmp_path) == grown(2)
    keeper.after_story(lambda: pytest.fail("a second has not passed"))
    keeper.end(grown(3))
    assert read_record(tmp_path) == grown(3)
    assert {each.name for each in tmp_path.iterdir()} == {"record.json", "report.html", "junit.xml"}


def test_a_disk_that_is_full_for_a_while_ends_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    keeper = RecordKeeper(tmp_path, clock=clock)
    keeper.begin(grown(0))
    tmp_path.joinpath(RECORD_FILE + ".new").mkdir()
    clock.now_s += EVERY_S
    keeper.after_story(lambda: grown(1))
    assert "record.json: cannot be written" in capsys.readouterr().err
    with pytest.raises(InputError, match="cannot be written"):
        keeper.end(grown(1))
    tmp_path.joinpath(RECORD_FILE + ".new").rmdir()
    keeper.end(grown(1))
    assert read_record(tmp_path) == grown(1)


def test_a_record_whose_stories_are_told_again_is_whole_at_every_time(tmp_path: Path) -> None:
    clock, last = Clock(), grown(3)
    keeper = RecordKeeper(tmp_path, last, clock)
    keeper.begin(replace(last, stories=()))
    assert read_record(tmp_path) == last
    clock.now_s += EVERY_S
    again = story("story-1", why="told again")
    keeper.after_story(lambda: replace(last, run_id="later", stories=(again,)))
    kept = read_record(tmp_path)
    assert kept.stories == (last.stories[0], again, last.stories[2])
    assert kept.run_id == "later"
    assert kept.notes[-1] == f"Of run {last.run_id}, but for what was told again: story-1."
