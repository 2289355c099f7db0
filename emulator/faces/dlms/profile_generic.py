"""Profile generic, class 7: rows that are read whole, by time or by number (IEC 62056-6-2). Pure.

Rows are in the order in which they were captured, also where the clock was set back: the first is the oldest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, Protocol, TypeVar
from zoneinfo import ZoneInfo

from emulator.faces.dlms.dates import read_any_instant
from emulator.faces.dlms.model import CosemObject, constant, logical_name
from emulator.faces.dlms.services import DlmsResult
from emulator.faces.dlms.values import Datum, Tag, array, octets, structure
from emulator.faces.view import FaceView
from protocols.cutting.zones import load_zone
from protocols.instants import UtcMs

_BY_RANGE, _BY_ENTRY = 1, 2
_FIFO: Final = 1
_RANGE_ITEMS: Final = 4
_OBJECT_ITEMS: Final = 4


class _Dated(Protocol):
    """A row, or what one is made of."""

    @property
    def at_ms(self) -> UtcMs: ...


R = TypeVar("R", bound=_Dated)


class Captured(NamedTuple):
    """An attribute that a column holds."""

    class_id: int
    name: bytes
    attribute: int


# The column by which rows can be asked for from here to there.
CLOCK_COLUMN: Final = Captured(8, logical_name("0-0:1.0.0"), 2)


@dataclass(frozen=True, slots=True)
class KeptRows(Generic[R]):
    """`rows`: what there is, the oldest first; `cells`: a value a column, of one of them."""

    columns: tuple[Captured, ...]
    rows: Callable[[FaceView], Sequence[R]]
    cells: Callable[[R, ZoneInfo], tuple[Datum, ...]]

    def buffer(self, view: FaceView) -> Datum:
        """All of it."""
        return self._shown(self.rows(view), tuple(range(len(self.columns))), view)

    def range(self, asked: Datum, view: FaceView) -> Datum | DlmsResult:
        """The rows whose time is in a closed interval, and of them the columns that are named; none: all."""
        if asked.tag is not Tag.STRUCTURE or len(asked.items) != _RANGE_ITEMS:
            return DlmsResult.TYPE_UNMATCHED
        restricting, low, high, selected = asked.items
        low_ms, high_ms = (_instant(each, view) for each in (low, high))
        if low_ms is None or high_ms is None or selected.tag is not Tag.ARRAY:
            return DlmsResult.TYPE_UNMATCHED
        # Of all columns only the time can be asked for from here to there.
        if _captured(restricting) != CLOCK_COLUMN:
            return DlmsResult.OTHER_REASON
        wanted = [_captured(each) for each in selected.items]
        places = tuple(self.columns.index(each) for each in wanted if each in self.columns)
        if len(places) != len(wanted) or len(places) > len(self.columns):
            return DlmsResult.OTHER_REASON
        rows = [row for row in self.rows(view) if low_ms <= row.at_ms <= high_ms]
        return self._shown(rows, places or tuple(range(len(self.columns))), view)

    def entries(self, asked: Datum, view: FaceView) -> Datum | DlmsResult:
        """Rows and columns from one number to another, counted from 1; a last one of 0 is the highest."""
        tags = tuple(each.tag for each in asked.items)
        if asked.tag is not Tag.STRUCTURE or tags != _ENTRY_TAGS:
            return DlmsResult.TYPE_UNMATCHED
        first, last, first_column, last_column = (each.number for each in asked.items)
        if first < 1 or first_column < 1:
            return DlmsResult.OTHER_REASON
        rows = self.rows(view)[first - 1 : last or None]
        places = tuple(range(len(self.columns)))[first_column - 1 : last_column or None]
        return self._shown(rows, places, view)

    def _shown(self, rows: Sequence[R], places: tuple[int, ...], view: FaceView) -> Datum:
        zone = load_zone(view.profile.zone)
        shown = (self.cells(row, zone) for row in rows)
        return array(*(structure(*(cells[place] for place in places)) for cells in shown))


_ENTRY_TAGS: Final = (
    Tag.DOUBLE_LONG_UNSIGNED,
    Tag.DOUBLE_LONG_UNSIGNED,
    Tag.LONG_UNSIGNED,
    Tag.LONG_UNSIGNED,
)


def _instant(value: Datum, view: FaceView) -> int | None:
    if value.tag not in (Tag.OCTET_STRING, Tag.DATE_TIME):
        return None
    return read_any_instant(value.octets, load_zone(view.profile.zone))


def _captured(value: Datum) -> Captured | None:
    """What a capture object names: class, name, attribute, and a part of it, which no column is."""
    if value.tag is not Tag.STRUCTURE or len(value.items) != _OBJECT_ITEMS:
        return None
    class_id, name, attribute, part = value.items
    return None if part.number else Captured(class_id.number, name.octets, attribute.number)


def profile_object(name: bytes, kept: KeptRows[R], *, period_s: int, rows_max: int) -> CosemObject:
    """A profile that nobody resets, and whose columns nobody chooses."""
    columns = (
        structure(
            Datum(Tag.LONG_UNSIGNED, each.class_id),
            octets(each.name),
            Datum(Tag.INTEGER, each.attribute),
            Datum(Tag.LONG_UNSIGNED),
        )
        for each in kept.columns
    )
    unsorted = structure(
        Datum(Tag.LONG_UNSIGNED), octets(bytes(6)), Datum(Tag.INTEGER), Datum(Tag.LONG_UNSIGNED)
    )
    return CosemObject(
        7,
        1,
        name,
        {
            2: kept.buffer,
            3: constant(array(*columns)),
            4: constant(Datum(Tag.DOUBLE_LONG_UNSIGNED, period_s)),
            5: constant(Datum(Tag.ENUM, _FIFO)),
            6: constant(unsorted),
            7: lambda view: Datum(Tag.DOUBLE_LONG_UNSIGNED, len(kept.rows(view))),
            8: constant(Datum(Tag.DOUBLE_LONG_UNSIGNED, rows_max)),
        },
        parts={2: {_BY_RANGE: kept.range, _BY_ENTRY: kept.entries}},
    )
