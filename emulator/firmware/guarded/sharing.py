"""Keeps one object where many meters of a process hold equal values: most documents go to a whole fleet.

Values only. A *table* is a mapping that is replaced, never changed in place, so that meters may share
it: the empty one, and those of documents. Its type says so: `Mapping` has no way to write.
"""

from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar, cast

from emulator.firmware.packed import PackedTable

H = TypeVar("H", bound=Hashable)
K = TypeVar("K")
V = TypeVar("V")

# What meters of one process hold at a time: some calendars, leases and holds, and what is tried out.
_SHARED_MAX: Final = 1024

NO_ENTRIES: Final[Mapping[Any, Any]] = {}


def no_entries() -> Mapping[Any, Any]:
    """The empty table, for the defaults of dataclasses."""
    return NO_ENTRIES


def shared(value: H) -> H:
    """The one object that is equal to `value`."""
    return cast("H", _shared(value))


def shared_table(table: Mapping[K, V]) -> Mapping[K, V]:
    """The one table with these entries in this order. Keys and values are values too."""
    return _shared_table(tuple(table.items())) if table else NO_ENTRIES


def shared_packed(form: type[PackedTable[K, V]], table: Mapping[K, V]) -> Mapping[K, V]:
    """As `shared_table`, held as bytes: also one meter's own table is small then."""
    packed = form.pack(table)
    return shared(packed) if isinstance(packed, PackedTable) else NO_ENTRIES


def without(table: Mapping[K, V], *keys: K) -> Mapping[K, V]:
    """A table without some of its entries; keys that it has not are no matter."""
    return {key: value for key, value in table.items() if key not in keys} or NO_ENTRIES


@lru_cache(maxsize=_SHARED_MAX)
def _shared(value: Hashable) -> Hashable:
    return value


@lru_cache(maxsize=_SHARED_MAX)
def _shared_table(entries: tuple[tuple[Any, Any], ...]) -> Mapping[Any, Any]:
    return dict(entries)
