"""The help of every command explains it, with an example that can be typed."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from controller.commands import app
from tests.controller.faces.cli.invocation import call, call_outside


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:  # noqa: ANN401
    """Every verb that can be typed, and the text after its help."""
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command.epilog or ""
        return
    for name, each in below.items():
        yield from commands(each, (*path, name))


ALL = dict(commands(get_command(app)))
EXAMPLES = sorted({line for epilog in ALL.values() for line in re.findall(r"- `relance (.*)`", epilog)})


def test_the_promised_commands_are_there() -> None:
    promised = """
        init; serve; timeserver; meters list; meters show; meters why; release; topup; lease status;
        moratorium declare; moratorium extend; moratorium lift; moratorium status; calendar set;
        cut order; cut cancel; flag set; flag clear; clock rebase; audit verify;
        orders list; orders show; orders sign; orders withdraw
        """
    assert {tuple(path.split()) for path in promised.split(";")} <= set(ALL)


@pytest.mark.parametrize("path", sorted(ALL), ids=" ".join)
def test_every_command_shows_itself_in_an_example(path: tuple[str, ...]) -> None:
    assert f"- `relance {' '.join(path)} " in ALL[path]


@pytest.mark.parametrize("path", sorted(ALL), ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...], tmp_path: Path) -> None:
    ended = call(tmp_path, *path, "--help")
    assert (ended.status, ended.err) == (0, "")
    assert "Examples" in ended.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_names_commands_and_options_that_exist(example: str) -> None:
    words = shlex.split(example)
    path = next(tuple(words[:count]) for count in (2, 1) if tuple(words[:count]) in ALL)
    command = get_command(app)
    for name in path:
        command = command.commands[name]  # type: ignore[attr-defined] # a group, as `commands` has found
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_program_alone_shows_its_commands(tmp_path: Path) -> None:
    ended = call_outside(tmp_path)
    assert (ended.status, ended.err) == (2, "")
    assert "moratorium" in ended.out


def test_the_example_of_a_query_in_a_lists_help_is_one_that_the_list_takes(home: Path) -> None:
    for command in ("meters", "orders"):
        shown = " ".join(call(home, command, "list", "--help", settings={"COLUMNS": "300"}).out.split())
        found = re.search(r"Only those that match: '([^']+)'", shown)
        assert found is not None, shown
        assert call(home, command, "list", "--where", found[1]).status == 1, "it is read, and matches nothing"
