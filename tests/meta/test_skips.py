"""In CI a skipped test is a failed one, alone and under pytest's workers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPPED = """
import pytest

def test_that_passes(): pass

@pytest.mark.skip(reason="not today")
def test_marked(): pass

def test_inside():
    pytest.skip("no reader")

@pytest.mark.xfail(strict=True)
def test_that_is_known_to_fail(): raise AssertionError
"""
SKIPPED_MODULE = """
import pytest

pytest.skip("no card", allow_module_level=True)

def test_never(): pass
"""


def run(folder: Path, code: str, ci: str, workers: str) -> str:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_it.py").write_text(code)
    (folder / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", workers],
        cwd=folder,
        env=os.environ | {"CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_skip_fails_in_ci_and_an_expected_failure_does_not(tmp_path: Path, workers: str) -> None:
    # Marked, it is refused before it starts (an error); from inside, it fails.
    assert "1 failed, 1 passed, 1 xfailed, 1 error" in run(tmp_path, SKIPPED, "true", workers)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_module_that_skips_itself_fails_in_ci(tmp_path: Path, workers: str) -> None:
    assert "1 error" in run(tmp_path, SKIPPED_MODULE, "true", workers)


def test_at_home_a_skip_is_a_skip(tmp_path: Path) -> None:
    assert "1 passed, 2 skipped, 1 xfailed" in run(tmp_path, SKIPPED, "", "0")
