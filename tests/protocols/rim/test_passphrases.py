"""Passphrases: from a person at a terminal, or from the environment for a machine."""

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from protocols.errors import InputError
from protocols.rim.passphrases import ask_passphrase, new_passphrase, too_short


class Terminal(io.StringIO):
    """Standard input that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_the_passphrase_of_a_machine_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELANCE_PASSPHRASE", "from there")
    assert ask_passphrase("anne") == "from there"
    monkeypatch.setenv("RELANCE_PASSPHRASE", "")
    with pytest.raises(InputError, match="RELANCE_PASSPHRASE: empty"):
        ask_passphrase("anne")


def test_without_a_terminal_and_without_the_variable_there_is_no_passphrase(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RELANCE_PASSPHRASE", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed\n"))
    with pytest.raises(InputError, match="passphrase of anne: no terminal to ask at; set RELANCE_PASSPHRASE"):
        ask_passphrase("anne")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Lets a person type lines at a terminal; what is not typed yet stays in the list."""

    def sit_at(*lines: str) -> list[str]:
        waiting = list(lines)
        monkeypatch.delenv("RELANCE_PASSPHRASE", raising=False)
        monkeypatch.setattr(sys, "stdin", Terminal())
        monkeypatch.setattr("protocols.rim.passphrases.getpass", lambda _prompt: waiting.pop(0))
        return waiting

    return sit_at


def test_an_existing_key_opens_with_whatever_it_has(terminal: Callable[..., list[str]]) -> None:
    waiting = terminal("a", "")
    assert ask_passphrase("anne") == "a"
    with pytest.raises(InputError, match="passphrase of anne: empty"):
        ask_passphrase("anne")
    assert waiting == []


GOOD = "twelve chars"


@pytest.mark.parametrize(
    ("typed", "complaints"),
    [
        ([GOOD, GOOD], []),
        ([GOOD, "twelve cars", GOOD, GOOD], ["the two differ; once more"]),
        (["a", GOOD, GOOD], ["1 character; allowed: 12 characters or more; once more"]),
        (["", "eleven char", GOOD, GOOD], ["empty; allowed", "11 characters; allowed: 12 characters"]),
    ],
)
def test_a_person_who_slips_at_a_new_key_is_asked_again(
    terminal: Callable[..., list[str]],
    capsys: pytest.CaptureFixture[str],
    typed: list[str],
    complaints: list[str],
) -> None:
    waiting = terminal(*typed)
    assert new_passphrase("anne", "With this one anne signs.") == GOOD
    assert waiting == []
    opens, *told = capsys.readouterr().err.splitlines()
    assert opens == "With this one anne signs."
    assert len(told) == len(complaints)
    for line, complaint in zip(told, complaints, strict=True):
        assert line.startswith(f"passphrase of anne: {complaint}")


def test_the_environment_may_not_set_a_short_one_for_a_new_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELANCE_PASSPHRASE", "eleven char")
    with pytest.raises(InputError, match="RELANCE_PASSPHRASE: 11 characters; allowed: 12 characters or more"):
        new_passphrase("anne", "")
    assert ask_passphrase("anne") == "eleven char"
    monkeypatch.setenv("RELANCE_PASSPHRASE", GOOD)
    assert new_passphrase("anne", "") == GOOD


def test_the_passphrases_of_our_own_pages_are_long_enough() -> None:
    pages = [Path("README.md"), *Path("docs").rglob("*.md"), *Path("docs").glob("*.env")]
    shown = [each for page in pages for each in re.findall(r"RELANCE_PASSPHRASE=(\S+)", page.read_text())]
    assert shown
    assert [each for each in shown if too_short(each.strip("'\"`"))] == []
