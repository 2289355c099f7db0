"""The subject of a commit is an order, in every kind of checkout."""

import shutil
from pathlib import Path

import pytest

from tools.tidy.project import ROOT, git
from tools.tidy.subjects import LAST_BEFORE_THE_RULE, subjects, wrong_with

ORDERS = [
    "protocols: refuse a calendar without a zone",
    "tools/tidy: bring each rule its bad sample",
    "docs: pass on what the clerk needs",
    "emulator: feed the household from one place",
    "ci: " + "x" * 60 + " y",
]

OTHERS = [
    ("carrier: a connection that was refused is not left behind", "`a` begins no order"),
    ("store: the last sync is kept once", "`the` begins no order"),
    ("tests: what is marked as sent", "`what` begins no order"),
    ("firmware: jumps twice as fast", "`jumps` begins no order"),
    ("docs: measured anew", "`measured` begins no order"),
    ("docs: measuring anew", "`measuring` begins no order"),
    ("store: PostgreSQL behaves as SQLite does", "not of the form"),
    ("Store: name the tables", "not of the form"),
    ("name the tables", "not of the form"),
    ("store: name the tables.", "not of the form"),
    ("fixup! store: name the tables", "not of the form"),
    ("store: name " + "x" * 61, "73 characters; at most 72"),
]


@pytest.mark.parametrize("subject", ORDERS)
def test_an_order_passes(subject: str) -> None:
    assert wrong_with(subject) is None


@pytest.mark.parametrize(("subject", "message"), OTHERS)
def test_what_is_no_order_is_seen(subject: str, message: str) -> None:
    assert message in str(wrong_with(subject))


def commit(root: Path, subject: str) -> None:
    person = ("-c", "user.name=anna", "-c", "user.email=anna@example.org", "-c", "commit.gpgsign=false")
    git(root, *person, "commit", "--quiet", "--allow-empty", "--message", subject)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    git(root, "init", "--quiet")
    return root


def found(root: Path) -> list[str]:
    return [str(finding).partition(": ")[2] for finding in subjects(root)]


def test_only_commits_after_the_rule_began_are_read(checkout: Path) -> None:
    for subject in ("the ground", LAST_BEFORE_THE_RULE, "docs: name the rule", "docs: the rule"):
        commit(checkout, subject)
    assert len(found(checkout)) == 1
    assert found(checkout)[0].startswith("'docs: the rule': `the` begins no order")


def test_a_shallow_clone_is_read_as_far_as_it_goes(checkout: Path, tmp_path: Path) -> None:
    for subject in ("the ground", LAST_BEFORE_THE_RULE, "docs: the rule", "docs: name the rule"):
        commit(checkout, subject)
    for depth, findings in ((1, 0), (2, 1), (3, 1), (4, 1)):
        git(tmp_path, "clone", "--quiet", f"--depth={depth}", checkout.as_uri(), f"clone{depth}")
        assert len(found(tmp_path / f"clone{depth}")) == findings


def test_a_history_of_somebody_else_and_none_at_all_are_not_read(checkout: Path) -> None:
    assert found(checkout) == []
    commit(checkout, "Import relance.")
    assert found(checkout) == []
    shutil.rmtree(checkout / ".git")
    assert found(checkout) == []


def test_the_subjects_of_this_project_are_orders() -> None:
    assert found(ROOT) == []
