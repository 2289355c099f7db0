"""Style as a test: what ruff cannot say about this project's files.

Each rule is a function from a file's path and text to findings. `python -m tools.tidy` runs all of
them over every file that git knows or would add, prints one line a finding, and ends with 1 if any.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500

# A ratchet: files that are longer, with their length. Numbers here only ever fall.
LONGER_FILES: dict[str, int] = {}

# Pattern, and what to do instead. This file and its test, which must spell them, are not searched.
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
NOT_SEARCHED = {"tools/tidy.py", "tests/meta/test_tidy.py"}

# Names that say where somebody put a thing, not what it does.
BANNED_STEMS = {"util", "utils", "helper", "helpers", "core", "misc", "common", "shared", "shells", "stuff"}

TEXT_SUFFIXES = {".py", ".md", ".toml", ".yaml", ".yml", ".html", ".css", ".in", ".txt", ".mako", ".ini", ""}
WHITESPACE_SUFFIXES = {".py", ".md", ".toml", ".yaml", ".in"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to change: where, what, and what is allowed."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


Rule = Callable[[str, str], Iterator[Finding]]


def _tree(path: str, text: str) -> ast.Module | None:
    """The syntax tree of a Python file, None for any other. Broken syntax is ruff's to report."""
    if not path.endswith(".py"):
        return None
    try:
        return ast.parse(text)
    except SyntaxError:
        return None


def sizes(path: str, text: str) -> Iterator[Finding]:
    """Files of at most 500 lines, functions of at most 70: what fits a head and a screen."""
    tree = _tree(path, text)
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
    """No banned word; the finding says what to write instead."""
    if path in NOT_SEARCHED:
        return
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern, instead in BANNED_WORDS.items():
            if found := re.search(pattern, line):
                yield Finding(path, number, f"{found[0]!r}: {instead}")


def names(path: str, _text: str) -> Iterator[Finding]:
    """A file or folder is named by what it does or touches."""
    for part in PurePosixPath(path).parts:
        if PurePosixPath(part).stem in BANNED_STEMS:
            yield Finding(
                path, 1, f"{part!r} names a place, not a purpose: name it by what it does or touches"
            )


def whitespace(path: str, text: str) -> Iterator[Finding]:
    """A newline at the end, no tab, no trailing blank."""
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
    """Every module says at its head what it is for."""
    tree = _tree(path, text)
    if tree is not None and not ast.get_docstring(tree):
        yield Finding(path, 1, "the module has no docstring: say what it is for")


def tests_test(path: str, text: str) -> Iterator[Finding]:
    """Below tests/ there is no __init__.py, and every test_*.py holds a test."""
    parts = PurePosixPath(path).parts
    if parts[0] != "tests":
        return
    if parts[-1] == "__init__.py":
        yield Finding(path, 1, "no __init__.py below tests/ (import-mode=importlib)")
    tree = _tree(path, text)
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


RULES: tuple[Rule, ...] = (sizes, words, names, whitespace, docstrings, tests_test, pins)


def findings(path: str, text: str) -> list[Finding]:
    """What every rule says about one file. `path` is relative to the project, with slashes."""
    return [finding for rule in RULES for finding in rule(path, text)]


def project_files(root: Path) -> list[str]:
    """Text files that git knows or would add, relative to `root`, in order."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = sorted(set(filter(None, listed.split("\0"))))
    return [path for path in paths if PurePosixPath(path).suffix in TEXT_SUFFIXES and (root / path).is_file()]


def main() -> int:
    """Print every finding of the project; 1 if there is any."""
    root = Path(__file__).parents[1]
    found = [
        finding
        for path in project_files(root)
        for finding in findings(path, (root / path).read_text("utf-8"))
    ]
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
