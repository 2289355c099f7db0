"""The DSO's file as bytes: encodings, delimiters, quotes, and what is no table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.households.rules import COLUMNS, RowProblem, problem_in_words, read_heads, read_row
from controller.households.table_file import DELIMITERS, rows_of
from protocols.errors import InputError
from protocols.limits import FILE_LINE_BYTES_MAX
from tests.controller.households.households import ean

HEADS = "ean;area"


def read(data: bytes, encoding: str = "utf-8", delimiter: str | None = None) -> list[list[str]]:
    return [cells for _, cells in rows_of(data.splitlines(keepends=True), "f", encoding, delimiter)]


def refused(data: bytes, encoding: str = "utf-8", delimiter: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read(data, encoding, delimiter)
    return str(caught.value)


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with a mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("delimiter", DELIMITERS.values(), ids=DELIMITERS)
def test_marks_line_ends_and_delimiters_make_no_difference(mark: str, end: str, delimiter: str) -> None:
    lines = [["ean", "area"], ["1", "Liège"], ["2", "a"]]
    data = mark + end.join(delimiter.join(cells) for cells in lines) + end
    assert read(data.encode()) == lines


@given(
    st.lists(st.text(st.characters(codec="latin-1", exclude_categories=["Cc", "Cs"])), min_size=1, max_size=3)
)
def test_a_declared_latin_1_file_is_read_as_it_is_written(cells: list[str]) -> None:
    quoted = ";".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    assert read(f"ean;area\n{quoted}\n".encode("latin-1"), "latin-1")[1] == cells


def test_an_undeclared_latin_1_file_is_told_by_its_cells() -> None:
    row, cells = list(rows_of([b"ean;area\n", f"{ean(1)};Li\xe8ge\n".encode("latin-1")], "f"))[1]
    problems = read_row(row, cells, read_heads(["ean", "area"], "f"))
    assert isinstance(problems, list)
    (problem,) = problems
    assert problem_in_words(problem) == (
        'row 2, area: "Liège"; allowed: UTF-8; where the value reads well here, it is Latin-1: '
        "--encoding latin-1"
    )


def test_a_row_is_numbered_as_in_a_spreadsheet() -> None:
    rows = rows_of([b"ean\n", b"1\n", b"\n", b"3\n"], "f")
    assert [number for number, _ in rows] == [1, 2, 4]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "row 1: empty"),
        (b"\xff\xfee\x00a\x00n\x00", "UTF-16; allowed: utf-8, latin-1"),
        (b'ean;area\n1;"open\n2;x\n', "row 2: "),
        (b'ean;area\n1;"a"b\n', "row 2: "),
        (b"ean\n" + b"1" * FILE_LINE_BYTES_MAX + b"\n", f"row 2: longer than {FILE_LINE_BYTES_MAX} bytes"),
        (b"ean\r1\r2\r", "row 1: "),
    ],
    ids=["empty", "UTF-16", "an open quote", "a stray quote", "a long line", "old line ends"],
)
def test_what_is_no_table_is_refused_with_its_row(data: bytes, words: str) -> None:
    with pytest.raises(InputError) as caught:
        list(rows_of(data.split(b"\n") if b"\r" in data else data.splitlines(keepends=True), "f"))
    assert str(caught.value).startswith(f"f: {words}")
    assert "allowed: " in str(caught.value)


def test_a_mark_of_utf_8_contradicts_another_encoding() -> None:
    assert "allowed: --encoding utf-8" in refused(b"\xef\xbb\xbfean\n", "latin-1")


@pytest.mark.parametrize(
    ("heads", "words"),
    [
        ("ean,aera", 'row 1, column 2: "aera"; near: area; allowed: ean, meter'),
        ("ean,EAN", 'row 1, column 2: "EAN" is there twice'),
        ("area", "row 1: no column ean"),
    ],
)
def test_wrong_heads_are_told_with_what_is_allowed(heads: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_heads(heads.split(","), "f")
    assert words in str(caught.value)


# A column, a cell, and what is stored (None: nothing); or what is allowed, after `!`.
CELLS = f"""
 ean      | {ean(7)}               | {ean(7)}
 ean      | 541448860000000012     | !a right check digit; after 54144886000000001 that is 1
 ean      | 5.41449E+17            | !18 digits; a spreadsheet has rounded it
 ean      |                        | !18 digits
 meter    | m00042                 | m00042
 meter    |                        | None
 meter    | m/42                   | !1 to 64 letters
 area     | Liège                  | Liège
 area     | unknown                | !up to 64 characters
 energy   | GAS                    | gas
 energy   | water                  | !electricity, gas, or nothing
 groups   | b, a ;b                | a b
 groups   | area/Namur             | !up to 16 names
 groups   | {" ".join(f"g{n}" for n in range(17))} | !up to 16 names
 language | FR                     | fr
 language | fra                    | !fr, nl, de, en, or nothing
 flags    | Medical dispute        | dispute medical
 flags    | ill                    | !protected, medical, dispute
 link     | link 1                 | !1 to 64 letters
"""


@pytest.mark.parametrize("line", CELLS.strip().splitlines())
def test_a_cell_is_read_or_refused_with_what_is_allowed(line: str) -> None:
    column, cell, wanted = (part.strip() for part in line.split("|"))
    heads = ("ean",) if column == "ean" else ("ean", column)
    found = read_row(2, [cell] if column == "ean" else [ean(1), cell], heads)
    if wanted.startswith("!"):
        assert isinstance(found, list)
        (problem,) = found
        assert (problem.row, problem.column, problem.value) == (2, column, cell)
        assert problem.allowed.startswith(wanted[1:])
    else:
        assert isinstance(found, tuple)
        assert found[COLUMNS.index(column)] == (None if wanted == "None" else wanted)


def test_a_composed_and_a_decomposed_letter_are_one() -> None:
    composed, apart = (read_row(2, [ean(1), text], ("ean", "area")) for text in ("Li\xe8ge", "Lie\u0300ge"))
    assert composed == apart


def test_a_row_of_another_length_is_wrong_as_a_whole() -> None:
    assert read_row(3, [ean(1)], ("ean", "area")) == [RowProblem(3, "", "1 cells", "2, as row 1 has heads")]
