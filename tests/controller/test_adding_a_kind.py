"""A new kind of order works from draft to effect once it has a body, a row and a deed, and nothing else.

The kind is made up: it is written into a copy of the tree, at the three places that `docs/adding-a-kind.md`
names, and `made_up_kind` is run there.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BODY = """

class NoticeBody(Body, frozen=True):
    text: str
"""
MEMBER = '    NOTICE = "notice"\n'
IMPORT = "    NoticeBody,\n"
ROW = """\
    Kind.NOTICE: KindRule(
        role=Role.PROTECT,
        prefix="notice",
        body=NoticeBody,
        joins=Joins.LATEST,
        shown_by=ShownBy.RECEIPT,
        resent_rank=65,
        silence=Silence.UNTIL_EFFECTIVE,
        dates=Dates.SOME_INSTANT,
        life_ms=30 * DAY_MS,
        backdated_ms=HOUR_MS,
        retained=True,
    ),
"""
DEED = """
def _notice(order: Order, memory: Memory, _tick: int):
    _mark_harm_seen(order, memory)
    return Did.STORED


"""
DEED_ROW = "    Kind.NOTICE: _notice,\n"

# What is written, into which file, before or after which line; in the sequence of the page.
STEPS = {
    "body": ("protocols/documents/bodies.py", r"\Z", BODY),
    "member": ("protocols/documents/kind_rule.py", r"(?<=^class Kind\(StrEnum\):\n)", MEMBER),
    "import": ("protocols/documents/kinds.py", r"(?<=^from protocols.documents.bodies import \(\n)", IMPORT),
    "row": ("protocols/documents/kinds.py", r"(?<=KINDS: Final\[dict\[Kind, KindRule\]\] = \{\n)", ROW),
    "deed": ("emulator/firmware/guarded/obey.py", r"(?=^_DEEDS: )", DEED),
    "deed's row": ("emulator/firmware/guarded/obey.py", r"(?<=^    Kind.LEASE: _lease,\n)", DEED_ROW),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the packages and of their tests."""
    for folder in ("protocols", "emulator", "controller", "tests"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "kept", "library")
        )
    return tmp_path


def write_kind(tree: Path, steps: Collection[str]) -> None:
    for step in steps:
        name, where, text = STEPS[step]
        code = (tree / name).read_text(encoding="utf-8")
        (place,) = re.finditer(where, code, flags=re.MULTILINE)
        (tree / name).write_text(code[: place.start()] + text + code[place.start() :], encoding="utf-8")


def run_there(tree: Path) -> subprocess.CompletedProcess[str]:
    # Not measured: the files of the copy are gone when coverage is reported.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-m", "tests.controller.made_up_kind", str(tree / "relance.db")]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def test_a_made_up_kind_is_drafted_superseded_synced_obeyed_and_sent_again(tree: Path) -> None:
    write_kind(tree, STEPS)
    done = run_there(tree)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("forgotten", "says"),
    [({"import", "row"}, "every kind has one row"), ({"deed", "deed's row"}, "every kind has one deed")],
)
def test_a_kind_without_a_row_or_a_deed_stops_the_program_at_once(
    tree: Path, forgotten: set[str], says: str
) -> None:
    write_kind(tree, [step for step in STEPS if step not in forgotten])
    done = run_there(tree)
    assert done.returncode != 0
    assert f"AssertionError: {says}" in done.stderr
