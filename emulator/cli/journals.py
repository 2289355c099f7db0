"""Writes the black boxes of a run: `DIR/FILE-STEM/METER.jsonl`, in the form of `emulator.fleet.files`.

They hold every record of the run, chained as it is written: a meter's own ring would have overwritten the
oldest, and the card meter of 2020 has none. Beside the chain each line has the true time, which only the
emulation knows.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from types import TracebackType
from typing import Self, TextIO

from emulator.firmware.journal import write_body
from emulator.firmware.ticks import Tick
from emulator.fleet.files import journal_line
from emulator.scenario.model import Scenario
from protocols.chain import GENESIS, append
from protocols.errors import InputError
from protocols.instants import UtcMs, iso_from_ms
from protocols.link.records import Record


def folders_of(scenarios: Sequence[Scenario], root: Path) -> list[Path]:
    """The folder of each scenario's journals. Raises InputError if two files would share one."""
    folders: dict[Path, str] = {}
    for scenario in scenarios:
        folder = root / PurePath(scenario.file).stem
        if folder in folders:
            raise InputError(
                f"--journal: {folders[folder]} and {scenario.file} would both write to {folder}; "
                "allowed: files of different names"
            )
        folders[folder] = scenario.file
    return list(folders)


class JournalFolder:
    """Writes the journals of one scenario; a meter without a record gets an empty file.

    The records of one meter come together, one meter after the other.
    """

    def __init__(self, folder: Path, meters: Iterable[str]) -> None:
        self._folder = folder
        self._unheard = set(meters)
        self._meter: str | None = None
        self._head = GENESIS
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_write(self._folder, error) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()
        if error is None:
            for meter in self._unheard:
                self._path(meter).write_bytes(b"")

    def write(self, meter: str, tick: Tick, true_ms: UtcMs, record: Record) -> None:
        """Write one line: the record as an entry of its meter's chain, and beside it `t`, the true time."""
        path = self._path(meter)
        try:
            if meter != self._meter or self._file is None:
                self._close()
                self._meter, self._head = meter, GENESIS
                self._unheard.discard(meter)
                self._file = path.open("w", encoding="utf-8")
            entry = append(self._head, write_body(tick, record))
            self._head = entry.head
            self._file.write(journal_line(entry, t=iso_from_ms(true_ms)) + "\n")
        except OSError as error:
            raise _cannot_write(path, error) from None

    def _path(self, meter: str) -> Path:
        return self._folder / f"{meter}.jsonl"

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _cannot_write(path: Path, error: OSError) -> InputError:
    return InputError(f"--journal: {path}: cannot be written: {error.strerror}")
