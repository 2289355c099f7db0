"""A file that one program uses at a time, and that holds the old content or the new one whatever is killed.

A new content is written beside, synced, and renamed; then the folder is synced, since the name lies there.
Writers of one folder take turns by a lock on it, so that none truncates what another one is writing. The new
file is locked before it gets the name, so that no other program finds it unlocked between.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from protocols.errors import InputError, UnreachableError


def replaced(path: Path, content: bytes) -> int:
    """Puts this content at `path`, on the disk. Returns its descriptor, open and locked. Raises OSError."""
    with _only_writer(path.parent) as folder:
        beside, new = _written_beside(path, content)
        try:
            beside.replace(path)
            os.fsync(folder)
        except OSError:
            os.close(new)
            raise
    return new


def made(path: Path, content: bytes) -> None:
    """Puts this content at `path`, on the disk. Raises OSError: FileExistsError where there is one."""
    with _only_writer(path.parent) as folder:
        beside, new = _written_beside(path, content)
        os.close(new)
        try:
            # A link to an existing name fails, where a rename would replace what lies there.
            os.link(beside, path)
        finally:
            beside.unlink()
        os.fsync(folder)


@contextmanager
def alone(path: Path, what: str) -> Iterator[None]:
    """Within this block no other program is `what`, by a lock on the file at `path`, which stays.

    Raises UnreachableError while another one is, InputError where the file cannot be opened.
    """
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened: {error.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnreachableError(f"{path}: another program is {what}; one at a time") from None
        yield
    finally:
        os.close(lock)


@contextmanager
def _only_writer(folder: Path) -> Iterator[int]:
    """The folder, open and locked: the next writer waits, which is as long as one file is written."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _written_beside(path: Path, content: bytes) -> tuple[Path, int]:
    """A new file beside `path` with this content, on the disk; and its descriptor, open and locked.

    In the place of what a program that was killed has left there. Raises OSError.
    """
    beside = path.with_name(path.name + ".new")
    new = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        fcntl.flock(new, fcntl.LOCK_EX)
        with os.fdopen(os.dup(new), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(new)
    except OSError:
        os.close(new)
        raise
    return beside, new


def opened(path: Path, what: str, if_missing: str) -> int:
    """The open and locked file of this name. `what` it is, for messages; `if_missing`: what to do then.

    Between opening and locking another program may have put a new file in its place: then once more. Raises
    InputError where it cannot be opened, UnreachableError while another program uses it.
    """
    while True:
        try:
            found = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; {if_missing}") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be opened: {error.strerror}") from None
        try:
            fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(found)
            raise UnreachableError(f"{path}: another program uses this {what}") from None
        if path.exists() and os.path.samestat(os.fstat(found), path.stat()):
            return found
        os.close(found)
