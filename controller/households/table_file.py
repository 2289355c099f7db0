"""The DSO's file as rows of cells: its encoding, delimiter and limits. The library's own csv reads it.

Pure: whoever opens the file hands over its lines as bytes.
"""

import csv
from collections.abc import Iterable, Iterator
from typing import Final

from controller.households.rules import COLUMNS
from protocols.errors import InputError
from protocols.limits import FILE_LINE_BYTES_MAX

# Each codec by the name that a person types. In all of them a line ends with the byte of "\n".
ENCODINGS: Final = {
    "utf-8": "utf-8",
    "latin-1": "iso8859-1",
    "latin-9": "iso8859-15",
    "windows-1252": "cp1252",
}
DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")

# A row as a spreadsheet counts it, and its cells.
Row = tuple[int, list[str]]


def rows_of(
    lines: Iterable[bytes], where: str, encoding: str = "utf-8", delimiter: str | None = None
) -> Iterator[Row]:
    """The rows of a file, the heads first; empty lines are left out.

    `encoding`: of ENCODINGS; bytes that are no UTF-8 come as surrogates (PEP 383), so that their cell can be
    named. `delimiter`: of DELIMITERS; None: whichever the heads have. Raises InputError for a file that is
    empty, that is no such table, or whose line is too long.
    """
    texts = _decoded(lines, where, ENCODINGS[encoding])
    first = next(texts, None)
    if first is None or not first.strip():
        raise InputError(f"{where}: row 1: empty; allowed: the heads, such as ean,area,dso")
    reader = csv.reader(
        _with_first(first, texts),
        delimiter=DELIMITERS[delimiter] if delimiter else _delimiter_of(first),
        strict=True,
    )
    while True:
        begun = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(
                f"{where}: row {begun}: {error}; allowed: CSV (RFC 4180), quotes closed on their line"
            ) from None
        if cells:
            yield begun, cells


def _decoded(lines: Iterable[bytes], where: str, codec: str) -> Iterator[str]:
    errors = "surrogateescape"
    for number, line in enumerate(lines, start=1):
        plain = line
        if number == 1:
            if line.startswith(_UTF16_MARKS):
                raise InputError(f"{where}: UTF-16; allowed: {', '.join(ENCODINGS)}: save it as CSV UTF-8")
            if line.startswith(_UTF8_MARK):
                if codec != ENCODINGS["utf-8"]:
                    raise InputError(f"{where}: begins with the mark of UTF-8; allowed: --encoding utf-8")
                plain = line[len(_UTF8_MARK) :]
        if len(line) > FILE_LINE_BYTES_MAX:
            raise InputError(
                f"{where}: row {number}: longer than {FILE_LINE_BYTES_MAX} bytes; "
                "allowed: rows that end with a line feed"
            )
        yield plain.decode(codec, errors)


def _delimiter_of(heads: str) -> str:
    """The delimiter that makes the most known columns of the first line; a comma where none makes any."""

    def known(delimiter: str) -> int:
        return sum(1 for cell in heads.split(delimiter) if _is_head(cell))

    return max(DELIMITERS.values(), key=known)


def _is_head(cell: str) -> bool:
    return cell.strip().strip('"').casefold() in COLUMNS


def _with_first(first: str, rest: Iterable[str]) -> Iterator[str]:
    yield first
    yield from rest
