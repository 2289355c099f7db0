"""Passphrases: from a person at a terminal, or from the environment for a machine."""

import io
import sys

import pytest

from controller.faces.cli.passphrases import ask_passphrase
from protocols.errors import InputError


class Terminal(io.StringIO):
    """Standard input that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_the_passphrase_of_a_machine_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELANCE_PASSPHRASE", "from there")
    assert ask_passphrase("anne", twice=True) == "from there"
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


@pytest.mark.parametrize(
    ("typed", "twice", "outcome"),
    [
        (["one"], False, "one"),
        (["one", "one"], True, "one"),
        (["one", "two"], True, "the two differ"),
        ([""], False, "empty"),
    ],
)
def test_a_person_is_asked_and_asked_again_for_a_new_key(
    monkeypatch: pytest.MonkeyPatch, typed: list[str], twice: bool, outcome: str
) -> None:
    answers = iter(typed)
    monkeypatch.delenv("RELANCE_PASSPHRASE", raising=False)
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("controller.faces.cli.passphrases.getpass", lambda _prompt: next(answers))
    if outcome == "one":
        assert ask_passphrase("anne", twice=twice) == "one"
    else:
        with pytest.raises(InputError, match=outcome):
            ask_passphrase("anne", twice=twice)
    assert next(answers, None) is None
