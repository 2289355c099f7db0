"""Text of our own on a terminal or in a pipe: wrapped between words, in the width that there is."""

import os
import shutil
import sys
import textwrap
from typing import Final

# In a pipe or file nothing says how wide lines may be; a wider paragraph is hard to read anyway.
_WIDTH_MAX: Final = 100


def write_line(text: str, indent: str = "", hanging: str | None = None) -> None:
    """Write a paragraph; its lines after the first begin with `hanging`, else with `indent` too."""
    further = indent if hanging is None else hanging
    for line in textwrap.wrap(text, _width(), initial_indent=indent, subsequent_indent=further,
                              break_long_words=False, break_on_hyphens=False) or [""]:  # fmt: skip
        sys.stdout.write(line + "\n")


def _width() -> int:
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return min(shutil.get_terminal_size().columns, _WIDTH_MAX)
    return _WIDTH_MAX
