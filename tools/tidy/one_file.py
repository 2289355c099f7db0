"""Rules about one file: its size, words, name, blanks, docstring, and what a lock file pins."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.tidy.project import FileRule, Finding, syntax

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500

# Files that are longer, with their length. The numbers may only fall.
LONGER_FILES: dict[str, int] = {}

# Pattern, and what to do instead. This file and its test must contain them, so they are not searched.
BANNED_WORDS = {
    r"\b(TODO|FIXME|XXX|HACK)\b": "do it now, or file an issue",
    r"(?i)\bwhite-?list": "allow list",
    r"(?i)\bblack-?list": "deny list",
    r"(?i)\bsanity[- ]check": "say what is checked",
    r"(?i)\bdummy\b": "say what it stands in for",
    r"(?i)\bgrandfathered\b": "kept as it was",
    r"(?<![\w.])/(work|root|home/\w+|Users/\w+)/": "a path of one machine; use one relative to the project",
    r"(?i)\b(pypi\.org|pythonhosted\.org|deb\.debian\.org|registry\.npmjs\.org)\b": "name no index",
    r"\bassert False\b": "raise AssertionError with what was wrong",
}
NOT_SEARCHED = {"tools/tidy/one_file.py", "tests/meta/test_tidy.py"}

# Names that say where something was put, not what it does.
BANNED_STEMS = {"util", "utils", "helper", "helpers", "core", "misc", "common", "shared", "shells", "stuff"}

WHITESPACE_SUFFIXES = {".py", ".md", ".toml", ".yaml", ".in"}


def sizes(path: str, text: str) -> Iterator[Finding]:
    """Files have at most 500 lines and functions at most 70."""
    tree = syntax(path, text)
    if tree is None:
        return
    lines = len(text.splitlines())
    allowed = LONGER_FILES.get(path, FILE_LINES_MAX)
    if lines > allowed:
        yield Finding(path, lines, f"{lines} lines; at most {allowed}: split it by what its parts do")
    if path in LONGER_FILES and lines < allowed:
        yield Finding(path, lines, f"down to {lines} lines: lower its number in LONGER_FILES")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                message = f"{node.name} has {length} lines; at most {FUNCTION_LINES_MAX}: name its steps"
                yield Finding(path, node.lineno, message)


def words(path: str, text: str) -> Iterator[Finding]:
    """A file has no banned word; the finding says what to write instead."""
    if path in NOT_SEARCHED:
        return
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern, instead in BANNED_WORDS.items():
            if found := re.search(pattern, line):
                yield Finding(path, number, f"{found[0]!r}: {instead}")


def names(path: str, _text: str) -> Iterator[Finding]:
    """The name of a file or folder says what it does or touches."""
    for part in PurePosixPath(path).parts:
        if PurePosixPath(part).stem in BANNED_STEMS:
            yield Finding(
                path, 1, f"{part!r} names a place, not a purpose: name it by what it does or touches"
            )


def whitespace(path: str, text: str) -> Iterator[Finding]:
    """A file has one newline at its end, no tab, and no trailing blank."""
    if PurePosixPath(path).suffix not in WHITESPACE_SUFFIXES or not text:
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if "\t" in line:
            yield Finding(path, number, "a tab: use spaces")
        if line != line.rstrip():
            yield Finding(path, number, "blanks at the end of the line")
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield Finding(path, len(text.splitlines()), "a file ends with exactly one newline")


def docstrings(path: str, text: str) -> Iterator[Finding]:
    """Every module has a docstring that says what it is for."""
    tree = syntax(path, text)
    if tree is not None and not ast.get_docstring(tree):
        yield Finding(path, 1, "the module has no docstring: say what it is for")


def tests_test(path: str, text: str) -> Iterator[Finding]:
    """Below tests/ there is no __init__.py, and every test_*.py holds a test."""
    parts = PurePosixPath(path).parts
    if parts[0] != "tests":
        return
    if parts[-1] == "__init__.py":
        yield Finding(path, 1, "no __init__.py below tests/ (import-mode=importlib)")
    tree = syntax(path, text)
    if (
        tree is not None
        and parts[-1].startswith("test_")
        and not any(_is_test(node) for node in ast.walk(tree))
    ):
        yield Finding(path, 1, "holds no test")


def _is_test(node: ast.AST) -> bool:
    """A function `test_…`, or `TestX = Machine.TestCase` of a stateful property."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name.startswith("test_")
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id.startswith("Test") for target in node.targets
    )


def pins(path: str, text: str) -> Iterator[Finding]:
    """A lock file pins each package to one version, with hashes, and names no index host."""
    if not re.fullmatch(r"requirements/\w+\.txt", path):
        return
    if found := re.search(r"https?://\S+|^--?\w.*url.*$|@ ", text, flags=re.MULTILINE):
        yield Finding(path, text[: found.start()].count("\n") + 1, f"{found[0]!r}: a lock names no host")
    entry = ""
    for number, line in enumerate(text.splitlines(), start=1):
        entry += line
        if line.endswith("\\"):
            continue
        if "==" not in entry or "--hash=sha256:" not in entry:
            yield Finding(path, number, f"{entry.split()[0]!r} has no exact version with hashes: make lock")
        entry = ""


RULES: tuple[FileRule, ...] = (sizes, words, names, whitespace, docstrings, tests_test, pins)
