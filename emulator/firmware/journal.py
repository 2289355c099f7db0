"""The black box: a bounded ring of numbered, hash-chained records (design §4.4).

Ordered by number, never by time. The ring forgets its oldest entries and remembers the head before
them, so that what is left can still be verified. An entry's body is JSON `{"tick": …, "record": …}`,
so that a person, a link and a replay read the same bytes.
"""

from typing import ClassVar, Final

import msgspec

from emulator.firmware.ticks import Tick
from protocols.chain import GENESIS, Entry, Head, append
from protocols.errors import DocumentError
from protocols.limits import JOURNAL_ENTRIES_MAX
from protocols.link.records import Record

# Some weeks of a household whose credit runs out; few enough to be written out within a millisecond.
_WAITING_MAX: Final = 64


class Logged(msgspec.Struct, frozen=True):
    """What an entry's body holds."""

    tick: Tick
    record: Record


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Logged)


class Journal:
    """One meter's ring.

    Encoding and chaining are lazy: a record is encoded when somebody reads the head or the entries. The head
    is read before an image is stored and before a report is sent, so that neither vouches for a record that
    is not chained. The bytes are the same as if each record were encoded at once, and a crash loses the same
    records: those after the last image.
    """

    __slots__ = ("_base", "_entries", "_waiting")

    # How many entries it holds. Of the class: a fleet has as many rings as meters.
    size: ClassVar[int] = JOURNAL_ENTRIES_MAX

    def __init__(self, head: Head = GENESIS) -> None:
        self._base = head
        self._entries: tuple[Entry, ...] = ()
        self._waiting: tuple[tuple[Tick, Record], ...] = ()

    @property
    def base(self) -> Head:
        """The head before the oldest entry that the ring still holds."""
        self._write_out()
        return self._base

    @property
    def head(self) -> Head:
        self._write_out()
        return self._entries[-1].head if self._entries else self._base

    @property
    def entries(self) -> tuple[Entry, ...]:
        self._write_out()
        return self._entries

    def append(self, at_tick: Tick, record: Record) -> None:
        """Chain one record; beyond the ring's size the oldest entry is forgotten."""
        self._waiting += ((at_tick, record),)
        if len(self._waiting) >= _WAITING_MAX:
            self._write_out()

    def _write_out(self) -> None:
        if not self._waiting:
            return
        head = self._entries[-1].head if self._entries else self._base
        entries = list(self._entries)
        for at_tick, record in self._waiting:
            entries.append(append(head, write_body(at_tick, record)))
            head = entries[-1].head
        forgotten = len(entries) - self.size
        if forgotten > 0:
            self._base = entries[forgotten - 1].head
            del entries[:forgotten]
        self._entries, self._waiting = tuple(entries), ()


def write_body(at_tick: Tick, record: Record) -> bytes:
    """The body of an entry."""
    return _encoder.encode(Logged(at_tick, record))


def read_body(body: bytes) -> Logged:
    """An entry's record. Raises DocumentError if another firmware wrote the body."""
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise DocumentError(f"journal entry: {error}") from None
