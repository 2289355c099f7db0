"""`relance-hil compare` and `report`, typed as people type them."""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pytest
from junitparser import JUnitXml

from hil.cli import main
from hil.record.codec import write_record
from hil.record.model import RunRecord, StoryVerdict
from tests.hil.recorded import night, run_record, story


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


class Run(Protocol):
    def __call__(self, *words: str, columns: int = 80) -> Ended: ...


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Types a command in `tmp_path`, on a terminal of so many columns."""

    def typed(*words: str, columns: int = 80) -> Ended:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["relance-hil", *words])
        monkeypatch.setenv("COLUMNS", str(columns))
        status = main()
        return Ended(status, *capsys.readouterr())

    return typed


def keep(folder: Path, name: str, record: RunRecord) -> None:
    write_record(record, folder / name / "record.json")


def all_green(record: RunRecord) -> RunRecord:
    stories = (replace(each, verdict=StoryVerdict.PASSED, why="") for each in record.stories)
    return replace(record, stories=tuple(stories), commit="0" * 40, run_id="run-0")


def test_a_run_that_got_worse_ends_with_1_and_says_why_on_one_screen(tmp_path: Path, run: Run) -> None:
    keep(tmp_path, "before", all_green(night()))
    keep(tmp_path, "after", night())
    done = run("compare", "before", "after/record.json")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert lines[2] == "other commit: 000000000000 → 1a2b3c4d5e6f"
    assert lines[3] == "stories: 4 worse, 0 better, 0 otherwise changed, 1 as before"
    assert "  worse: a-day-too-early: passed → failed" in lines
    assert "    expected supply on, found off" in lines
    assert lines[-1] == "something got worse"
    back = run("compare", "after", "before")
    assert (back.returncode, back.stdout.splitlines()[-1]) == (0, "nothing got worse")


def test_many_changes_that_are_not_worse_wait_for_all(tmp_path: Path, run: Run) -> None:
    names = [f"story-{number:02}" for number in range(30)]
    keep(tmp_path, "before", run_record(*(story(each, StoryVerdict.FAILED) for each in names)))
    keep(tmp_path, "after", run_record(*map(story, names)))
    done = run("compare", "before", "after")
    assert "  … 26 more that are not worse; --all shows them" in done.stdout.splitlines()
    assert len(done.stdout.splitlines()) <= 24
    done = run("compare", "before", "after", "--all")
    assert sum("better: story-" in line for line in done.stdout.splitlines()) == 30


def test_a_program_gets_the_same_as_one_object(tmp_path: Path, run: Run) -> None:
    keep(tmp_path, "before", all_green(night()))
    keep(tmp_path, "after", night())
    done = run("compare", "before", "after", "--json")
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert (done.returncode, told["worse"], told["same_stories"]) == (1, True, 1)
    assert told["stories"][0] == {
        "name": "a-day-too-early",
        "before": "passed",
        "after": "failed",
        "turn": "worse",
        "why": "expected supply on, found off\nat Thu 2 Jul 2020 23:02:00.200",
    }


def test_reports_are_made_again_beside_their_record_or_where_one_says(tmp_path: Path, run: Run) -> None:
    keep(tmp_path, "out", night())
    done = run("report", "out")
    assert (done.returncode, done.stdout) == (0, "out/report.html\nout/junit.xml\n")
    (suite,) = JUnitXml.fromfile(str(tmp_path / "out" / "junit.xml"))
    assert suite.failures == 1
    done = run("report", "out/record.json", "--junit", "ci/one.xml")
    assert (done.returncode, done.stdout) == (0, "ci/one.xml\n")
    assert (tmp_path / "ci" / "one.xml").read_bytes() == (tmp_path / "out" / "junit.xml").read_bytes()


def test_requirements_that_no_story_asks_are_named(tmp_path: Path, run: Run) -> None:
    keep(tmp_path, "out", run_record(story("one", requirements=("I1", "I77")), story("two")))
    done = run("requirements", "out", columns=110)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("I1     2 passed: While the clock is lost")
    assert "L3     not for a bench: A formal notice needs" in done.stdout
    assert "no story asks I2, I3, I4," in done.stdout
    assert lines[-1] == "I77 is no requirement; one name it"
    told = json.loads(run("requirements", "out", "--json").stdout)
    assert (told["unknown"], told["without_story"][:2]) == ({"I77": ["one"]}, ["I2", "I3"])
    assert told["requirements"][0]["stories"][1] == {"name": "two", "verdict": "passed"}


WRONG = [
    (["report", "nowhere"], "nowhere: cannot be read: No such file or directory"),
    (["report", "other.json"], "other.json: Object missing required field `relance_hil_record`; allowed"),
    (["compare", "out", "other.json"], "other.json: Object missing required field"),
    (["report", "out", "--junit", "other.json/x"], "--junit: other.json/x: cannot be written: "),
    (["compare", "out"], "Missing argument 'AFTER'. Try `relance-hil compare --help`."),
]


@pytest.mark.parametrize(("words", "said"), WRONG, ids=str)
def test_bad_input_gets_one_line_and_2(tmp_path: Path, run: Run, words: list[str], said: str) -> None:
    keep(tmp_path, "out", night())
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert said in line
