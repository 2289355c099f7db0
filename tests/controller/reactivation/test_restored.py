"""A store that was restored from a backup: no reminder goes out twice, unless a person says so.

What each has left is beside the store, in the home (`gone_log`).
"""

import os
import shutil
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from controller.database.engine import open_store, reading
from controller.reactivation import gone_log
from controller.reactivation.gone_log import UNANSWERED, Gone, Left, append_to_log, key_of, read_log
from controller.reactivation.outbox import RESTORED
from controller.reactivation.views import show_household
from protocols.errors import InputError
from tests.controller.households.households import ean
from tests.controller.reactivation.campaign import (
    NAME,
    at,
    counts,
    dispatch,
    open_june,
    plan,
    populate,
    states,
)
from tests.controller.reactivation.mail_server import MailBox


class Restorable:
    """A store in a file, and its backup."""

    def __init__(self, folder: Path, empty: Path) -> None:
        self.path, self.backup = folder / "relance.db", folder / "backup.db"
        shutil.copy(empty, self.path)
        self.engine = open_store(f"sqlite:///{self.path}")
        populate(self.engine, 3)

    def back_up(self) -> None:
        self.engine.dispose()
        shutil.copy(self.path, self.backup)

    def restore(self) -> None:
        self.engine.dispose()
        for each in self.path.parent.glob("relance.db-*"):
            each.unlink()
        shutil.copy(self.backup, self.path)


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> Restorable:
    return Restorable(tmp_path, empty_store)


# The backup is of before the opening, the planning, or the sending; people then do what is lost once more.
@pytest.mark.parametrize("before", ["opening", "planning", "sending"])
def test_after_a_backup_nothing_goes_twice_and_a_person_may_say_otherwise(
    store: Restorable, before: str, mailbox: MailBox, tmp_path: Path
) -> None:
    drop = tmp_path / "post"
    drop.mkdir()
    for step in ("opening", "planning", "sending"):
        if step == before:
            store.back_up()
        do(step, store.engine, mailbox, drop)
    assert len(mailbox.mails) == 3
    store.restore()
    for step in ("opening", "planning")[("opening", "planning", "sending").index(before) :]:
        do(step, store.engine, mailbox, drop)
    sent = dispatch(store.engine, at("05 10:00"), drop, mailbox.url)
    assert (sent.sent, sent.unknown, len(mailbox.mails)) == (0, 3, 3)
    assert states(store.engine) == Counter(sending=3)
    assert counts(store.engine, at("05 10:01")).reached["unknown"] == 3
    with reading(store.engine) as session:
        (notice,) = show_household(session, NAME, ean(1)).notices
    assert notice.reason == RESTORED
    # A quarter of an hour later a person says so: each goes once more, and then no further one.
    assert dispatch(store.engine, at("05 10:20"), drop, mailbox.url, again=True).sent == 3
    assert dispatch(store.engine, at("05 11:20"), drop, mailbox.url, again=True).sent == 0
    assert len(mailbox.mails) == 6


def do(step: str, engine: Engine, mailbox: MailBox, drop: Path) -> None:
    match step:
        case "opening":
            open_june(engine)
        case "planning":
            plan(engine, at("04 12:00"))
        case _:
            dispatch(engine, at("04 12:10"), drop, mailbox.url)


def test_what_was_only_asked_again_by_its_server_is_no_sign_of_a_backup(
    store: Restorable, mailbox: MailBox, tmp_path: Path
) -> None:
    open_june(store.engine)
    plan(store.engine, at("04 12:00"))
    mailbox.answers["h1@example.be"] = "451 later"
    assert dispatch(store.engine, at("04 12:10"), tmp_path, mailbox.url).later == 1
    mailbox.answers.clear()
    assert dispatch(store.engine, at("04 13:10"), tmp_path, mailbox.url).sent == 1


LEFT = st.lists(
    st.builds(
        Left, st.sampled_from([key_of("c", str(n), "w", "email") for n in range(4)]), st.integers(0, 9)
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(first=LEFT, second=LEFT, torn=st.integers(0, 200))
def test_a_log_that_is_torn_anywhere_has_what_was_whole_and_goes_on(
    tmp_path_factory: pytest.TempPathFactory, first: list[Left], second: list[Left], torn: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "reminders.log"
    append_to_log(path, first, 1)
    whole = path.read_bytes() if path.exists() else b""
    path.write_bytes(whole[: max(len(whole) - torn, 0)])
    kept = whole[: max(len(whole) - torn, 0)].count(b"\n")
    assert read_log(path) == highest(first[:kept])
    append_to_log(path, second, 2)
    assert read_log(path) == highest([*first[:kept], *second])


def highest(left: list[Left]) -> dict[str, Gone]:
    attempts = {each.key: [other.attempt for other in left if other.key == each.key] for each in left}
    return {key: Gone(max(numbers), numbers.count(UNANSWERED)) for key, numbers in attempts.items()}


def test_two_runs_that_note_at_once_lose_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one comes between the first one's look at a torn end and its cut."""
    path = tmp_path / "reminders.log"
    path.write_bytes(b"torn")
    ours, theirs = (Left(key_of("c", ean(n), "w", "email"), 1) for n in (1, 2))
    seconds: list[Future[None]] = []
    look = gone_log._whole_bytes

    def looked(descriptor: int) -> tuple[int, int]:
        found = look(descriptor)
        if not seconds:
            seconds.append(pool.submit(append_to_log, path, [theirs], 2))
            # With the lock it cannot end before us: this waits in vain, and shortly.
            wait(seconds, timeout=0.3)
        return found

    monkeypatch.setattr(gone_log, "_whole_bytes", looked)
    with ThreadPoolExecutor(1) as pool:
        append_to_log(path, [ours], 1)
        seconds[0].result()
    assert read_log(path) == highest([ours, theirs])


def test_a_system_that_takes_a_line_in_pieces_gets_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    left = [Left(key_of("c", ean(n), "w", "email"), n) for n in (1, 2)]
    append_to_log(tmp_path / "reminders.log", left, 1)
    assert read_log(tmp_path / "reminders.log") == highest(left)


@pytest.mark.parametrize("content", [b"hello\n", b"key x 1\n", b"\xff\n"])
def test_a_file_that_is_something_else_is_named_and_nothing_is_sent(
    store: Restorable, mailbox: MailBox, tmp_path: Path, content: bytes
) -> None:
    open_june(store.engine)
    plan(store.engine, at("04 12:00"))
    (tmp_path / "reminders.log").write_bytes(content)
    with pytest.raises(InputError, match=r"reminders\.log: "):
        dispatch(store.engine, at("04 12:10"), tmp_path, mailbox.url)
    assert states(store.engine) == Counter(planned=3)
