"""Reads a row of the DSO's file: the values of a household, or each wrong cell with what is allowed.

A column that the file does not have says nothing: what is stored stays. An empty cell says that there is no
value; of `meter` it says nothing, since the meter at a connection is named when it is put there.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from msgspec import Struct

from protocols.errors import InputError, quoted
from protocols.identifiers import EAN_DIGITS, check_digit, is_ean, is_id
from protocols.limits import GROUPS_PER_HOUSEHOLD_MAX, ID_CHARS_MAX
from protocols.reasons import Energy, FlagName, Language

# All columns that a file may have; `ean` it must have. In this order values are stored.
COLUMNS: Final = (
    *("ean", "meter", "area", "dso", "category", "energy", "profile", "firmware", "link", "groups"),
    *("language", "flags"),
)
# What a query calls a value that is not known: a value of that name could not be chosen.
_UNKNOWN: Final = "unknown"
_ID_ALLOWED: Final = f"1 to {ID_CHARS_MAX} letters, digits, dots, dashes and underscores"
# So many cells with the same cure are told one by one.
_ALIKE_MAX: Final = 10
_BETWEEN: Final = re.compile(r"[\s,;|]+")

# The values of a row in the order of COLUMNS; None: none, or the file has no such column.
Values = tuple[str | None, ...]


class RowProblem(Struct, frozen=True):
    """A wrong cell: its row as a spreadsheet counts (the heads are row 1), its column, and what is allowed.

    `column` is empty where the row as a whole is wrong.
    """

    row: int
    column: str
    value: str
    allowed: str


class _WrongCellError(ValueError):
    """A cell's value is not allowed; the text says what is."""


def read_heads(cells: Sequence[str], where: str) -> tuple[str, ...]:
    """The columns of a file, from the cells of its first row.

    Raises InputError for a column that nobody knows, one that is there twice, or a file without `ean`.
    """
    heads = tuple(cell.strip().casefold() for cell in cells)
    for number, head in enumerate(heads):
        here = f"{where}: row 1, column {number + 1}: {quoted(cells[number])}"
        if head not in COLUMNS:
            near = get_close_matches(head, COLUMNS, 1)
            hint = f"; near: {near[0]}" if near else ""
            raise InputError(f"{here}{hint}; allowed: {', '.join(COLUMNS)}")
        if head in heads[:number]:
            raise InputError(f"{here} is there twice; allowed: each column once")
    if "ean" not in heads:
        raise InputError(f"{where}: row 1: no column ean; allowed: ean, and any of {', '.join(COLUMNS[1:])}")
    return heads


def read_row(row: int, cells: Sequence[str], heads: tuple[str, ...]) -> Values | list[RowProblem]:
    """The values of a row, or all that is wrong with it."""
    if len(cells) != len(heads):
        return [RowProblem(row, "", f"{len(cells)} cells", f"{len(heads)}, as row 1 has heads")]
    values: dict[str, str | None] = {}
    wrong: list[RowProblem] = []
    for head, cell in zip(heads, cells, strict=True):
        try:
            values[head] = _READERS[head](cell)
        except _WrongCellError as error:
            wrong.append(RowProblem(row, head, _shown(cell), str(error)))
    return wrong or tuple(map(values.get, COLUMNS))


def problem_in_words(problem: RowProblem) -> str:
    """`row 41, ean: "5414…": wrong; allowed: …`, in one line."""
    column = f", {problem.column}" if problem.column else ""
    value = quoted(problem.value) if problem.column else problem.value
    return f"row {problem.row}{column}: {value}; allowed: {problem.allowed}"


def problems_in_words(problems: Sequence[RowProblem]) -> list[str]:
    """One problem a line; of many cells of a column with the same cure the first, and the others' rows."""
    alike: dict[tuple[str, str], list[int]] = {}
    lines = []
    for problem in problems:
        rows = alike.setdefault((problem.column, problem.allowed), [])
        rows.append(problem.row)
        if len(rows) <= _ALIKE_MAX:
            lines.append(problem_in_words(problem))
    for (column, allowed), rows in alike.items():
        if more := ", ".join(map(str, rows[_ALIKE_MAX:])):
            where = f", {column}" if column else ""
            lines.append(f"rows {more}{where}: likewise; allowed: {allowed}")
    return lines


def _shown(cell: str) -> str:
    """A cell for an error message. Bytes that are no UTF-8 are read as Latin-1, which they probably are."""
    if cell.isascii() or not any(_is_stray(character) for character in cell):
        return cell
    return "".join(chr(ord(each) - 0xDC00) if _is_stray(each) else each for each in cell)


def _is_stray(character: str) -> bool:
    """Whether this stands for a byte that could not be decoded (PEP 383)."""
    return "\udc80" <= character <= "\udcff"


def ean_of_cell(cell: str) -> str:
    """The EAN in a cell. Raises ValueError with what is allowed."""
    text = cell.strip()
    if is_ean(text):
        return text
    if len(text) == EAN_DIGITS and text.isascii() and text.isdecimal():
        wanted = check_digit(text[:-1])
        raise _WrongCellError(
            f"a right check digit; after {text[:-1]} that is {wanted}, so some digit is wrong"
        )
    rounded = "; a spreadsheet has rounded it: make the column text" if re.search(r"[eE]\+?\d", text) else ""
    raise _WrongCellError(f"{EAN_DIGITS} digits{rounded}")


def _id(cell: str) -> str | None:
    text = cell.strip()
    if text and not is_id(text):
        raise _WrongCellError(_ID_ALLOWED)
    return text or None


@lru_cache(maxsize=4096)
def _text(cell: str) -> str | None:
    text = unicodedata.normalize("NFC", cell.strip())
    if any(map(_is_stray, text)):
        raise _WrongCellError("UTF-8; where the value reads well here, it is Latin-1: --encoding latin-1")
    if len(text) > ID_CHARS_MAX or not text.isprintable() or text == _UNKNOWN:
        raise _WrongCellError(
            f"up to {ID_CHARS_MAX} characters on one line, or nothing; not the word {_UNKNOWN}"
        )
    return text or None


def _choice(allowed: tuple[str, ...]) -> Callable[[str], str | None]:
    def read(cell: str) -> str | None:
        text = cell.strip().casefold()
        if text and text not in allowed:
            raise _WrongCellError(f"{', '.join(allowed)}, or nothing")
        return text or None

    return read


def _words(cell: str) -> list[str]:
    return sorted({word for word in _BETWEEN.split(cell) if word})


@lru_cache(maxsize=4096)
def _groups(cell: str) -> str | None:
    words = _words(cell)
    if not all(is_id(word) and word != _UNKNOWN for word in words) or len(words) > GROUPS_PER_HOUSEHOLD_MAX:
        raise _WrongCellError(
            f"up to {GROUPS_PER_HOUSEHOLD_MAX} names with blanks between, each {_ID_ALLOWED}"
        )
    return " ".join(words) or None


@lru_cache(maxsize=4096)
def _flags(cell: str) -> str | None:
    words = _words(cell.casefold())
    if not set(words) <= set(FlagName):
        raise _WrongCellError(f"{', '.join(FlagName)}, with blanks between, or nothing")
    return " ".join(words) or None


_READERS: Final[dict[str, Callable[[str], str | None]]] = {
    "ean": ean_of_cell,
    "meter": _id,
    "area": _text,
    "dso": _text,
    "category": _text,
    "energy": _choice(tuple(Energy)),
    "profile": _text,
    "firmware": _text,
    "link": _id,
    "groups": _groups,
    "language": _choice(tuple(Language)),
    "flags": _flags,
}
