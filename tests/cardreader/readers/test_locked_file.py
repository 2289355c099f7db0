"""A file holds the old content or the new one, also with many writers; and its name is on the disk too."""

import os
import threading
from pathlib import Path

import pytest

from cardreader.readers.locked_file import alone, made, opened, replaced
from protocols.errors import InputError, UnreachableError

BYTES = 4_000
WRITES = 40


def test_two_writers_never_mix_what_they_write(tmp_path: Path) -> None:
    path = tmp_path / "limits.json"
    os.close(replaced(path, BYTES * b"A"))
    failed, torn, is_over = list[OSError](), list[bytes](), threading.Event()

    def write(letter: bytes) -> None:
        try:
            for _ in range(WRITES):
                os.close(replaced(path, BYTES * letter))
        except OSError as error:
            failed.append(error)

    def read() -> None:
        while not is_over.is_set():
            found = path.read_bytes()
            if found not in (BYTES * b"A", BYTES * b"B"):
                torn.append(found)

    writers = [threading.Thread(target=write, args=(letter,)) for letter in (b"A", b"B")]
    reader = threading.Thread(target=read)
    for each in (reader, *writers):
        each.start()
    for each in writers:
        each.join()
    is_over.set()
    reader.join()
    assert (failed, torn) == ([], [])
    assert [each.name for each in tmp_path.iterdir()] == ["limits.json"]


def test_the_content_is_synced_before_the_name_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced, folder = tmp_path / "a", list[tuple[bool, bool]](), tmp_path.stat().st_ino
    sync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino == folder, path.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    os.close(replaced(path, b"new"))
    assert synced == [(False, False), (True, True)]
    path.unlink()
    synced.clear()
    made(path, b"made")
    assert synced == [(False, False), (True, True)]
    assert path.read_bytes() == b"made"


def test_what_a_killed_writer_has_left_is_no_content(tmp_path: Path) -> None:
    (tmp_path / "a.new").write_bytes(b"half of something long")
    made(tmp_path / "a", b"whole")
    with pytest.raises(FileExistsError):
        made(tmp_path / "a", b"other")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"a": b"whole"}
    with pytest.raises(OSError, match="No such file"):
        replaced(tmp_path / "none" / "a", b"")


def test_a_file_in_use_is_said_and_one_that_was_replaced_is_opened_anew(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="make it"):
        opened(tmp_path / "a", "card", "make it")
    held = replaced(tmp_path / "a", b"1")
    with pytest.raises(UnreachableError, match="another program uses this card"):
        opened(tmp_path / "a", "card", "make it")
    following = replaced(tmp_path / "a", b"2")
    os.close(held)
    with pytest.raises(UnreachableError):
        opened(tmp_path / "a", "card", "make it")
    os.close(following)
    os.close(opened(tmp_path / "a", "card", "make it"))


def test_one_at_a_time(tmp_path: Path) -> None:
    for _ in range(2):
        with (
            alone(tmp_path / "lock", "the line"),
            pytest.raises(UnreachableError, match="another program is the line"),
            alone(tmp_path / "lock", "the line"),
        ):
            pytest.fail("two of them")
    with pytest.raises(InputError, match="cannot be opened"), alone(tmp_path / "no" / "lock", "the line"):
        pytest.fail("nowhere")
