"""Tests that send Ctrl-C work wherever they are started, also by `make test &` with SIGINT ignored."""

import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SAMPLE = """
import signal
import subprocess


def test_a_program_ends_at_ctrl_c():
    with subprocess.Popen(["sleep", "60"]) as program:
        program.send_signal(signal.SIGINT)
        try:
            assert program.wait(timeout=10) == -signal.SIGINT
        finally:
            program.kill()
"""

# What a shell without job control does to a command that it runs in the background.
IGNORING = "trap '' INT; exec \"$@\""


def ended(folder: Path, *, conftest: str) -> subprocess.CompletedProcess[str]:
    """A run of the sample, by itself, started with SIGINT ignored."""
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_sample.py").write_text(SAMPLE)
    (folder / "pytest.ini").write_text("[pytest]\n")
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:timeout", "-q"]
    return subprocess.run(
        ["sh", "-c", IGNORING, "sh", *argv], cwd=folder, capture_output=True, text=True, check=False
    )


def test_ctrl_c_reaches_the_programs_of_tests_where_sigint_is_ignored(tmp_path: Path) -> None:
    done = ended(tmp_path, conftest=CONFTEST.read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
