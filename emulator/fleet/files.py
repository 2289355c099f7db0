"""What an emulated fleet keeps on disk: black boxes as text, memories of a link's meters in one mapped file.

A *journal file* holds a meter's black box, one JSON object a line: `{"number", "previous_hash", "hash",
"body"}`, hashes as hex, `body` the text that the hash covers. Other fields are ignored, so that a writer
may add what it knows besides.

A *memory file* holds two slots (`protocols.slots`) for the link and for each of its meters, one after the
other. It is created by renaming a complete file, and then mapped: a crash at any byte leaves the old state or
the new one. When an image outgrows its slots, a file of twice the size takes its place, by renaming too.

Order of a write: first the black box, then the image that names its head. Nothing was promised on the
strength of entries beyond that head; at the next start they are cut off.
"""

import fcntl
import mmap
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
from msgspec import Struct

from emulator.firmware.journal import Journal
from emulator.links.reporting import StoredMeter
from protocols import slots
from protocols.chain import Entry, Head
from protocols.errors import DocumentError, InputError
from protocols.limits import JOURNAL_ENTRIES_MAX, PAYLOAD_BYTES_MAX

# A body holds one record, with a gate's question at most: two windows and all holds.
JOURNAL_LINE_BYTES_MAX: Final = 4 * PAYLOAD_BYTES_MAX
# A journal file that has grown beyond this is cut back to what a meter's ring holds.
JOURNAL_LINES_MAX: Final = 8 * JOURNAL_ENTRIES_MAX
# Most meters never need more: a month's calendar and a dozen holds.
_IMAGE_BYTES_AT_FIRST: Final = 8 * 1024


class _Line(Struct, frozen=True):
    """A line of a journal file."""

    number: int
    previous_hash: str
    hash: str
    body: str


class _Births(Struct, frozen=True, array_like=True):
    """`epoch` is missing in a file of before, and then 0."""

    births: int
    epoch: int = 0


_line_decoder = msgspec.json.Decoder(_Line)
_encoder = msgspec.json.Encoder()
_packer = msgspec.msgpack.Encoder()
_kept_decoder = msgspec.msgpack.Decoder(StoredMeter)
_births_decoder = msgspec.msgpack.Decoder(_Births)

# ---------------------------------------------------------------------------------------- journal files


def journal_line(entry: Entry, **besides: str) -> str:
    """An entry as its line, without the line feed; `besides` are fields that the chain does not cover."""
    line = {
        "number": entry.number,
        "previous_hash": entry.previous_hash.hex(),
        "hash": entry.hash.hex(),
        "body": entry.body.decode(),
    }
    return _encoder.encode(line | besides).decode()


def read_journal_line(line: bytes) -> Entry:
    """The entry of a line, its hash unchecked. Raises DocumentError where it is none."""
    if len(line) > JOURNAL_LINE_BYTES_MAX:
        raise DocumentError(f"{len(line)} bytes; at most {JOURNAL_LINE_BYTES_MAX}")
    try:
        read = _line_decoder.decode(line)
        previous_hash, own_hash = bytes.fromhex(read.previous_hash), bytes.fromhex(read.hash)
        return Entry(read.number, previous_hash, read.body.encode(), own_hash)
    except msgspec.MsgspecError as error:
        raise DocumentError(str(error)) from None
    except ValueError:
        # A hash, or text that no writer of UTF-8 makes.
        raise DocumentError("a hash that is no hex, or text that is no UTF-8") from None


