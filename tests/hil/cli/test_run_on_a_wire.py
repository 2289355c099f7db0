"""`relance-hil run --bench` with a meter of metal's manners: a terminal that answers, and one that stops."""

import signal
import subprocess
from pathlib import Path

import pytest

from hil.interrupts import SIGNALS
from hil.record.codec import read_record
from hil.record.model import StoryVerdict
from tests.hil.cli.desk import PROGRAM, STORY, FakeMeter, ended_by, relay_desk, run, typed_desk

OFF, ON = bytes.fromhex("a00100a1"), bytes.fromhex("a00101a2")


def last_mains(meter: FakeMeter) -> str:
    return [each for each in meter.heard if each.startswith("mains o")][-1]


def test_a_meter_that_answers_is_asked_and_left_safe(tmp_path: Path) -> None:
    with typed_desk(tmp_path) as (file, meter):
        done = run(file, "--story", STORY, "--out", str(tmp_path / "out"))
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr
    assert "clock set 2020-02-29T23:59:59Z" in meter.heard
    assert last_mains(meter) == "mains off"
    assert meter.heard[0] == "mains off", "nothing is asked before the mains are off"


def test_a_check_of_the_bench_names_what_the_console_cannot_do(tmp_path: Path) -> None:
    """Its help knows `mains` alone; the bench file says that it does four things more."""
    with typed_desk(tmp_path) as (file, _):
        done = subprocess.run(
            [PROGRAM, "bench", "check", str(file)], capture_output=True, text=True, check=False, timeout=120
        )
    assert done.returncode != 0
    assert "a console that does clock, load, supply, time expected" in done.stdout + done.stderr


def test_a_meter_that_stops_answering_is_an_error_in_a_report_that_is_whole(tmp_path: Path) -> None:
    answers = 9
    with typed_desk(tmp_path, answers) as (file, meter):
        done = run(
            file, "--story", STORY, "--story", "supply-through-year-ends", "--out", str(tmp_path / "out")
        )
    assert len(meter.heard) > answers, "it was never asked so far"
    # Nobody can say that the mains are off: the bench was not reached in the end.
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stdout + done.stderr
    record = read_record(tmp_path / "out")
    assert {each.verdict for each in record.stories} <= {StoryVerdict.ERROR, StoryVerdict.NOT_RUN}
    assert "an answer that ends with ok" in record.stories[0].why
    assert "The bench: console" in record.notes[-1]
    assert {each.name for each in (tmp_path / "out").iterdir()} >= {"record.json", "report.html", "junit.xml"}


def test_a_port_that_is_not_there_is_one_line_and_a_whole_report(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    file.write_text(f'[bench]\nname = "desk"\n[console]\nport = "{tmp_path}/no"\ndoes = ["clock"]\n')
    done = run(file, "--story", STORY, "--story", "one-*", "--out", str(tmp_path / "out"))
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert f"{tmp_path}/no: a serial port expected" in done.stderr
    record = read_record(tmp_path / "out")
    assert {each.verdict for each in record.stories} == {StoryVerdict.ERROR}
    assert len(record.stories) == 2
    assert all(f"{tmp_path}/no: a serial port expected" in each.why for each in record.stories)
    assert {each.name for each in (tmp_path / "out").iterdir()} >= {"record.json", "report.html", "junit.xml"}


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_leaves_the_bench_safe_and_the_record_written(
    tmp_path: Path, number: signal.Signals
) -> None:
    with typed_desk(tmp_path) as (file, meter):
        status, said = ended_by(
            number,
            lambda: any(each.startswith("clock set") for each in meter.heard),
            file, "--tag", "unsigned", "--out", str(tmp_path / "out"),
        )  # fmt: skip
    assert (status, "Traceback" in said) == (130, False), said
    assert last_mains(meter) == "mains off"
    record = read_record(tmp_path / "out")
    assert len(record.stories) < 17
    assert "interrupted" in record.notes[-1]


def test_a_killed_run_leaves_mains_on_until_the_bench_is_opened_next(tmp_path: Path) -> None:
    meter = FakeMeter(1_000_000)
    with relay_desk(tmp_path, meter, '["clock", "supply", "load"]') as file:
        out = ["--out", str(tmp_path / "killed")]
        status, _ = ended_by(signal.SIGKILL, lambda: meter.mains == "on" and ON in meter.frames, file, *out)
        assert status == -signal.SIGKILL
        assert read_record(tmp_path / "killed").bench == "desk", "the record is there before the first story"
        assert meter.frames[-1] == ON, "no software can help here: docs/benches.md names a watchdog"
        killed = len(meter.frames)
        # Nothing of it can be run on this bench: opening it is enough.
        done = run(file, "--story", "scenario/guarded/flags", "--out", str(tmp_path / "out"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "left behind by process" in done.stderr
    assert set(meter.frames[killed:]) == {OFF}
    assert len(meter.frames[killed:]) == 2, "when it is opened, and at its end"


def test_a_meter_that_is_dead_without_mains_is_asked_with_them(tmp_path: Path) -> None:
    meter = FakeMeter(1_000_000, is_dead_without_mains=True)
    with relay_desk(tmp_path, meter, "[]") as file:
        done = run(file, "--story", "one-*", "--out", str(tmp_path / "out"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert read_record(tmp_path / "out").dut.name == "fake-1"
    assert (meter.frames[0], meter.frames[1], meter.frames[-1]) == (OFF, ON, OFF)


def test_a_story_is_told_to_a_meter_that_is_dead_without_mains(tmp_path: Path) -> None:
    meter = FakeMeter(1_000_000, is_dead_without_mains=True)
    with relay_desk(tmp_path, meter, '["clock", "supply", "time"]') as file:
        done = run(file, "--story", STORY)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr
    assert meter.frames[-1] == OFF


def test_without_a_release_no_current_flows(tmp_path: Path) -> None:
    meter = FakeMeter(1_000_000)
    with relay_desk(tmp_path, meter, '["clock", "supply"]') as file:
        done = subprocess.run(
            [PROGRAM, "run", "--bench", str(file), "--story", STORY],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert (done.returncode, set(meter.frames)) == (1, {OFF})
    assert f"NOT RUN   {STORY}: the operator has not released the current\n" in done.stdout


def test_what_the_environment_wants_of_pytest_is_not_heard(tmp_path: Path) -> None:
    with typed_desk(tmp_path) as (file, _):
        done = run(file, "--story", STORY, PYTEST_ADDOPTS="-k nothing", PYTEST_PLUGINS="not_there")
    assert done.returncode == 0, done.stdout + done.stderr
