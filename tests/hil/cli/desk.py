"""A meter of metal's manners on a desk, behind terminals: its console, and a relay board for its mains."""

import os
import signal
import subprocess
import sys
import time  # noqa: TID251 # a program is started
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

PROGRAM = Path(sys.executable).parent / "relance-hil"
STORY = "supply-through-leap-day"
ANSWERS = {
    "help": ["mains on|off: switch it"],
    "identity": ["meter fake-1", "firmware fake", "profile none", "energy electricity"],
    "clock": ["status trusted", "estimate none", "earliest none", "latest none"],
    "supply": ["supply on", "reason none", "warned no", "code none", "screen none"],
}
FRAME_BYTES = 4


class FakeMeter:
    """Speaks the console's grammar (docs/console.md); after `answers` lines it says nothing more.

    `is_dead_without_mains`: as most meters are, it says nothing then.
    """

    def __init__(self, answers: int, *, is_dead_without_mains: bool = False) -> None:
        self.heard: list[str] = []
        self.frames: list[bytes] = []
        self.mains = "off" if is_dead_without_mains else "on"
        self._is_dead_without_mains = is_dead_without_mains
        self._left = answers
        # Its cable is pulled out as soon as it hears the next line.
        self.is_unplugged_next = False

    def serve(self, master: int) -> None:
        """The console."""
        for line in filter(None, _lines(master)):
            if self.is_unplugged_next:
                return
            says = self._answer(" ".join(line.split()))
            if says is not None:
                os.write(master, "".join(f"{each}\r\n" for each in (*says, "ok")).encode("ascii"))

    def obey(self, master: int) -> None:
        """The relay board."""
        held = b""
        while (came := _read(master)) is not None:
            held += came
            while len(held) >= FRAME_BYTES:
                frame, held = held[:FRAME_BYTES], held[FRAME_BYTES:]
                self.frames.append(frame)
                self.mains = "on" if frame[2] else "off"

    def _answer(self, line: str) -> list[str] | None:
        self.heard.append(line)
        self._left -= 1
        if self._left < 0 or (self._is_dead_without_mains and self.mains == "off"):
            return None
        if line in ("mains on", "mains off"):
            self.mains = line.split()[1]
        if line == "mains":
            return [f"mains {self.mains}"]
        if line == "supply" and self.mains == "off":
            return [each.replace("supply on", "supply off") for each in ANSWERS[line]]
        return ANSWERS.get(line, [])


def _read(master: int) -> bytes | None:
    try:
        return os.read(master, 4096)
    except OSError:
        return None


def _lines(master: int) -> Iterator[str]:
    held = b""
    while (came := _read(master)) is not None:
        *lines, held = (held + came).replace(b"\r", b"\n").split(b"\n")
        yield from (each.decode("ascii") for each in lines)


@contextmanager
def terminal(serve: Callable[[int], None]) -> Iterator[str]:
    """The path of a terminal at whose other end something serves."""
    master, slave = os.openpty()
    tty.setraw(slave)

    def serve_and_hang_up() -> None:
        try:
            serve(master)
        finally:
            os.close(master)

    thread = Thread(target=serve_and_hang_up, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.close(slave)
        thread.join(5)


@contextmanager
def typed_desk(folder: Path, answers: int = 1_000_000) -> Iterator[tuple[Path, FakeMeter]]:
    """A bench file whose mains are typed, and the meter behind its terminal."""
    meter = FakeMeter(answers)
    with terminal(meter.serve) as console:
        does = '["mains", "clock", "load", "time", "supply"]'
        yield _file(folder, f'[console]\nport = "{console}"\ndoes = {does}\n'), meter


@contextmanager
def relay_desk(folder: Path, meter: FakeMeter, does: str) -> Iterator[Path]:
    """A bench file whose mains a relay board switches."""
    with terminal(meter.serve) as console, terminal(meter.obey) as relay:
        told = f'[console]\nport = "{console}"\ndoes = {does}\n[relay]\nport = "{relay}"\n'
        yield _file(folder, told)


def _file(folder: Path, told: str) -> Path:
    file = folder / "desk.toml"
    file.write_text(f'[bench]\nname = "desk"\nsettle_ms = 40\nboot_ms = 400\n{told}')
    return file


def run(file: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`relance-hil run`, to its end. Nobody sits at it: the current is released by an option."""
    return subprocess.run(
        [PROGRAM, "run", "--release-mains", "--bench", str(file), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
        env=os.environ | environment,
    )


def ended_by(number: signal.Signals, when: Callable[[], bool], file: Path, *words: str) -> tuple[int, str]:
    """`relance-hil run`, and a signal once something is so: its status, and all that it said."""
    program = subprocess.Popen(
        [PROGRAM, "run", "--release-mains", "--bench", str(file), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until_s = time.monotonic() + 60
    while not when() and time.monotonic() < until_s:
        time.sleep(0.001)
    program.send_signal(number)
    said, _ = program.communicate(timeout=60)
    return program.returncode, said