def write_journal(path: Path, journal: Journal | Iterable[Entry]) -> None:
    """Write a black box to a journal file, in place of what stands there. Raises InputError."""
    entries = journal.entries if isinstance(journal, Journal) else journal
    beside = path.with_suffix(path.suffix + ".new")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.writelines(journal_line(entry) + "\n" for entry in entries)
        beside.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def read_journal(path: Path) -> list[Entry]:
    """The entries of a journal file, their chain unchecked (`protocols.chain.verify`).

    Raises InputError where the file cannot be read, naming the line that is wrong.
    """
    try:
        with path.open("rb") as file:
            return [_entry(path, number, line) for number, line in enumerate(file, start=1)]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _entry(path: Path, number: int, line: bytes) -> Entry:
    try:
        return read_journal_line(line)
    except DocumentError as error:
        raise InputError(
            f"{path}: line {number}: {error}; allowed: an object with number, previous_hash, hash and body"
        ) from None


def _trim_journal(path: Path, head: Head) -> list[Entry]:
    """Cut off what was written after the last image, a torn line, and what the ring has forgotten."""
    kept: list[Entry] = []
    torn = False
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                try:
                    entry = read_journal_line(line)
                except DocumentError:
                    torn = True
                    break
                if entry.number > head.number:
                    torn = True
                    break
                kept.append(entry)
    if torn or len(kept) > JOURNAL_LINES_MAX:
        kept = kept[-JOURNAL_ENTRIES_MAX:]
        write_journal(path, kept)
    return kept


# ---------------------------------------------------------------------------------------- memory files


class LinkMemory:
    """The memories of one link's meters: `MeterStore`, and the births of the link."""

    def __init__(self, folder: Path, link: str, meters: Sequence[str]) -> None:
        self._path = folder / f"{link}.memory"
        self._journals = folder / "journals"
        self._meters = {meter: index for index, meter in enumerate(meters, start=1)}
        self._lines: dict[str, int] = {}
        self._epoch = 0
        self._map: mmap.mmap | None = None

    @property
    def exists(self) -> bool:
        return self._path.exists()

    def create(self, kept: Mapping[str, StoredMeter], births: int, epoch: int = 0) -> None:
        """A new file that holds all meters, whole from the first moment. Raises InputError.

        `epoch`: the life in which the link counts its births.
        """
        self._epoch = epoch
        payloads = [
            _packer.encode(_Births(births, epoch)),
            *(_packer.encode(kept[meter]) for meter in self._meters),
        ]
        self._write_anew(payloads, _IMAGE_BYTES_AT_FIRST)

    def open(self) -> None:
        """Map the file that is there. Raises InputError where it is none of this link's."""
        try:
            with self._path.open("r+b") as file:
                size = os.fstat(file.fileno()).st_size
                if size == 0 or size % (2 * (len(self._meters) + 1)):
                    raise InputError(f"{self._path}: {size} bytes; no memory of {len(self._meters)} meters")
                self._map = mmap.mmap(file.fileno(), 0)
        except OSError as error:
            raise _unusable(self._path, error) from None

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None

    def read(self, meter: str) -> tuple[StoredMeter | None, list[Entry]]:
        """What is stored of a meter, None where both its slots are lost; and its black box up to there.

        Raises InputError where the memory is none of this version's.
        """
        data = self._read(self._meters[meter])
        try:
            kept = None if data is None else _kept_decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise InputError(f"{self._path}: {meter}: {error}") from None
        path = self._journal_path(meter)
        try:
            entries = [] if kept is None else _trim_journal(path, kept.head)
        except OSError as error:
            raise _unusable(path, error) from None
        self._lines[meter] = len(entries)
        return kept, entries

    def write(self, meter: str, kept: StoredMeter, entries: Sequence[Entry]) -> None:
        """Store a meter: first its black box, then the image that names its head. Raises InputError."""
        if entries:
            self._append_journal(meter, entries)
        self._put(self._meters[meter], _packer.encode(kept))

    @property
    def births(self) -> int:
        """Connects so far; 0 where that is lost."""
        data = self._read(0)
        return 0 if data is None else _births_decoder.decode(data).births

    def live_on(self, epoch: int) -> int:
        """The life in which the link counts its births; where that is lost, `epoch` begins."""
        data = self._read(0)
        self._epoch = epoch if data is None else _births_decoder.decode(data).epoch
        return self._epoch

    def keep_births(self, births: int) -> None:
        self._put(0, _packer.encode(_Births(births, self._epoch)))

    def _journal_path(self, meter: str) -> Path:
        return self._journals / f"{meter}.jsonl"

    def _append_journal(self, meter: str, entries: Sequence[Entry]) -> None:
        path = self._journal_path(meter)
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write("".join(journal_line(entry) + "\n" for entry in entries))
        except OSError as error:
            raise _unusable(path, error) from None
        self._lines[meter] = self._lines.get(meter, 0) + len(entries)
        if self._lines[meter] > JOURNAL_LINES_MAX:
            self._lines[meter] = len(_trim_journal(path, entries[-1].head))

    def _area(self, index: int) -> memoryview:
        assert self._map is not None, "not open"
        area_bytes = len(self._map) // (len(self._meters) + 1)
        return memoryview(self._map)[index * area_bytes : (index + 1) * area_bytes]

    def _read(self, index: int) -> bytes | None:
        with self._area(index) as area:
            return slots.read(area)

    def _put(self, index: int, payload: bytes) -> None:
        with self._area(index) as area:
            fits = slots.memory_bytes(len(payload)) <= len(area)
            if fits:
                put(area, slots.write(area, payload))
        if not fits:
            self._grow(index, payload)

    def _grow(self, index: int, payload: bytes) -> None:
        """Replace the file by a larger one with the same states and this new one."""
        payloads = [self._read(each) or b"" for each in range(len(self._meters) + 1)]
        payloads[index] = payload
        size = _IMAGE_BYTES_AT_FIRST
        while size < len(payload):
            size *= 2
        self.close()
        self._write_anew(payloads, size)

    def _write_anew(self, payloads: Sequence[bytes], payload_bytes_max: int) -> None:
        area_bytes = slots.memory_bytes(payload_bytes_max)
        beside = self._path.with_suffix(".new")
        try:
            self._journals.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                # Not sparse: a full disk must be an error here, not a fault at some write to the map.
                os.posix_fallocate(file.fileno(), 0, area_bytes * len(payloads))
                empty = bytes(area_bytes)
                for index, payload in enumerate(payloads):
                    # What was lost stays lost: an empty payload is no state.
                    for offset, data in slots.write(empty, payload) if payload else ():
                        file.seek(index * area_bytes + offset)
                        file.write(data)
            beside.replace(self._path)
        except OSError as error:
            raise _unusable(self._path, error) from None
        self.open()


