"""Whoever sits at the terminal is asked once, before current flows, and may leave the question."""

import os
import pty
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hil.cli import asking
from tests.hil.cli.desk import PROGRAM, STORY, FakeMeter, relay_desk
from tests.hil.cli.test_run_on_a_wire import OFF, ON

Answer = Callable[[subprocess.Popen[bytes], int], object]


def answered(file: Path, answer: Answer, *words: str) -> tuple[int, str]:
    """A run at a terminal: its status and its errors, where somebody answers the question so."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, "run", "--bench", str(file), *words],
        stdin=slave, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as program:  # fmt: skip
        try:
            assert program.stderr is not None
            asked = b""
            while not asked.endswith(b"[y/N]:") and (came := os.read(program.stderr.fileno(), 1)):
                asked += came
            answer(program, master)
            _, errors = program.communicate(timeout=60)
        finally:
            program.kill()
            os.close(master)
            os.close(slave)
    return program.returncode, (asked + errors).decode()


def test_one_yes_releases_the_current_for_all_stories(tmp_path: Path) -> None:
    meter = FakeMeter(1_000_000)
    with relay_desk(tmp_path, meter, '["clock", "supply", "time"]') as file:
        words = ("--story", STORY, "--story", "supply-through-year-ends")
        status, errors = answered(file, lambda _, master: os.write(master, b"y\n"), *words)
    assert (status, errors.count("Is nobody at the installation?")) == (0, 1), errors
    assert ON in meter.frames
    assert meter.frames[-1] == OFF


LEAVING: list[Answer] = [
    lambda program, _: program.send_signal(signal.SIGINT),
    lambda program, _: program.send_signal(signal.SIGTERM),
    lambda _, master: os.write(master, b"\x04"),
]


@pytest.mark.parametrize("answer", LEAVING, ids=["ctrl-c", "sigterm", "end of input"])
def test_whoever_leaves_the_question_ends_the_run_before_any_current(tmp_path: Path, answer: Answer) -> None:
    meter = FakeMeter(1_000_000)
    with relay_desk(tmp_path, meter, '["clock", "supply", "time"]') as file:
        status, errors = answered(file, answer, "--story", STORY)
    assert (status, "Traceback" in errors) == (130, False), errors
    assert set(meter.frames) == {OFF}


def test_where_nobody_sits_nothing_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open(encoding="utf-8") as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        assert not asking.ask("Is nobody at the installation?")
