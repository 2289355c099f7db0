"""How `relance-hil run` ends: never green while a story is missing, whatever was lost on the way."""

from collections.abc import Collection
from pathlib import Path

import pytest

from hil.cli import run
from hil.record.codec import read_record
from hil.stories.collecting import all_stories
from hil.stories.running import StoryRun
from protocols.rim.terminal import Exit

NAMES = ["date-a-day-ahead", "date-a-day-back", "date-a-second-ahead"]
STORIES = {each.name: each for each in all_stories()}


def ended(
    monkeypatch: pytest.MonkeyPatch, out: Path, told: int, raised: BaseException | None = None
) -> tuple[int, int]:
    """The status of a run that tells so many of its stories, and how many are in its record."""

    def tell(story_run: StoryRun, names: Collection[str]) -> None:
        assert sorted(names) == NAMES
        for name in NAMES[:told]:
            story_run.play(STORIES[name])
        if raised is not None:
            raise raised

    monkeypatch.setattr(run, "_told", lambda: tell)
    status = run.run_stories(names=NAMES, out=out)
    return status, len(read_record(out).stories)


def test_all_that_passed_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert ended(monkeypatch, tmp_path, 3) == (Exit.DONE, 3)


@pytest.mark.parametrize("told", [0, 1, 2])
def test_a_story_that_was_not_told_is_not_green(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, tmp_path, told) == (Exit.NO, told)
    assert "run: 3 stories expected; not told: " in capsys.readouterr().err


@pytest.mark.parametrize("told", [0, 3])
def test_an_interruption_between_two_stories_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: int
) -> None:
    assert ended(monkeypatch, tmp_path, told, KeyboardInterrupt()) == (Exit.INTERRUPTED, told)
    assert "interrupted" in read_record(tmp_path).notes[-1]


def test_a_mistake_of_the_bench_loses_no_story(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        ended(monkeypatch, tmp_path, 2, ZeroDivisionError())
    assert len(read_record(tmp_path).stories) == 2
