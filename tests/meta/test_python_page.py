"""The programs of docs/python.md run as they stand there, and print what stands below them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_every_program_has_its_output() -> None:
    assert len(PROGRAMS) == PAGE.count("```python") >= 3
    assert all(printed for _, printed in PROGRAMS)


@pytest.mark.parametrize(("program", "printed"), PROGRAMS, ids=range(1, len(PROGRAMS) + 1))
def test_a_program_prints_what_the_page_says(program: str, printed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", printed)


@pytest.mark.parametrize("program", [program for program, _ in PROGRAMS], ids=range(1, len(PROGRAMS) + 1))
def test_a_program_is_annotated_as_the_page_says(program: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(tmp_path / "program.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", re.findall(r"`((?:emulator|protocols)/[a-z_/]+\.py)`", PAGE))
def test_a_module_that_the_page_names_is_there(module: str) -> None:
    assert (ROOT / module).is_file()
