"""What has left this home, beside the store: a store that is restored from a backup does not know it.

Each line is a reminder's key, how often it had been handed over, and when. It is written before the
hand-over, so it says that a reminder may have gone. A further line says where no server
has answered. The key is a digest of reactivation, household, wave and means: only who has a list of
households can find one in it.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from protocols.errors import InputError

FILE_NAME = "reminders.log"
_PARTS = 3
# A line is far shorter.
_LINE_BYTES_MAX = 200


class Left(NamedTuple):
    """A reminder that is handed over: its key, and for the how manieth time.

    With UNANSWERED in that place: the last time no server has answered.
    """

    key: str
    attempt: int


# No attempt has this number; to earlier versions of this program such a line says nothing.
UNANSWERED: Final = 0


class Gone(NamedTuple):
    """How often a reminder was handed over from here, and how many of these times no server answered."""

    attempts: int = 0
    unanswered: int = 0


NEVER: Final = Gone()


def key_of(campaign: str, ean: str, wave: str, means: str) -> str:
    """The key of a reminder. It is the same where a lost reactivation was opened again by its name."""
    told = f"left\0{campaign}\0{ean}\0{wave}\0{means}"
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def read_log(path: Path) -> Mapping[str, Gone]:
    """What has become of each reminder that was handed over from here; nothing where there is no file.

    Raises InputError for a file that cannot be read, or that is something else. A last line that is torn is
    left out: who was killed there had handed nothing over.
    """
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    found: dict[str, Gone] = {}
    *lines, _torn = text.split("\n")
    for number, line in enumerate(lines, 1):
        parts = line.split(" ")
        if line and (len(parts) != _PARTS or not parts[1].isdecimal()):
            raise InputError(
                f"{path}: line {number}: is no reminder that has left; allowed: what `relance reactivation"
                " send` wrote there; without the file a restored store would send again what had gone"
            )
        if line:
            before, attempt = found.get(parts[0], NEVER), int(parts[1])
            found[parts[0]] = Gone(max(attempt, before.attempts), before.unanswered + (attempt == UNANSWERED))
    return found


def append_to_log(path: Path, left: Iterable[Left], now_ms: int) -> None:
    """Note, on the disk, that these are handed over now, or were not answered.

    Raises InputError where that cannot be noted.
    """
    lines = "".join(f"{each.key} {each.attempt} {now_ms}\n" for each in left)
    if not lines:
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0):
            # Another run may send too: without the lock it writes between the look at the end and the cut.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            whole, end = _whole_bytes(descriptor)
            if whole < end:
                # A torn line of somebody who was killed is cut off: nothing of it was handed over.
                os.ftruncate(descriptor, whole)
            _write_all(descriptor, lines.encode())
            os.fsync(descriptor)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; nothing is sent that could not be noted there") from None


def _write_all(descriptor: int, data: bytes) -> None:
    """Write all of it: the system may take less than it is given."""
    while data:
        data = data[os.write(descriptor, data) :]


def _whole_bytes(descriptor: int) -> tuple[int, int]:
    """Where the last whole line ends, and where the file does."""
    end = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _LINE_BYTES_MAX, max(end - _LINE_BYTES_MAX, 0))
    return end - len(tail) + tail.rfind(b"\n") + 1, end
