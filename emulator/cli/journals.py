"""Writes the black boxes of a run: `DIR/FILE-STEM/METER.jsonl`, a record per line."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from types import TracebackType
from typing import Self, TextIO

import msgspec

from emulator.firmware.records import Record
from emulator.scenario.model import Scenario
from protocols.errors import InputError
from protocols.instants import iso_from_ms


def folders_of(scenarios: Sequence[Scenario], root: Path) -> list[Path]:
    """The folder of each scenario's journals. Raises InputError where two files would share one."""
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
    """The journals of one scenario, also of a meter to which nothing happened.

    Meters come one after the other, each whole.
    """

    def __init__(self, folder: Path, meters: Iterable[str]) -> None:
        self._folder = folder
        self._unheard = set(meters)
        self._meter: str | None = None
        self._number = 0
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

    def write(self, meter: str, tick: int, true_ms: int, record: Record) -> None:
        """One line: number, tick, true instant as the emulation alone knows it, and the record."""
        line = {"tick": tick, "t": iso_from_ms(true_ms), "record": record}
        path = self._path(meter)
        try:
            if meter != self._meter or self._file is None:
                self._close()
                self._meter, self._number = meter, 0
                self._unheard.discard(meter)
                self._file = path.open("w", encoding="utf-8")
            self._number += 1
            self._file.write(msgspec.json.encode({"number": self._number} | line).decode() + "\n")
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
