"""Reads a list of work: which meters come, leave and are replaced, one row each. Pure.

A row says what is `done` and at which connection or meter. A cell that the row's work does not take is wrong:
whoever filled it in meant something that would not happen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum, unique
from typing import Final

from msgspec import Struct

from controller.connections.replacing import OldDisplay
from controller.households.rules import RowProblem
from controller.households.table_file import Row
from protocols.arguments import did_you_mean, read_instant
from protocols.errors import InputError, quoted
from protocols.identifiers import EAN_DIGITS, is_ean, is_id
from protocols.limits import ID_CHARS_MAX, TEXT_CHARS_MAX
from protocols.units import ueur_from_eur

ROWS_MAX: Final = 100_000
PROBLEMS_MAX: Final = 100
_ID_ALLOWED: Final = f"1 to {ID_CHARS_MAX} letters, digits, dots, dashes and underscores"
_SHOWN: Final = "shown"
_MISSING: Final = "missing"


@unique
class Doing(StrEnum):
    """What a row of a list asks for; each is a command of `relance meters`."""

    COMMISSION = "commission"
    MOVE_OUT = "move-out"
    REPLACE = "replace"
    REMOVE = "remove"


# Which cells each work takes: those that must be there, and those that may.
_MUST: Final[Mapping[Doing, tuple[str, ...]]] = {
    Doing.COMMISSION: ("ean", "meter"),
    Doing.MOVE_OUT: ("meter", "on"),
    Doing.REPLACE: ("ean", "meter", "new"),
    Doing.REMOVE: ("meter",),
}
_MAY: Final[Mapping[Doing, tuple[str, ...]]] = {
    Doing.COMMISSION: ("link",),
    Doing.MOVE_OUT: ("basis",),
    Doing.REPLACE: ("link", "balance_eur", "unconfirmed", "basis"),
    Doing.REMOVE: ("basis",),
}
COLUMNS: Final = ("do", "ean", "meter", "new", "link", "on", "balance_eur", "unconfirmed", "basis")


class Work(Struct, frozen=True, kw_only=True):
    """One row. `meter`: the one that comes, is left, or is taken down; of a move also the EAN in its place.

    `new`: the meter in the place of another. `on_ms`: when a household left. `basis`: None: that of the list.
    """

    row: int
    do: Doing
    meter: str
    ean: str | None = None
    new: str | None = None
    link: str | None = None
    on_ms: int | None = None
    display: OldDisplay | None = None
    basis: str | None = None


class WorkList(Struct, frozen=True):
    """The rows of a file, or what is wrong with it: the first problems, and how many there are."""

    works: tuple[Work, ...]
    problems: tuple[RowProblem, ...] = ()
    wrong: int = 0


def read_works(rows: Iterator[Row], where: str) -> WorkList:
    """The rows of a list, heads first. Raises InputError for one that is no such table, or too long."""
    first = next(rows, None)
    if first is None:
        raise InputError(f"{where}: empty; allowed: a row of heads, and a row for each work")
    heads = _read_heads(first[1], where)
    works: list[Work] = []
    problems: list[RowProblem] = []
    wrong = 0
    for number, cells in rows:
        read = _read_row(number, cells, heads)
        if isinstance(read, Work):
            works.append(read)
        else:
            wrong += len(read)
            problems += read[: PROBLEMS_MAX - len(problems)]
        if len(works) > ROWS_MAX:
            raise InputError(f"{where}: more than {ROWS_MAX} rows; allowed: parts of it, one after another")
    return WorkList(() if wrong else tuple(works), tuple(problems), wrong)


def _read_heads(cells: Sequence[str], where: str) -> tuple[str, ...]:
    heads = tuple(cell.strip().casefold() for cell in cells)
    for number, head in enumerate(heads):
        if head not in COLUMNS or head in heads[:number]:
            here = f"{where}: row 1, column {number + 1}: {quoted(cells[number])}"
            raise InputError(f"{here}{did_you_mean(head, COLUMNS)} allowed: {', '.join(COLUMNS)}, each once")
    for head in ("do", "meter"):
        if head not in heads:
            raise InputError(f"{where}: row 1: no column {head}; allowed: do and meter, and {_REST}")
    return heads


_REST: Final = ", ".join(name for name in COLUMNS if name not in {"do", "meter"})


def _read_row(row: int, cells: Sequence[str], heads: Sequence[str]) -> Work | list[RowProblem]:
    if len(cells) != len(heads):
        return [RowProblem(row, "", f"{len(cells)} cells", f"{len(heads)}, as row 1 has heads")]
    found = {head: cell.strip() for head, cell in zip(heads, cells, strict=True) if cell.strip()}
    said = found.get("do", "").casefold()
    if said not in set(Doing):
        return [RowProblem(row, "do", found.get("do", ""), ", ".join(Doing))]
    do = Doing(said)
    takes = ("do", *_MUST[do], *_MAY[do])
    wrong = [
        RowProblem(row, head, cell, f"nothing: {do} does not take it")
        for head, cell in found.items()
        if head not in takes
    ]
    wrong += [RowProblem(row, head, "", f"{do} needs it") for head in _MUST[do] if head not in found]
    values: dict[str, object] = {}
    for head, read in _READ.items():
        if head in found and head in takes:
            try:
                values[head] = read(found[head])
            except ValueError as error:
                wrong.append(RowProblem(row, head, found[head], str(error)))
    if "unconfirmed" in found and "balance_eur" not in found:
        wrong.append(RowProblem(row, "unconfirmed", found["unconfirmed"], "together with balance_eur"))
    return wrong or _work(row, do, values)


def _work(row: int, do: Doing, values: Mapping[str, object]) -> Work:
    balance, shows = values.get("balance_eur"), values.get("unconfirmed")
    display = None
    if isinstance(balance, int):
        display = OldDisplay(balance, None if shows is None else shows == _SHOWN)
    on_ms = values.get("on")
    assert on_ms is None or isinstance(on_ms, int)
    texts = {head: str(values[head]) for head in ("ean", "meter", "new", "link", "basis") if head in values}
    return Work(row=row, do=do, on_ms=on_ms, display=display, **texts)


def _id(cell: str) -> str:
    if not is_id(cell):
        raise ValueError(_ID_ALLOWED)
    return cell


def _ean(cell: str) -> str:
    if not is_ean(cell):
        raise ValueError(f"{EAN_DIGITS} digits, the last one the check digit")
    return cell


def _instant(cell: str) -> int:
    try:
        return read_instant(cell, "on")
    except InputError as error:
        raise ValueError(str(error).partition("allowed: ")[2]) from None


def _balance(cell: str) -> int:
    try:
        return ueur_from_eur(cell)
    except ValueError as error:
        # The cell is named with its row already.
        raise ValueError(str(error).rpartition("allowed: ")[2]) from None


def _unconfirmed(cell: str) -> str:
    if cell not in {_SHOWN, _MISSING}:
        raise ValueError(f"{_SHOWN} or {_MISSING}: whether the balance has what is not confirmed")
    return cell


def _basis(cell: str) -> str:
    if len(cell) > TEXT_CHARS_MAX or not cell.isprintable():
        raise ValueError(f"up to {TEXT_CHARS_MAX} characters on one line")
    return cell


_READ: Final[Mapping[str, Callable[[str], object]]] = {
    "ean": _ean,
    "meter": _id,
    "new": _id,
    "link": _id,
    "on": _instant,
    "balance_eur": _balance,
    "unconfirmed": _unconfirmed,
    "basis": _basis,
}
