"""`relance demo` as a process of its own, as a person starts it."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[3]


def start_demo(folder: Path, *options: str) -> "subprocess.Popen[str]":
    """Start it, in its own session, so that a Ctrl-C reaches it and nobody else."""
    # -P: the current folder is not on the path, as with the installed program.
    program = [sys.executable, "-P", "-c", "import sys; from controller.main import run; sys.exit(run())"]
    return subprocess.Popen(
        [*program, "demo", "--out", str(folder), *options],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that still run: the broker."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


def is_running(pid: int) -> bool:
    """Whether a process is there, and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