def put(memory: bytearray | memoryview, writes: Iterable[tuple[int, bytes]]) -> None:
    """Perform the writes of `protocols.slots.write`, in their order."""
    for offset, data in writes:
        memory[offset : offset + len(data)] = data


# ---------------------------------------------------------------------------------------- the folder


class StateFolder:
    """The folder of `--state`: held by one fleet at a time, and made with one set of choices."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Lock the folder. Raises InputError where it cannot be used, or another fleet holds the lock."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{self.folder}: another fleet uses it; allowed: one at a time") from None
        except OSError as error:
            raise _unusable(self.folder, error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def check_choices(self, now: Mapping[str, str | int]) -> None:
        """Store the choices that the fleet is made with. Raises InputError where the folder holds others."""
        path = self.folder / "fleet.json"
        try:
            if not path.exists():
                beside = path.with_suffix(".new")
                beside.write_bytes(_encoder.encode(now))
                beside.replace(path)
            made = msgspec.json.decode(path.read_bytes(), type=dict[str, str | int])
        except OSError as error:
            raise _unusable(path, error) from None
        except msgspec.MsgspecError as error:
            raise InputError(f"{path}: {error}") from None
        for name, choice in now.items():
            if made.get(name) != choice:
                raise InputError(
                    f"{self.folder} keeps a fleet with {name} {made.get(name)}, not {choice}; "
                    "allowed: the same choices, or another folder"
                )


def _unusable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path}: cannot be used: {error.strerror}")
