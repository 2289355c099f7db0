"""The programs of docs/python.md run as they stand there, and print what stands below them."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import relance

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
IMPORTED = re.compile(r"^    (\w+),$", re.MULTILINE)
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


def test_the_package_names_all_that_the_programs_import_and_its_version() -> None:
    heads = [program.partition("\n\n")[0] for program, _ in PROGRAMS]
    imported = {name for head in heads for name in IMPORTED.findall(head)}
    assert imported == set(relance.__all__) - {"__version__"}
    assert relance.__version__ == version("relance")


def test_the_package_loads_nothing_that_a_meter_does_not_need() -> None:
    heavy = {"sqlalchemy", "matplotlib", "aiomqtt", "controller"}
    code = f"import relance, sys; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
