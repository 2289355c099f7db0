"""The black box: a bounded ring of numbered, hash-chained records (design §4.4).

Ordered by number, never by time. The ring forgets its oldest entries and remembers the head before
them, so that what is left can still be verified. An entry's body is JSON `{"tick": …, "record": …}`,
so that a person, a link and a replay read the same bytes.
"""

from collections.abc import Iterable

import msgspec

from emulator.firmware.records import Record
from protocols.chain import GENESIS, Entry, Head, append
from protocols.errors import DocumentError
from protocols.limits import JOURNAL_ENTRIES_MAX


class Logged(msgspec.Struct, frozen=True):
    """What an entry's body holds."""

    tick: int
    record: Record


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Logged)


class Journal:
    """One meter's ring. `base` is the head before the oldest entry kept."""

    __slots__ = ("_entries", "_head", "_size", "base")

    def __init__(self, head: Head = GENESIS, size: int = JOURNAL_ENTRIES_MAX) -> None:
        self._entries: list[Entry] = []
        self._head = head
        self._size = size
        self.base = head

    @property
    def head(self) -> Head:
        return self._head

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries)

    def append(self, at: int, record: Record) -> None:
        """Chain one record; beyond the ring's size the oldest entry is forgotten."""
        entry = append(self._head, write_body(at, record))
        self._head = entry.head
        self._entries.append(entry)
        if len(self._entries) > self._size:
            self.base = self._entries.pop(0).head


def write_body(at: int, record: Record) -> bytes:
    """The body of an entry."""
    return _encoder.encode(Logged(at, record))


def read_body(body: bytes) -> Logged:
    """An entry's record. Raises DocumentError where the body is none of this firmware's."""
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise DocumentError(f"journal entry: {error}") from None


def records(entries: Iterable[Entry]) -> Iterable[Logged]:
    """The records of entries, in their order. Raises DocumentError like `read_body`."""
    return (read_body(entry.body) for entry in entries)
