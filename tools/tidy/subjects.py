"""The rule about commits: a subject is `area: order` with at most 72 characters."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.tidy.project import Finding, git, is_checkout

SUBJECT_CHARACTERS_MAX = 72

# The rule begins after the commit with this subject. A hash would change with a rebase.
LAST_BEFORE_THE_RULE = "offsets: the comment says what the code does"

# Words that begin a description and not an order.
_BEGIN_NO_ORDER = """
    a an the this that these those each every all any both some many more most no none nothing
    what which who whose where when why how whether if as because while once
    one two three four five six seven eight nine ten
    it its they their we our you your he she his her
    after again also always at before by for from in into now of on only out over to until up with without
    and but not or so then too there here
"""
NOT_ORDERS = frozenset(_BEGIN_NO_ORDER.split())

_SUBJECT = re.compile(r"(?P<area>[a-z][\w./-]*): (?P<first>[a-z]+) .*[^.\s]")
# Verbs such as `bring`, `need` and `pass` end like this in the imperative too.
_ENDING = re.compile(r"(?:ing|ed|s)$")
_BY_NATURE = re.compile(r"(?:^(?:bring|string|swing|ping|ring|sing|embed|shed|wed|bias|focus)|eed|ss)$")


def wrong_with(subject: str) -> str | None:
    """What is wrong with a commit's subject; None if it is an order.

    A short rule, not a grammar: it refuses articles, pronouns and the like, and the endings -s, -ed and
    -ing. A noun that could be a verb passes (`store: file names`); a reviewer has to notice it.
    """
    match = _SUBJECT.fullmatch(subject)
    if match is None:
        return "not of the form `area: order`, in lower case and without a full stop"
    first = match["first"]
    if first in NOT_ORDERS or (_ENDING.search(first) and not _BY_NATURE.search(first)):
        return f"`{first}` begins no order: say what to do, as `refuse`, `name`, `split`"
    if len(subject) > SUBJECT_CHARACTERS_MAX:
        return f"{len(subject)} characters; at most {SUBJECT_CHARACTERS_MAX}: the why belongs into the body"
    return None


def subjects(root: Path) -> Iterator[Finding]:
    """Every commit since the rule began says in its subject what to do; merges say what they like.

    Without git there is nothing to read. A shallow clone is read as far as it goes; a history in which
    the rule never began is somebody else's and not read.
    """
    for short_hash, subject in _commits(root):
        if message := wrong_with(subject):
            yield Finding(f"commit {short_hash}", 1, f"{subject!r}: {message}")


def _commits(root: Path) -> list[tuple[str, str]]:
    """Hash and subject of the commits that the rule is about, newest first."""
    if not is_checkout(root):
        return []
    try:
        git(root, "rev-parse", "--verify", "HEAD")
    except subprocess.CalledProcessError:  # nothing has been committed yet
        return []
    seen = _log(root, "HEAD")
    before = [short_hash for short_hash, subject in seen if subject == LAST_BEFORE_THE_RULE]
    if before:
        return _log(root, f"{before[0]}..HEAD")
    is_shallow = git(root, "rev-parse", "--is-shallow-repository").strip() == "true"
    return seen if is_shallow else []


def _log(root: Path, commits: str) -> list[tuple[str, str]]:
    lines = git(root, "log", "--no-merges", "--format=%h %s", commits).splitlines()
    return [(short_hash, subject) for short_hash, _, subject in (line.partition(" ") for line in lines)]
