"""Files of a run that appear whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from protocols.errors import InputError


def write_whole(path: Path, content: str, option: str) -> None:
    """Write a file beside its place, and put it there once all of it is on the disk.

    Whoever reads meanwhile, and whoever comes after a crash, finds the old file or the new one. Raises
    InputError where it cannot be written, and for a device or a folder, which a file never takes the place
    of; `option` is what a person typed for it.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{option}: {path}: is there and no file; allowed: a file, or a new name")
    beside = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8", newline="") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise InputError(f"{option}: {path}: cannot be written: {error.strerror}") from None
