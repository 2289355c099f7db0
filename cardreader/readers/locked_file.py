"""A file that one program uses at a time, and that holds the old content or the new one whatever is killed.

A new content is written beside, synced, and renamed. The new file is locked before it gets the name, so that
no other program finds it unlocked between; no lock file is left behind.
"""

import fcntl
import os
from pathlib import Path

from protocols.errors import InputError, UnreachableError


def written_beside(path: Path, content: bytes) -> tuple[Path, int]:
    """A new file beside `path` with this content, on the disk; and its descriptor, open and locked.

    Raises OSError.
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


def replaced(path: Path, content: bytes) -> int:
    """Puts this content at `path`. Returns its descriptor, open and locked. Raises OSError."""
    beside, new = written_beside(path, content)
    beside.replace(path)
    return new


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
