"""ARCHITECTURE.md leads to every room, and from it each answer of CONTRIBUTING.md is found in one step."""

import re
import tomllib
from itertools import pairwise
from pathlib import PurePosixPath

import pytest

from tools.tidy.project import PACKAGES, ROOT

ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
QUESTION = re.compile(r"^\| (?P<question>[A-Z][^|]*\?) \| (?P<answer>[^|]*) \|$", re.MULTILINE)


def rooms() -> list[str]:
    """Folders of the packages that hold modules."""
    return sorted(
        f"{file.parent.relative_to(ROOT).as_posix()}/"
        for package in PACKAGES
        for file in (ROOT / package).rglob("__init__.py")
    )


def answers(page: str) -> list[tuple[str, str]]:
    """Each question of a page with each path of its answer."""
    return [
        (match["question"], path)
        for match in QUESTION.finditer(page)
        for path in re.findall(r"`([^`]+/[^`]*)`", match["answer"])
    ]


def leads_to(page: str, path: str) -> bool:
    """Whether a page names a path as such, or its file in a row or table that names its folder."""
    if f"`{path}`" in page:
        return True
    end = "/" if path.endswith("/") else ""
    folder, name = f"`{PurePosixPath(path).parent}/`", f"`{PurePosixPath(path).name}{end}`"
    blocks = page.split("\n\n")
    in_row = any(folder in line and name in line for line in page.splitlines())
    in_table = any(folder in above and name in table for above, table in pairwise(blocks))
    return in_row or in_table


ANSWERS = answers((ROOT / "CONTRIBUTING.md").read_text("utf-8"))


def test_there_are_ten_questions_or_more() -> None:
    assert len({question for question, _path in ANSWERS}) >= 10


@pytest.mark.parametrize(("question", "path"), ANSWERS)
def test_each_answer_is_there_and_found_from_the_architecture_in_one_step(question: str, path: str) -> None:
    assert (ROOT / path).exists(), question
    assert leads_to(ARCHITECTURE, path), question


def misplaced(page: str) -> list[str]:
    """Files that a row about one folder names and that do not lie in it."""
    return [
        f"{row['folder']}{name}"
        for row in re.finditer(r"^\| `(?P<folder>[\w/]+/)`[^|]* \| (?P<text>.*) \|$", page, re.MULTILINE)
        for name in re.findall(r"`(\w+\.py|\w+/)`", row["text"])
        if not (ROOT / row["folder"] / name).exists()
    ]


def test_a_file_lies_in_the_room_in_whose_row_it_is_named() -> None:
    assert misplaced(ARCHITECTURE) == []


def test_a_file_in_the_row_of_another_room_is_seen() -> None:
    row = "| `protocols/link/` | `topics.py`, `slots.py`, `x/` |\n"
    page = row + "| `protocols/` itself | `slots.py`, `tidy.py` |\n"
    assert misplaced(page) == ["protocols/link/slots.py", "protocols/link/x/", "protocols/tidy.py"]


@pytest.mark.parametrize("room", rooms())
def test_every_room_has_its_line_in_the_architecture(room: str) -> None:
    assert leads_to(ARCHITECTURE, room)


def test_every_contract_has_its_line_in_the_architecture() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    names = [contract["name"] for contract in tool["importlinter"]["contracts"]]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in ARCHITECTURE.splitlines()]
    assert [name for name in names if name not in rows] == []


PAGE = """Inside `a/b/`:

| `gate.py` | x |

| `c/` | `clock.py` |
| `d/` | `unit.py`, `deep/` |

`e/f.py`
"""


@pytest.mark.parametrize("path", ["a/b/gate.py", "c/clock.py", "e/f.py", "c/", "d/deep/"])
def test_a_page_leads_to_what_it_names(path: str) -> None:
    assert leads_to(PAGE, path)


@pytest.mark.parametrize("path", ["a/b/clock.py", "d/clock.py", "e/g.py", "f.py"])
def test_a_page_does_not_lead_to_what_it_does_not_name(path: str) -> None:
    assert not leads_to(PAGE, path)


def test_questions_are_read_with_every_path_of_their_answer() -> None:
    page = "| question | file |\n|---|---|\n| Why? | `a/b.py`; `c/` too |\n| no question | `d/e.py` |\n"
    assert answers(page) == [("Why?", "a/b.py"), ("Why?", "c/")]
