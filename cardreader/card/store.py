"""The card's memory: files that a power cut at any byte leaves old or new, never mixed.

The memory of 32 KiB has two parts. In front lies the *directory* in the double slots of `protocols.slots`:
for each file its length, its checksum and the pages that hold it. Behind it lie the pages. A commit writes
what has changed into pages that no file uses, and then the new directory: so the write of one slot is the
only instant at which anything changes, for any number of files. What a torn commit has written lies in pages
that are free.

Slots and pages begin at multiples of `BLOCK_BYTES`, the unit in which such memories erase: a block that is
lost in the middle of being erased holds nothing that counts.

    directory: number of files u8
    for each: name u8 | length u16 | CRC-32 of its bytes u32 | its pages, u8 each
"""

from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Final, NamedTuple, Protocol
from zlib import crc32

from cardreader.iso7816.status import StatusError, StatusWord
from protocols import slots

# A dual-interface chip card of the usual size.
CARD_BYTES: Final = 32 * 1024
# EEPROM and flash of chip cards erase at most so many bytes at a time.
BLOCK_BYTES: Final = 64
# Small enough that short files waste little, large enough that a page's number has one byte.
PAGE_BYTES: Final = 128
# Room for 31 files and the numbers of all pages: see `_DIRECTORY_BYTES_MAX`.
_SLOT_BYTES: Final = 512
_DIRECTORY_BYTES: Final = 2 * _SLOT_BYTES
_DIRECTORY_BYTES_MAX: Final = _SLOT_BYTES - (slots.memory_bytes(0) // 2)
PAGES: Final = (CARD_BYTES - _DIRECTORY_BYTES) // PAGE_BYTES

_ENTRY: Final = Struct(">BHI")


class NonVolatile(Protocol):
    """Memory that keeps its bytes without power. A write is performed byte after byte, in order."""

    def read(self, begin: int, end: int) -> bytes:
        """The bytes from `begin` to before `end`."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Puts `data` at `offset`."""
        ...


class WholeMemory:
    """Memory that nobody tears: a byte array."""

    def __init__(self, content: bytes = bytes(CARD_BYTES)) -> None:
        """Memory with this content. Raises ValueError for another size than a card's."""
        if len(content) != CARD_BYTES:
            raise ValueError(f"a card's memory has {CARD_BYTES} bytes")
        self.content = bytearray(content)

    def read(self, begin: int, end: int) -> bytes:
        """As `NonVolatile`."""
        return bytes(self.content[begin:end])

    def write(self, offset: int, data: bytes) -> None:
        """As `NonVolatile`."""
        self.content[offset : offset + len(data)] = data


class _Stored(NamedTuple):
    length: int
    crc: int
    pages: tuple[int, ...]


class Store:
    """The files of one card, by a number that names each. It reads the directory when power comes on."""

    def __init__(self, memory: NonVolatile) -> None:
        """The store in this memory. Raises StatusError with MEMORY_FAILURE where no directory is whole."""
        self._memory = memory
        self._files = _read_directory(memory)

    @property
    def names(self) -> tuple[int, ...]:
        """The names of the files that are there, in order."""
        return tuple(sorted(self._files))

    @property
    def free_bytes(self) -> int:
        """What one commit can write at most: the pages that no file uses."""
        return PAGE_BYTES * len(self._free())

    def read(self, name: int) -> bytes:
        """The bytes of a file; none for one that is not there.

        Raises StatusError with MEMORY_FAILURE where they are not what was written.
        """
        stored = self._files.get(name)
        if stored is None:
            return b""
        data = b"".join(self._memory.read(_begin(page), _begin(page) + PAGE_BYTES) for page in stored.pages)
        data = data[: stored.length]
        if crc32(data) != stored.crc:
            raise StatusError(StatusWord.MEMORY_FAILURE)
        return data

    def commit(self, changes: Mapping[int, bytes], spare_pages: int = 0) -> None:
        """Makes these the contents of these files, all at once; one of no bytes is removed.

        So many pages stay free during and after it: a later commit of another file may need them.

        A page that stays as it is is not written. Raises StatusError with NO_ROOM, before anything is
        written, where there are too few free pages.
        """
        files, writes = dict(self._files), list[tuple[int, bytes]]()
        free = self._free()
        for name, data in sorted(changes.items()):
            old = files.pop(name, None)
            if data:
                pages = list[int]()
                for at in range(0, len(data), PAGE_BYTES):
                    piece = data[at : at + PAGE_BYTES]
                    page = self._page_with(old, at // PAGE_BYTES, piece)
                    if page is None:
                        if len(free) <= spare_pages:
                            raise StatusError(StatusWord.NO_ROOM)
                        page = free.pop(0)
                        writes.append((_begin(page), piece))
                    pages.append(page)
                files[name] = _Stored(len(data), crc32(data), tuple(pages))
        if files == self._files:
            return
        self._perform(writes, _write_directory(files))
        self._files = files

    def _perform(self, writes: list[tuple[int, bytes]], directory: bytes) -> None:
        # The pages first: until the directory names them they count for nothing.
        for offset, piece in writes:
            self._memory.write(offset, piece)
        for offset, piece in slots.write(self._memory.read(0, _DIRECTORY_BYTES), directory):
            self._memory.write(offset, piece)

    def _page_with(self, old: _Stored | None, place: int, piece: bytes) -> int | None:
        """The page that holds exactly this piece of the file already."""
        if old is None or place >= len(old.pages):
            return None
        page = old.pages[place]
        begin = _begin(page)
        is_whole = old.length >= place * PAGE_BYTES + len(piece)
        return page if is_whole and self._memory.read(begin, begin + len(piece)) == piece else None

    def _free(self) -> list[int]:
        used = {page for stored in self._files.values() for page in stored.pages}
        return [page for page in range(PAGES) if page not in used]


def format_store(memory: NonVolatile) -> None:
    """Makes an empty store of memory with any content, as the factory does."""
    for offset, piece in slots.write(memory.read(0, _DIRECTORY_BYTES), _write_directory({})):
        memory.write(offset, piece)


def _begin(page: int) -> int:
    return _DIRECTORY_BYTES + page * PAGE_BYTES


def _write_directory(files: Mapping[int, _Stored]) -> bytes:
    entries = (
        _ENTRY.pack(name, stored.length, stored.crc) + bytes(stored.pages)
        for name, stored in sorted(files.items())
    )
    directory = bytes((len(files),)) + b"".join(entries)
    assert len(directory) <= _DIRECTORY_BYTES_MAX, len(directory)
    return directory


def _read_directory(memory: NonVolatile) -> dict[int, _Stored]:
    directory = slots.read(memory.read(0, _DIRECTORY_BYTES))
    if directory is None:
        raise StatusError(StatusWord.MEMORY_FAILURE)
    return dict(_entries(directory))


def _entries(directory: bytes) -> Iterator[tuple[int, _Stored]]:
    at = 1
    for _ in range(directory[0]):
        name, length, crc = _ENTRY.unpack_from(directory, at)
        at += _ENTRY.size
        end = at + -(-length // PAGE_BYTES)
        yield name, _Stored(length, crc, tuple(directory[at:end]))
        at = end
