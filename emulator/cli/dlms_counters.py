"""Where the invocation counters of a meter's DLMS keys go on: by a file beside the keys, and by the clock.

A file that was restored is behind. So is a clock that was set back, or that a client outran with more than
one message a second. It takes both to use a counter twice.
"""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from emulator.faces.dlms.ciphering import COUNTER_MAX
from emulator.faces.dlms.invocation_counters import FIRST_COUNTERS, CounterPair, Keep, keep_nothing
from protocols.errors import InputError, UnreachableError
from protocols.instants import SECOND_MS, UtcMs, ms_from_iso
from protocols.rim.terminal import line_of, warn

_EPOCH_MS: Final = ms_from_iso("2020-01-01T00:00:00Z")
# Two numbers of ten digits, a blank between them and a line feed: it fits into a sector, and is whole or not.
_FILE_BYTES: Final = 22


def file_of(keys: Path, title: bytes) -> Path:
    """The file beside the keys: of one meter, as two that have the same keys count apart."""
    return keys.with_name(f"{keys.name}.{title.hex()}.counters")


def begin_counters(path: Path | None, now_ms: UtcMs, stack: ExitStack) -> tuple[CounterPair, Keep]:
    """Where both counters begin, and what writes down how far they have come. `path` None: nowhere.

    The file stays open, and locked, until the stack is closed. Raises InputError where it cannot be used, and
    UnreachableError while another meter uses it.
    """
    # A clock that is decades ahead costs half of the counters, and not the keys.
    by_clock = min(max(now_ms - _EPOCH_MS, 0) // SECOND_MS, COUNTER_MAX // 2)
    kept: CounterPair = FIRST_COUNTERS
    keep: Keep = keep_nothing
    if path is not None:
        file = _CounterFile(path)
        stack.callback(file.close)
        kept, keep = file.read(), file.keep
    return CounterPair(*(max(each, by_clock) for each in kept)), keep


class _CounterFile:
    """Both counters in an open file, locked for this process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_told = False
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise InputError(f"{line_of(error)}; allowed: keys in a folder that you may write") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise UnreachableError(f"{path}: another meter uses these keys") from None

    def read(self) -> CounterPair:
        """What was written last; of a new file the first ones. Raises InputError."""
        data = os.pread(self._file, _FILE_BYTES + 1, 0)
        if not data:
            return FIRST_COUNTERS
        words = data.split()
        is_pair = len(data) == _FILE_BYTES and len(words) == len(FIRST_COUNTERS)
        if not is_pair or not all(each.isdigit() for each in words):
            allowed = "two counters; take other keys if nobody knows how far these were used"
            raise InputError(f"{self._path}: no counters of DLMS keys; allowed: {allowed}")
        return CounterPair(*map(int, words))

    def keep(self, pair: CounterPair) -> bool:
        """Write both down, so that a loss of power leaves them. False, and one warning: it cannot be."""
        text = f"{pair.next_received:010d} {pair.next_sent:010d}\n".encode("ascii")
        try:
            is_kept = os.pwrite(self._file, text, 0) == len(text)
            os.fsync(self._file)
        except OSError as error:
            is_kept = False
            self._warn(f"{self._path}: {error.strerror}: its keys serve no client until it can be written")
        return is_kept

    def close(self) -> None:
        """Let another meter have it."""
        os.close(self._file)

    def _warn(self, sentence: str) -> None:
        if not self._is_told:
            warn([sentence])
        self._is_told = True
