"""A file of a run appears whole or not at all, and takes the place of a file alone."""

import errno
import os
from pathlib import Path

import pytest

from hil.record.files import write_whole
from protocols.errors import InputError


def test_a_device_or_a_folder_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, tmp_path):
        with pytest.raises(InputError, match=r"--junit: .*: is there and no file; allowed: a file"):
            write_whole(place, "text", "--junit")
    assert pipe.is_fifo()
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


def test_a_disk_that_is_full_leaves_the_old_file_and_nothing_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "record.json"
    write_whole(file, "old", "--out")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot be written: No space left on device"):
        write_whole(file, "new", "--out")
    assert file.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["record.json"]
