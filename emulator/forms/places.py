"""Finds the line of each table and key of a TOML text that has been parsed: `events[2].do` stands in line 41.

`tomllib` forgets where a value stood. The text is known to be right here, so that a search for headers, keys
and the ends of values is enough. What stands inside an array or an inline table is found where its key is.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Final

from emulator.forms.problems import joined

_KEY_PART = r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'"""
_PART = re.compile(_KEY_PART)
_DOTTED_KEY = re.compile(rf"(?:{_KEY_PART})(?:[ \t]*\.[ \t]*(?:{_KEY_PART}))*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
# In a value: texts and comments, whose brackets do not count; brackets; the end of a line.
_IN_A_VALUE: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n]",
    re.DOTALL,
)


class Places:
    """The lines of a TOML text, by path: `scenario`, `events[2]`, `events[2].do`."""

    def __init__(self, text: str) -> None:
        self._line_of: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._read(text)

    def line(self, path: str) -> int | None:
        """The line, from 1, of the longest beginning of a path that the text has; None if it has none."""
        while path and path not in self._line_of:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self._line_of.get(path)

    def _read(self, text: str) -> None:
        table = ""
        at, line, counted = 0, 1, 0
        while (at := _end(_BLANK, text, at)) < len(text):
            line, counted = line + text.count("\n", counted, at), at
            brackets = 2 if text.startswith("[[", at) else 1 if text[at] == "[" else 0
            parts, at = _dotted_key(text, _end(_BLANK, text, at + brackets))
            if parts is None:
                return
            if brackets:
                table = self._table(parts, is_array=brackets == 2)  # noqa: PLR2004 # the brackets of [[…]]
                self._line_of.setdefault(table, line)
                at = _end_of_line(text, at)
            else:
                path = table
                for part in parts:
                    path = joined(path, part)
                    self._line_of.setdefault(path, line)
                at = _end_of_value(text, at)

    def _table(self, parts: tuple[str, ...], *, is_array: bool) -> str:
        """The path that a header opens: in an array of tables it means the last one."""
        path = ""
        for place, part in enumerate(parts, start=1):
            path = joined(path, part)
            if is_array and place == len(parts):
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts:
                path = f"{path}[{self._counts[path] - 1}]"
        return path


def _dotted_key(text: str, at: int) -> tuple[tuple[str, ...] | None, int]:
    """The parts of the key at a place, and where it ends; None if there is none."""
    found = _DOTTED_KEY.match(text, at)
    if found is None:
        return None, at
    return tuple(_plain(part) for part in _parts(found[0])), found.end()


def _parts(key: str) -> Iterator[str]:
    yield from (part[0] for part in _PART.finditer(key))


def _plain(part: str) -> str:
    """A part of a key without its quotes and escapes."""
    if part[0] == "'":
        return part[1:-1]
    if part[0] == '"':
        plain: str = tomllib.loads(f"a = {part}")["a"]
        return plain
    return part


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _end_of_value(text: str, at: int) -> int:
    """Where the value that stands behind a key ends: at the end of a line outside all brackets."""
    depth = 0
    for found in _IN_A_VALUE.finditer(text, at):
        match found[0]:
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case "\n" if depth == 0:
                return found.start()
            case _:
                pass
    return len(text)
