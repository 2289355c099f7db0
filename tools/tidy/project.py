"""The input of the rules (the project's files, their texts and syntax trees), and their output."""

import ast
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]

# What is shipped, from the highest package to the lowest.
PACKAGES = ("hil", "controller", "relance", "emulator", "cardreader", "protocols")

TEXT_SUFFIXES = {".py", ".md", ".toml", ".yaml", ".yml", ".html", ".css", ".in", ".txt", ".mako", ".ini", ""}

# Folders of generated files. They matter only without git, which knows the ignored ones.
_MADE = {"build", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to change: where, what, and what is allowed."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Project:
    """The paths of all files, relative to the root and with slashes, and the texts of the text files."""

    paths: frozenset[str]
    texts: Mapping[str, str]

    def python(self, *folders: str) -> Iterator[tuple[str, ast.Module]]:
        """The syntax trees of the Python files below these top folders, in the order of their paths."""
        for path, text in self.texts.items():
            if path.partition("/")[0] in folders and (tree := syntax(path, text)) is not None:
                yield path, tree


FileRule = Callable[[str, str], Iterator[Finding]]
ProjectRule = Callable[[Project], Iterator[Finding]]


def syntax(path: str, text: str) -> ast.Module | None:
    """The syntax tree of a Python file; None for any other, and for broken syntax, which ruff reports."""
    return _parsed(text) if path.endswith(".py") else None


@cache
def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except SyntaxError:
        return None


def project_of(texts: Mapping[str, str]) -> Project:
    """A project of only these files, for tests."""
    return Project(frozenset(texts), dict(texts))


def read_project(root: Path) -> Project:
    """The files that git knows or would add; without git, all files that are not generated."""
    paths = sorted(_listed_by_git(root) if is_checkout(root) else _walked(root))
    texts = {
        path: (root / path).read_text("utf-8")
        for path in paths
        if PurePosixPath(path).suffix in TEXT_SUFFIXES and (root / path).is_file()
    }
    return Project(frozenset(paths), texts)


def is_checkout(root: Path) -> bool:
    """Whether `root` is the top of a git checkout; a tarball unpacked inside another one is not."""
    try:
        top = git(root, "rev-parse", "--show-toplevel")
    except (OSError, subprocess.CalledProcessError):
        return False
    return Path(top.strip()) == root.resolve()


def git(root: Path, *words: str) -> str:
    """The output of git. Raises OSError if git is missing, CalledProcessError if the command fails."""
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout


def _listed_by_git(root: Path) -> set[str]:
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return {path for path in listed.split("\0") if path and (root / path).is_file()}


def _walked(root: Path) -> set[str]:
    files = (file.relative_to(root) for file in root.rglob("*") if file.is_file())
    return {file.as_posix() for file in files if not any(_is_made(part) for part in file.parts[:-1])}


def _is_made(folder: str) -> bool:
    return folder in _MADE or folder.startswith(".") or folder.endswith(".egg-info")
