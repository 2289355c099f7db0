"""A clerk's key that is open within a shift: no passphrase for each card, and never longer than the shift."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cardreader.cli.test_kiosk_home import BIN, PASSPHRASE
from tests.typed import typed

HOME = ("--home", "k1")
RECOVER = ("recover", *HOME, "--reader", "virtual:card.bin")


class Clerk:
    """Commands of one account, whose passphrase nobody types any more."""

    def __init__(self, desk: Path, runtime: str) -> None:
        self.desk = desk
        self.runtime = {"XDG_RUNTIME_DIR": runtime}

    def types(self, *words: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        settings = self.runtime | {"RELANCE_PASSPHRASE": "this opens no key at all"}
        done = typed("relance-kiosk", *words, cwd=self.desk, settings=settings)
        assert done.returncode == status, (words, done.stdout, done.stderr)
        return done

    def told(self, *words: str, status: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.types(*words, "--json", status=status).stdout)
        return found

    @contextmanager
    def agent(self, key: str = "anna.pem") -> Iterator["subprocess.Popen[str]"]:
        """The agent as a program of its own, once it has said that it is open."""
        settings = {"PATH": "/usr/bin:/bin", "RELANCE_PASSPHRASE": PASSPHRASE, **self.runtime}
        argv = [str(BIN / "relance-kiosk"), "agent", "open", *HOME, "--key", key]
        with subprocess.Popen(
            argv, cwd=self.desk, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as program:
            try:
                assert program.stdout is not None
                line = program.stdout.readline()
                assert "anna's key" in line
                assert "is open for 1 h; Ctrl-C closes it." in line
                yield program
            finally:
                program.kill()


@pytest.fixture
def clerk(desk: Path) -> Iterator[Clerk]:
    with tempfile.TemporaryDirectory() as runtime:  # its name is short enough for a socket
        found = Clerk(desk, runtime)
        found.types("shift", "open", *HOME, "--clerk", "anna")
        yield found


def test_cards_are_written_without_a_passphrase_until_the_shift_ends(clerk: Clerk) -> None:
    assert clerk.told("agent", "status", *HOME, status=1) == {"open": False}
    with clerk.agent() as program:
        done = clerk.types(*RECOVER, "--json")
        assert json.loads(done.stdout)["kind"] == "release"
        assert "anna's agent signs; it is open for another" in done.stderr
        clerk.types(*RECOVER, "--key", "anna.pem")
        queue = clerk.types("queue", "recover", *HOME, "--reader", "virtual:card.bin", "--json")
        assert json.loads(queue.stdout)["did"] == "written"
        assert "wrong passphrase" in clerk.types(*RECOVER, "--key", "dora.pem", status=2).stderr
        shown = clerk.told("agent", "status", *HOME)
        assert (shown["open"], shown["name"], shown["signed"]) == (True, "anna", 3)
        clerk.types("shift", "close", *HOME, "--counted", "0")
        missing = clerk.types(*RECOVER, status=2).stderr
        assert "unless `relance-kiosk agent open` has a clerk's key open" in missing
        said, _ = program.communicate(timeout=20)
        assert program.returncode == 0
    assert said.count("release") == 3
    assert said.splitlines()[-1] == "anna's key is closed; it has signed 3 times."
    assert PASSPHRASE not in said


def test_it_closes_when_it_is_told_to(clerk: Clerk) -> None:
    with clerk.agent() as program:
        second = clerk.types("agent", "open", *HOME, "--key", "anna.pem", status=1)
        assert "`relance-kiosk agent close` closes it" in second.stderr
        assert clerk.told("agent", "close", *HOME) == {"closed": "anna"}
        program.communicate(timeout=20)
    assert clerk.told("agent", "close", *HOME, status=1) == {"closed": None}


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (("open", *HOME, "--key", "anna.pem"), 2, "wrong passphrase"),
        (("open", *HOME, "--key", "gone.pem"), 2, "gone.pem: no such key"),
        (("open", "--key", "anna.pem"), 2, "--home: missing; in practice a clerk of the seed signs"),
        (("open", *HOME, "--key", "anna.pem", "--open-minutes", "61"), 2, "--open-minutes"),
        (("status",), 2, "--home: missing"),
    ],
)
def test_wrong_input_is_one_clear_line(clerk: Clerk, words: tuple[str, ...], status: int, line: str) -> None:
    assert line in clerk.types("agent", *words, status=status).stderr


def test_without_a_shift_no_key_is_opened(clerk: Clerk) -> None:
    clerk.types("shift", "close", *HOME, "--counted", "0")
    settings = {"RELANCE_PASSPHRASE": PASSPHRASE}
    ended = typed(
        "relance-kiosk", "agent", "open", *HOME, "--key", "anna.pem", cwd=clerk.desk, settings=settings
    )
    assert (ended.returncode, "no shift is open" in ended.stderr) == (1, True)
    foreign = typed(
        "relance-kiosk", "agent", "open", *HOME, "--key", "dora.pem", cwd=clerk.desk, settings=settings
    )
    assert (foreign.returncode, "not one of role protect" in foreign.stderr) == (1, True)
