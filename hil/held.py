"""One program per bench: a lock beside the bench's file, which says who holds it and since when.

The operating system frees it when its holder ends, however that was; what then lies there is told, and taken.
"""

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from protocols.errors import InputError, UnreachableError
from protocols.instants import iso_from_ms
from protocols.rim.clocks import checked_now_ms

_BYTES_MAX: Final = 1_000


class LockHolder(msgspec.Struct, frozen=True):
    """Who has a bench. `since`: by that machine's clock."""

    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


@contextmanager
def held(bench_file: Path, on_stale: Callable[[str], None]) -> Iterator[None]:
    """Hold a bench. Raises UnreachableError while another program does, naming it.

    `on_stale` is told of a run that ended without letting go of it. A link to a bench's file is that bench.
    """
    real = bench_file.resolve()
    path = real.with_name(real.name + ".lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InputError(f"{path}: the bench's lock cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read(file.read(_BYTES_MAX)) or "another program"
            raise UnreachableError(f"{bench_file}: {holder} has this bench") from None
        left = file.read(_BYTES_MAX)
        if left:
            on_stale(f"{path}: left behind by {_read(left) or 'a run that says nothing'}; taken over")
        _write(file.fileno(), _me())
        try:
            yield
        finally:
            # A run that is killed does not come here: then the next one tells of it.
            _write(file.fileno(), b"")


def _me() -> bytes:
    return msgspec.json.encode(LockHolder(os.getpid(), socket.gethostname(), iso_from_ms(checked_now_ms())))


def _read(data: bytes) -> LockHolder | None:
    try:
        return msgspec.json.decode(data, type=LockHolder)
    except msgspec.DecodeError:
        return None


def _write(descriptor: int, content: bytes) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content, 0)
