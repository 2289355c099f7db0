"""Small tables of one meter as their bytes: what a meter rarely asks, it need not hold as objects.

In a process that runs a fleet, a table of two entries takes some 600 bytes as a dictionary of records, and
250 as the bytes that the image has for it. It is decoded whenever somebody asks.
"""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any, ClassVar, Final, Self, TypeVar

import msgspec

K = TypeVar("K")
V = TypeVar("V")

_encoder: Final = msgspec.msgpack.Encoder()


class PackedTable(Mapping[K, V]):
    """A table that is never changed in place; equal to a dictionary of the same entries.

    Each kind of table is a class of its own, whose `decoder` reads the dictionaries that it stands for.
    """

    __slots__ = ("_data",)

    decoder: ClassVar[msgspec.msgpack.Decoder[Any]]

    def __init__(self, data: bytes) -> None:
        self._data = data

    @classmethod
    def pack(cls, table: Mapping[K, V]) -> Mapping[K, V]:
        """The same entries in the same order. An empty or a packed table is given back as it is."""
        return table if isinstance(table, PackedTable) or not table else cls(_encoder.encode(table))

    @property
    def data(self) -> bytes:
        """The table as it stands in an image."""
        return self._data

    def _read(self) -> dict[K, V]:
        read: dict[K, V] = self.decoder.decode(self._data)
        return read

    def __getitem__(self, key: K) -> V:
        return self._read()[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    # What `Mapping` has for these reads the table once for each key.

    def items(self) -> ItemsView[K, V]:
        return self._read().items()

    def values(self) -> ValuesView[V]:
        return self._read().values()

    def __hash__(self) -> int:
        return hash(self._data)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __repr__(self) -> str:
        return repr(self._read())


def encode_packed(value: object) -> msgspec.Raw:
    """The hook of an encoder of images. Raises NotImplementedError for anything but a packed table."""
    if isinstance(value, PackedTable):
        return msgspec.Raw(value.data)
    raise NotImplementedError(type(value).__name__)
