"""A receipt as text of 42 columns, in the characters that a receipt printer has (code page 858). Pure."""

from textwrap import wrap
from typing import Final

from cardreader.receipts.slip import Slip, SlipLine

COLUMNS: Final = 42
# Around each line of a mark.
_STARS: Final = "*** "
# Babel writes spaces that do not break, and a minus of typography; printers have neither.
_PLAIN: Final = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2212": "-", "\u2019": "'"})


def text_of(slip: Slip) -> str:
    """The lines, each of at most 42 characters that code page 858 has."""
    lines = [slip.title.upper().center(COLUMNS).rstrip()]
    for mark in slip.marks:
        rows = wrap(_plain(mark), COLUMNS - 2 * len(_STARS))
        lines += [f"{_STARS}{each}{_STARS[::-1]}".center(COLUMNS).rstrip() for each in rows]
    lines.append("-" * COLUMNS)
    for line in slip.lines:
        lines += _lines_of(line)
    if slip.notes or slip.steps:
        lines.append("-" * COLUMNS)
    for note in slip.notes:
        lines += wrap(_plain(note), COLUMNS)
    for number, step in enumerate(slip.steps, start=1):
        lines += wrap(f"{number}. {_plain(step.text)}", COLUMNS, subsequent_indent="   ")
    return "\n".join(_plain(line) for line in lines) + "\n"


def _lines_of(line: SlipLine) -> list[str]:
    """Label and value on one line where they fit, else the value below, to the right."""
    label, value = _plain(line.label), _plain(line.value)
    if len(label) + len(value) + 1 <= COLUMNS:
        return [label + value.rjust(COLUMNS - len(label))]
    return [*wrap(label, COLUMNS), *(each.rjust(COLUMNS) for each in wrap(value, COLUMNS))]


def _plain(text: str) -> str:
    return text.translate(_PLAIN)
