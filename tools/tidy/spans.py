"""Finds the texts in backticks: in pages, docstrings, comments, and messages of our programs."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from tools.tidy.project import PACKAGES, Project, syntax

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Span:
    """One text in backticks, or the target of a link: its file and line, and its words with single blanks."""

    path: str
    line: int
    text: str


def spans(project: Project) -> Iterator[Span]:
    """Everything in backticks: of pages, docstrings and comments, and of the packages' other strings."""
    for path, text in project.texts.items():
        if path.endswith(".md"):
            yield from _found(_SPAN, path, 1, _without_fences(text))
        else:
            for line, prose in _prose(path, text):
                yield from _found(_SPAN, path, line, prose)


def links(project: Project) -> Iterator[Span]:
    """The targets of all links of pages, as they are written."""
    for path, text in project.texts.items():
        if path.endswith(".md"):
            yield from _found(_LINK, path, 1, _without_fences(text))


def _without_fences(text: str) -> str:
    return _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)


def _found(pattern: re.Pattern[str], path: str, line: int, text: str) -> Iterator[Span]:
    # A pair of backticks ends with its paragraph: otherwise one missing backtick would invert the whole page.
    for paragraph in re.finditer(r"(?:.+\n?)+", text):
        for match in pattern.finditer(paragraph[0]):
            before = text.count("\n", 0, paragraph.start() + match.start())
            yield Span(path, line + before, " ".join(match[1].split()))


def _prose(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Texts of a Python file that are written for people, each with its first line."""
    tree = syntax(path, text)
    if tree is None:
        return
    is_shipped = path.partition("/")[0] in PACKAGES
    docstrings = _docstrings(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        # Other strings of tests and tools hold samples of what is wrong.
        if is_shipped or id(node) in docstrings:
            yield node.lineno, node.value
    yield from _comments(text)


def _docstrings(tree: ast.Module) -> set[int]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(id(first.value))
    return found


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """Comments; lines that follow each other are one text, because a pair of backticks may wrap."""
    start, block, last = 0, "", -1
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, words = token.start[0], token.string.lstrip("# ")
        if line == last + 1:
            block += "\n" + words
        else:
            yield start, block
            start, block = line, words
        last = line
    yield start, block
