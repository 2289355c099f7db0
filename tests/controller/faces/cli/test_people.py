"""Who acts without `--as`, and who may not act."""

import errno
from pathlib import Path
from unittest import mock

import pytest

from controller.faces.cli.people import choose_operator
from controller.office.people import key_warning, load_root, operators_of
from controller.office.settings import settings_from
from protocols.documents.kind_rule import Role
from protocols.errors import InputError


@pytest.mark.parametrize(
    ("chosen", "variable", "who"),
    [
        (None, None, "anne"),
        (None, "", "anne"),
        (None, "bart", "bart"),
        ("carl", "bart", "carl"),
    ],
)
def test_the_option_wins_over_the_variable_and_that_over_the_roots_first(
    seeded: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None, variable: str | None, who: str
) -> None:
    monkeypatch.delenv("RELANCE_OPERATOR", raising=False)
    if variable is not None:
        monkeypatch.setenv("RELANCE_OPERATOR", variable)
    assert choose_operator(load_root(seeded / "root.json"), Role.HARM, chosen) == who


@pytest.mark.parametrize(
    ("chosen", "variable", "line"),
    [
        ("dora", None, "--as: dora does not have the role harm; allowed: anne, bart, carl"),
        ("service", None, "--as: service does not have the role harm; allowed: anne, bart, carl"),
        (None, "dora", "RELANCE_OPERATOR: dora does not have the role harm; allowed: anne, bart, carl"),
        ("../anne", None, '--as: "../anne"; allowed: 1 to 64 letters'),
        ("", None, '--as: ""; allowed: 1 to 64 letters'),
    ],
)
def test_a_person_without_the_role_is_refused_by_option_or_variable(
    seeded: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None, variable: str | None, line: str
) -> None:
    monkeypatch.setenv("RELANCE_OPERATOR", variable or "")
    with pytest.raises(InputError) as caught:
        choose_operator(load_root(seeded / "root.json"), Role.HARM, chosen)
    assert str(caught.value).startswith(line)


def test_keys_that_cannot_be_read_are_an_error_of_one_line(seeded: Path) -> None:
    denied = PermissionError(errno.EACCES, "Permission denied")
    with (
        mock.patch.object(Path, "exists", side_effect=denied),
        pytest.raises(InputError, match=f"^{seeded}/keys: cannot be read: Permission denied$"),
    ):
        key_warning(settings_from({}, seeded), "anne")


def test_a_machine_is_never_among_the_people(seeded: Path) -> None:
    root = load_root(seeded / "root.json")
    for role in (Role.PROTECT, Role.HARM, Role.ROOT):
        assert operators_of(root, role) == ("anne", "bart", "carl")
    assert operators_of(root, Role.LEASE) == ("service",)
