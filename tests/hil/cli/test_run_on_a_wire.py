"""`relance-hil run --bench` with a meter of metal's manners: a terminal that answers, and one that stops."""

import os
import signal
import subprocess
import sys
import time  # noqa: TID251 # a program is started
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from hil.record.codec import read_record
from hil.record.model import StoryVerdict

PROGRAM = Path(sys.executable).parent / "relance-hil"
STORY = "supply-through-leap-day"
ANSWERS = {
    "help": ["mains on|off: switch it"],
    "identity": ["meter fake-1", "firmware fake", "profile none", "energy electricity"],
    "clock": ["status trusted", "estimate none", "earliest none", "latest none"],
    "supply": ["supply on", "reason none", "warned no", "code none", "screen none"],
    "mains": ["mains on"],
}


class FakeMeter:
    """Speaks the console's grammar (docs/console.md); after `answers` lines it says nothing more."""

    def __init__(self, master: int, answers: int) -> None:
        self.heard: list[str] = []
        self._master, self._left = master, answers
        self._mains = "on"

    def serve(self) -> None:
        held = b""
        while True:
            try:
                held += os.read(self._master, 4096)
            except OSError:
                return
            *lines, held = held.replace(b"\r", b"\n").split(b"\n")
            for line in filter(None, lines):
                self._answer(" ".join(line.decode("ascii").split()))

    def _answer(self, line: str) -> None:
        self.heard.append(line)
        self._left -= 1
        if self._left < 0:
            return
        if line in ("mains on", "mains off"):
            self._mains = line.split()[1]
        says = [f"mains {self._mains}"] if line == "mains" else ANSWERS.get(line, [])
        if line == "supply" and self._mains == "off":
            says = [each.replace("supply on", "supply off") for each in says]
        os.write(self._master, "".join(f"{each}\r\n" for each in (*says, "ok")).encode("ascii"))


@contextmanager
def fake_meter(folder: Path, answers: int) -> Iterator[tuple[Path, FakeMeter]]:
    """A bench file, and the meter behind its terminal."""
    master, slave = os.openpty()
    tty.setraw(slave)
    meter = FakeMeter(master, answers)
    thread = Thread(target=meter.serve, daemon=True)
    thread.start()
    file = folder / "desk.toml"
    does = '["mains", "clock", "load", "time", "supply"]'
    file.write_text(f'[bench]\nname = "desk"\n[console]\nport = "{os.ttyname(slave)}"\ndoes = {does}\n')
    try:
        yield file, meter
    finally:
        os.close(slave)
        os.close(master)
        thread.join(5)


def run(file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "run", "--bench", str(file), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


def test_a_meter_that_answers_is_asked_and_left_safe(tmp_path: Path) -> None:
    with fake_meter(tmp_path, answers=1_000) as (file, meter):
        done = run(file, "--story", STORY, "--out", str(tmp_path / "out"))
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr
    assert "clock set 2020-02-29T23:59:59Z" in meter.heard
    assert [each for each in meter.heard if each.startswith("mains o")][-1] == "mains off"


def test_a_meter_that_stops_answering_is_an_error_in_a_report_that_is_whole(tmp_path: Path) -> None:
    answers = 9
    with fake_meter(tmp_path, answers) as (file, meter):
        done = run(
            file, "--story", STORY, "--story", "supply-through-year-ends", "--out", str(tmp_path / "out")
        )
    assert len(meter.heard) > answers, "it was never asked so far"
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stdout + done.stderr
    record = read_record(tmp_path / "out")
    assert {each.verdict for each in record.stories} <= {StoryVerdict.ERROR, StoryVerdict.NOT_RUN}
    assert "an answer that ends with ok" in record.stories[0].why
    assert {each.name for each in (tmp_path / "out").iterdir()} >= {"record.json", "report.html", "junit.xml"}


def test_a_port_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    file.write_text(f'[bench]\nname = "desk"\n[console]\nport = "{tmp_path}/no"\ndoes = ["clock"]\n')
    done = run(file, "--story", STORY)
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1
    assert f"{tmp_path}/no" in done.stderr


def test_ctrl_c_leaves_the_bench_safe_and_the_record_written(tmp_path: Path) -> None:
    with fake_meter(tmp_path, answers=1_000_000) as (file, meter):
        program = subprocess.Popen(
            [PROGRAM, "run", "--bench", str(file), "--tag", "unsigned", "--out", str(tmp_path / "out")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        until_s = time.monotonic() + 60
        while not any(each.startswith("clock set") for each in meter.heard) and time.monotonic() < until_s:
            time.sleep(0.001)
        program.send_signal(signal.SIGINT)
        out, errors = program.communicate(timeout=60)
        heard = list(meter.heard)
    assert (program.returncode, "Traceback" in errors) == (130, False), out + errors
    assert [each for each in heard if each.startswith("mains o")][-1] == "mains off"
    assert len(read_record(tmp_path / "out").stories) < 17
