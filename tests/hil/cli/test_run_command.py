"""`relance-hil run` and `stories`, typed as people type them, in processes of their own."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hil.held import held
from hil.record.codec import RECORD_FILE, read_record, write_record
from hil.record.model import StoryVerdict
from hil.stories.collecting import all_stories

PROGRAM = Path(sys.executable).parent / "relance-hil"


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)


def test_the_whole_suite_is_green_on_the_virtual_bench_with_a_guarded_meter(tmp_path: Path) -> None:
    done = typed("run", "--out", str(tmp_path), "--json", "--dut-serial", "M-1")
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    assert summary["dut"]["serial"] == "M-1"
    record = read_record(tmp_path)
    assert {each.name for each in record.stories} == {each.name for each in all_stories()}
    for each in record.stories:
        if each.verdict is StoryVerdict.NOT_RUN:
            assert each.why == "for legacy-2020 meters; this one is guarded"
        else:
            assert (each.verdict, each.why) == (StoryVerdict.PASSED, ""), each.name
    assert "scenario/guarded/night-h1" in (tmp_path / "junit.xml").read_text()
    assert summary["verdicts"]["passed"] >= 105
    # Nothing failed, so there is nothing to tell again, and that is no green. What there is stays.
    again = typed("run", "--out", str(tmp_path), "--rerun-failed")
    told = f"--rerun-failed: {tmp_path}: nothing has failed in this record; it stays as it is\n"
    assert (again.returncode, again.stdout, again.stderr) == (1, "", told)
    assert read_record(tmp_path) == record


def test_a_dry_run_says_what_would_be_asked_and_asks_nothing() -> None:
    done = typed("run", "--dry-run", "--story", "sound/*", "--story", "date-a-day-*")
    assert done.returncode == 0
    assert "to run   date-a-day-ahead\n" in done.stdout
    assert "not run  sound/night-h1: for legacy-2020 meters; this one is guarded\n" in done.stdout
    assert typed("run", "--dry-run", "--story", "sound/*").returncode == 1


def test_the_stories_are_listed_for_programs() -> None:
    entries = json.loads(typed("stories", "--json", "--tag", "date").stdout)["stories"]
    first = next(each for each in entries if each["name"] == "date-a-day-ahead")
    assert first["needs"] == ["Console", "SupplySensor", "ClockFault", "Orders"]
    assert (first["real_duration"], first["tags"]) == ("27 h", ["date"])
    assert "I5" in first["requirements"]


def test_wrong_words_are_refused_with_what_is_allowed() -> None:
    for words, told in (
        (["--story", "date-a-dat-ahead"], "relance-hil stories` lists them (perhaps date-a-day-ahead)"),
        (["--tag", "dates"], '--tag: "dates"; allowed: battery, black-box, card, credit, date, debt'),
        (["--rerun-failed"], "--rerun-failed: allowed: with --out"),
        (["--dut-serial", ""], "--dut-serial: allowed: 1 to 64 printable characters"),
    ):
        done = typed("run", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr
        assert "Traceback" not in done.stderr


def test_what_is_told_again_takes_its_own_place_in_the_record(tmp_path: Path) -> None:
    out = str(tmp_path)
    assert typed("run", "--story", "date-a-*", "--story", "one-*", "--out", out).returncode == 0
    first = read_record(tmp_path)
    broken = replace(first.stories[1], verdict=StoryVerdict.FAILED, why="made up")
    write_record(
        replace(first, stories=(first.stories[0], broken, *first.stories[2:])), tmp_path / RECORD_FILE
    )
    other = typed("run", "--out", out, "--rerun-failed", "--dut-serial", "M-2")
    assert (other.returncode, other.stdout) == (2, "")
    assert "a record of dut (virtual) on virtual; allowed: of this meter and bench, dut (M-2)" in other.stderr
    done = typed("run", "--out", out, "--rerun-failed")
    assert (done.returncode, done.stderr) == (0, "")
    again = read_record(tmp_path)
    assert [each.name for each in again.stories] == [each.name for each in first.stories]
    assert {each.verdict for each in again.stories} == {StoryVerdict.PASSED}
    assert again.notes == (f"Of run {first.run_id}, but for what was told again: {broken.name}.",)


def test_a_folder_that_nothing_can_be_written_to_ends_the_run_before_its_first_story(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = typed("run", "--out", str(tmp_path / "file" / "out"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"--out: {tmp_path}/file/out/record.json: cannot be written: ")


def bench_file(folder: Path) -> Path:
    file = folder / "desk.toml"
    told = '[bench]\nname = "desk"\n[virtual]\nfirmware = "legacy-2020"\nfaults = ["leap_skip"]\n'
    file.write_text(told, encoding="utf-8")
    return file


def test_a_bench_file_chooses_the_meter_whose_fault_is_found(tmp_path: Path) -> None:
    done = typed("run", "--bench", str(bench_file(tmp_path)), "--story", "sound/fault-leap_skip")
    assert done.returncode == 1
    assert "FAILED    sound/fault-leap_skip: 2020-07-03T21:00:59Z: household, by the sensor" in done.stdout
    assert (tmp_path / "desk.toml.lock").read_bytes() == b""


def test_a_bench_that_another_run_holds_is_refused_with_who_holds_it(tmp_path: Path) -> None:
    file = bench_file(tmp_path)
    link = tmp_path / "link.toml"
    link.symlink_to(file.name)
    out = tmp_path / "out"
    with held(file, pytest.fail):
        for words in (
            ["run", "--bench", str(file), "--story", "sound/fault-leap_skip", "--out", str(out)],
            ["run", "--bench", str(link), "--story", "sound/fault-leap_skip", "--out", str(out)],
            ["bench", "check", str(file)],
        ):
            done = typed(*words)
            assert (done.returncode, done.stdout) == (3, ""), words
            assert f"process {os.getpid()} on " in done.stderr
            assert "has this bench" in done.stderr
    assert not out.exists(), "the record there may be of the run that has the bench"


def test_a_lock_that_a_killed_run_left_is_told_and_taken(tmp_path: Path) -> None:
    file = bench_file(tmp_path)
    lock = tmp_path / "desk.toml.lock"
    lock.write_text('{"pid": 7, "host": "desk", "since": "2026-01-01T00:00:00Z"}', encoding="utf-8")
    told: list[str] = []
    with held(file, told.append):
        assert f'"pid":{os.getpid()}' in lock.read_text()
    assert told == [f"{lock}: left behind by process 7 on desk since 2026-01-01T00:00:00Z; taken over"]
