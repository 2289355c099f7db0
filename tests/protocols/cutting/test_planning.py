"""Nobody drafts a cut past the linter: the drafts that it was not asked about are planning's alone."""

import ast
from pathlib import Path

import pytest

from protocols.documents import drafting

ROOT = Path(__file__).parents[3]
UNLINTED = [name for name in vars(drafting) if name.startswith("unlinted_")]
ALLOWED = {
    "protocols/documents/drafting.py",
    "protocols/cutting/planning.py",
    # Two people of the demo go around the linter, on purpose: the meters' own gate is what it shows.
    "controller/demo/operators.py",
}


def names_in(path: Path) -> set[str]:
    """Every name, attribute and imported name of a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                found.add(name)
    return found


@pytest.mark.parametrize("name", UNLINTED)
def test_only_planning_drafts_what_the_linter_was_not_asked_about(name: str) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for package in ("protocols", "cardreader", "emulator", "controller", "hil", "benchmarks")
        for path in (ROOT / package).rglob("*.py")
        if name in names_in(path)
    }
    assert users - ALLOWED == set()
    assert "protocols/cutting/planning.py" in users


def test_a_calendar_and_a_cut_are_drafted_unlinted_and_nothing_else() -> None:
    assert sorted(UNLINTED) == ["unlinted_calendar", "unlinted_cut"]
