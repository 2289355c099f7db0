"""What `make` needs and cannot get, it names in one line, and ends with 2.

The path on which everything is installed is what CI and every fresh clone go.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def program(folder: Path, name: str, script: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder that is the whole PATH: a shell's surroundings, and nobody who is root."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "dirname", "grep", "mktemp", "tail", "rm"):
        (folder / name).symlink_to(shutil.which(name) or name)
    program(folder, "id", "echo 1000")
    program(folder, "apt-get", "echo apt-get was called; exit 1")
    return folder


def run(path: Path, *argv: str, python: str = "python3") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", *argv],
        cwd=ROOT,
        env={"PATH": str(path), "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_python_one_line_says_what_to_install(path: Path, tmp_path: Path) -> None:
    done = run(path, "tools/make-venv", str(tmp_path / "venv"), "requirements/run.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "setup: no 'python3' on the path; install Python 3.11 or newer, "
        "or name one: make setup PYTHON=/path/to/python3\n"
    )


def test_an_old_python_is_refused_by_its_version(path: Path, tmp_path: Path) -> None:
    old = program(path, "python-old", 'case "$2" in *print*) echo 3.9 ;; *) exit 1 ;; esac')
    done = run(path, "tools/make-venv", str(tmp_path / "venv"), "requirements/run.txt", python=str(old))
    assert done.returncode == 2
    assert done.stderr == (
        f"setup: '{old}' is Python 3.9; 3.11 or newer is needed, name one: make setup PYTHON=python3.11\n"
    )


def test_without_venv_and_without_root_one_line_says_which_package(path: Path, tmp_path: Path) -> None:
    bare = program(path, "python3", 'case "$2" in *print*) echo 3.11 ;; *ensurepip*) exit 1 ;; esac')
    done = run(path, "tools/make-venv", str(tmp_path / "venv"), "requirements/run.txt", python=str(bare))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "missing Debian packages: python3.11-venv; not root and no sudo without a password, "
        "so please run as root: apt-get install python3.11-venv\n"
    )
    assert not (tmp_path / "venv").exists()


def test_only_what_is_missing_is_asked_for(path: Path) -> None:
    program(path, "broker", "")
    done = run(path, "tools/need-package", "broker=broker-package", "client=client-package", "plain-package")
    assert done.returncode == 2
    assert done.stderr.endswith(": apt-get install client-package plain-package\n")


def test_what_is_there_needs_nobody(path: Path) -> None:
    program(path, "broker", "")
    done = run(path, "tools/need-package", "broker=broker-package")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_apt_get_the_packages_are_named(path: Path) -> None:
    (path / "apt-get").unlink()
    done = run(path, "tools/need-package", "broker=broker-package")
    assert done.returncode == 2
    assert "there is no apt-get here" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_second_setup_has_nothing_to_do(tmp_path: Path) -> None:
    """With stamps newer than what they stand on, make starts nothing."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("tools", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    for stamp in ("run", "dev"):
        (tmp_path / ".venv" / f"{stamp}.stamp").touch()
    done = subprocess.run(
        ["make", "setup"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHON": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "setup: .venv/bin is ready\n"), done.stderr
